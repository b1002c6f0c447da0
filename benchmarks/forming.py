"""Weights formed inside a convolution, beside a matrix product that forms all of them before it.

5000 edges, 250 nodes, 64 channels, float32. The weights of an edge are made of 8 or 64 radial numbers by one
matrix. A training step takes gradients with respect to harmonics and radial numbers, and those of half their
squared norm with respect to everything. What it holds in memory is in the table of memory.
"""

import torch

from benchmarks.convolution import EDGES, graph, leaves, program
from benchmarks.timing import Case, interleaved, leaf
from cartesian.kernels.edges import sort_edges
from cartesian.ops.convolution import convolution


def cases(degree: int, radial: int) -> tuple[Case, Case]:
    """Weights formed inside, and before."""
    paths, edges, inputs = program(degree), sort_edges(*graph()), leaves(degree, torch.float32)
    inputs["weights"] = leaf(EDGES, radial, dtype=torch.float32, seed=3)
    inputs["matrix"] = leaf(radial, paths.row(0), dtype=torch.float32, seed=4)
    geometry = ("harmonics", "weights")
    return (
        Case("cartesian", lambda x, y, r, m: convolution(paths, x, y, (r, m), edges), inputs, geometry),
        Case("formed before", lambda x, y, r, m: convolution(paths, x, y, r @ m, edges), inputs, geometry),
    )


def main(degrees: tuple[int, ...] = (1, 2, 3), seconds: float = 1.0) -> list[dict]:
    """Time both; one row per (degree, radial numbers, mode, way)."""
    torch.set_num_threads(1)
    rows = []
    for degree in degrees:
        for radial in (8, 64):
            found = cases(degree, radial)
            for mode in found[0].modes():
                for name, milliseconds in interleaved(
                    {c.name: c.modes()[mode] for c in found}, seconds
                ).items():
                    row = {"degree": degree, "radial": radial, "mode": mode, "who": name, "ms": milliseconds}
                    rows.append(row)
                    print(*row.values(), flush=True)
    return rows


def table(rows: list[dict]) -> str:
    """Markdown: milliseconds of both, and how many times longer the matrix product before takes."""
    lines = [
        "| degrees | radial numbers | mode | formed inside (ms) | formed before (ms) | |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for inside, before in zip(rows[::2], rows[1::2], strict=True):
        times = f"{inside['ms']:.2f} | {before['ms']:.2f} | {before['ms'] / inside['ms']:.2f}×"
        lines.append(f"| 0…{inside['degree']} | {inside['radial']} | {inside['mode']} | {times} |")
    return "\n".join(lines)
