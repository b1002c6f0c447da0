"""Memory of a training step: the peak above the state before, of one convolution in a process of its own.

20 000 edges, 1000 nodes, 64 channels, float32. A training step takes gradients with respect to harmonics
(directions in the chain) and weights, and those of half their squared norm with respect to everything. The
state before holds the inputs and what a step on a small graph leaves behind. The floor is what a step holds
in the end at least: the result, the gradients that make the loss, and those of the loss. *Formed* makes the
weights of all paths inside, of 8 radial numbers per edge; *chain* adds paths up, from directions, and
spans harmonics of twice the degree; the others take weights of all paths from memory.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.convolution import CHANNELS, PEERS, graph, leaves, natural, program
from benchmarks.timing import Case, leaf
from cartesian.kernels.edges import sort_edges
from cartesian.ops.convolution import convolution
from cartesian.ops.directions import convolve_directions
from cartesian.programs.build import convolution as build
from cartesian.programs.chain import Chain

EDGES, NODES, RADIAL = 20_000, 1000, 8
DTYPE = torch.float32
MIB = 2**20
# Set to 5, the peak begins anew at what is held now.
_PEAK = Path("/proc/self/clear_refs")


def formed(degree: int, edges: int, nodes: int) -> Case:
    """Ours, with weights formed inside."""
    paths, index = program(degree), sort_edges(*graph(edges, nodes))
    inputs = leaves(degree, DTYPE, edges, nodes)
    inputs["weights"] = leaf(edges, RADIAL, dtype=DTYPE, seed=3)
    inputs["matrix"] = leaf(RADIAL, paths.row(0), dtype=DTYPE, seed=4)
    return Case(
        "cartesian, formed",
        lambda x, y, r, matrix: convolution(paths, x, y, (r, matrix), index),
        inputs,
        ("harmonics", "weights"),
    )


def chain(degree: int, edges: int, nodes: int) -> Case:
    """Ours, summed over the paths, with weights of the chain."""
    features, index = natural(degree), sort_edges(*graph(edges, nodes))
    chain = Chain(build(features, 2 * degree, features, kind="summed"), "chain")
    inputs = {
        "features": leaf(nodes, (degree + 1) ** 2 * CHANNELS, dtype=DTYPE, seed=1),
        "directions": torch.nn.functional.normalize(leaf(edges, 3, dtype=DTYPE, seed=2).detach()),
        "weights": leaf(edges, chain.weights * CHANNELS, dtype=DTYPE, seed=3),
    }
    inputs["directions"].requires_grad_()
    return Case(
        "cartesian, chain",
        lambda x, u, w: convolve_directions(chain, x, u, w, index),
        inputs,
        ("directions", "weights"),
    )


def stored(name: str) -> Callable[[int, int, int], Case]:
    """Anybody, with weights of all paths from memory."""

    def case(degree: int, edges: int, nodes: int) -> Case:
        convolve = PEERS[name](degree, DTYPE, graph(edges, nodes))
        return Case(name, convolve, leaves(degree, DTYPE, edges, nodes), ("harmonics", "weights"))

    return case


SUBJECTS = {
    "cartesian": stored("cartesian"),
    "cartesian, formed": formed,
    "cartesian, chain": chain,
    **{name: stored(name) for name in PEERS if name != "cartesian"},
}


def measured(name: str, degree: int, device: str) -> dict[str, float]:
    """MiB of a step in this process."""
    torch.set_num_threads(1)
    with torch.device(device):
        SUBJECTS[name](degree, 400, 20).train()
        case = SUBJECTS[name](degree, EDGES, NODES)
        result = case.forward()
    inputs = [case.leaves[name] for name in case.leaves]
    operands = sum(array.nbytes for array in inputs) / MIB
    loss = sum(case.leaves[name].nbytes for name in case.positions) / MIB
    least = result.nbytes / MIB + loss + operands
    weights = case.leaves["weights"].nbytes / MIB
    del result
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = float(torch.cuda.memory_allocated())
        case.train()
        peak = (torch.cuda.max_memory_allocated() - before) / MIB
    else:
        _PEAK.write_text("5")
        before = _resident("VmRSS")
        case.train()
        peak = _resident("VmHWM") - before
    return {"operands": operands, "weights": weights, "floor": least, "peak": peak}


def _resident(what: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/self/status does not say {what}; memory is measured on Linux")


def main(degrees: tuple[int, ...] = (1, 2, 3), device: str = "cpu") -> list[dict]:
    """Measure everybody who is installed; one row per (degree, candidate)."""
    rows = []
    for degree in degrees:
        for name in SUBJECTS:
            command = [sys.executable, "-m", "benchmarks.memory", name, str(degree), device]
            # Large pieces of memory go back to the system when they are free, and count when they are not.
            environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1"}
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
            if "ModuleNotFoundError" in done.stderr:
                print(f"without {name}: {done.stderr.splitlines()[-1]}", flush=True)
                continue
            if done.returncode:
                raise RuntimeError(f"{name} at degree {degree} failed: {done.stderr[-2000:]}")
            rows.append({"degree": degree, "who": name, **json.loads(done.stdout.splitlines()[-1])})
            print(*rows[-1].values(), flush=True)
    return rows


def table(rows: list[dict]) -> str:
    """Markdown: MiB of everybody, and in units of the floor."""
    lines = [
        "| degrees | who | operands (MiB) | of these weights | floor (MiB) | peak (MiB) | peak / floor |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        sizes = " | ".join(f"{row[key]:.0f}" for key in ("operands", "weights", "floor", "peak"))
        lines.append(f"| 0…{row['degree']} | {row['who']} | {sizes} | {row['peak'] / row['floor']:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], int(sys.argv[2]), sys.argv[3])))
