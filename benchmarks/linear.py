"""Linear maps of 2000 rows, and fully connected products of 64 rows: degrees 0 to 3, natural parity.

The limit is the time of the same multiply-adds at the rate of a large matrix product: once forward, and once
more for every gradient (of features and weights). All peers compute the same paths.
"""

from collections.abc import Iterator
from math import prod

import torch

from benchmarks.convolution import natural, speedups
from benchmarks.timing import Case, interleaved, leaf, machine
from cartesian.ops.linear import linear
from cartesian.ops.tensor_product import tensor_product
from cartesian.programs.mixing import mixings
from cartesian.programs.tensor_product import tensor_product as build
from cartesian.spec import Irreps

ROWS = {"linear": 2000, "fully connected": 64}
DEGREE = 3


def ours(kind: str, channels: int, dtype: torch.dtype) -> Iterator[Case]:
    irreps, inputs = Irreps(natural(DEGREE, channels)), leaves(kind, channels, dtype)
    if kind == "linear":
        yield Case("cartesian", lambda w, x: linear(x, w, irreps, irreps), inputs, ("left",))
    else:
        program = build(irreps, irreps, irreps)
        yield Case("cartesian", lambda w, x, y: tensor_product(program, x, y, w), inputs, ("left", "right"))


def e3nn(kind: str, channels: int, dtype: torch.dtype) -> Iterator[Case]:
    from e3nn import o3

    torch.set_default_dtype(dtype)
    irreps, inputs = natural(DEGREE, channels), leaves(kind, channels, dtype)
    options = {"internal_weights": False, "shared_weights": True}
    if kind == "linear":
        module = o3.Linear(irreps, irreps, **options)
        yield Case("e3nn", lambda w, x: module(x, w), inputs, ("left",))
    else:
        product = o3.FullyConnectedTensorProduct(irreps, irreps, irreps, **options)
        yield Case("e3nn", lambda w, x, y: product(x, y, w), inputs, ("left", "right"))


def cuequivariance(kind: str, channels: int, dtype: torch.dtype) -> Iterator[Case]:
    import cuequivariance as cue
    import cuequivariance_torch as cuet

    irreps = cue.Irreps("O3", natural(DEGREE, channels).replace("+", " + "))
    inputs = leaves(kind, channels, dtype)
    options = {"internal_weights": False, "shared_weights": True, "layout": cue.ir_mul, "dtype": dtype}
    if kind == "linear":
        module = cuet.Linear(irreps, irreps, **options)
        yield Case("cuEquivariance", lambda w, x: module(x, w[None]), inputs, ("left",))
    else:
        product = cuet.FullyConnectedTensorProduct(irreps, irreps, irreps, **options)
        yield Case("cuEquivariance", lambda w, x, y: product(x, y, w[None]), inputs, ("left", "right"))


def leaves(kind: str, channels: int, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    irreps = Irreps(natural(DEGREE, channels))
    if kind == "linear":
        weights = mixings(irreps, irreps)[-1].weights.stop
    else:
        weights = build(irreps, irreps, irreps).weights
    names = ("left",) if kind == "linear" else ("left", "right")
    features = {name: leaf(ROWS[kind], irreps.dim, dtype=dtype, seed=k) for k, name in enumerate(names)}
    return {"weights": leaf(weights, dtype=dtype, seed=9), **features}


def multiply_adds(kind: str, channels: int) -> int:
    """Least number per row, forward."""
    irreps = Irreps(natural(DEGREE, channels))
    if kind == "linear":
        parts = mixings(irreps, irreps)
        return sum(irreps[part.target].irrep.dim * prod(part.shape) for part in parts)
    form = build(irreps, irreps, irreps).form
    assert form is not None
    return form.multiply_adds


def main(compiled: bool = True, seconds: float = 1.0) -> list[dict]:  # noqa: ARG001
    """Time everybody; one row per (kind, channels, mode, candidate)."""
    torch.set_num_threads(1)
    core, rows, dtype = machine(), [], torch.float32
    for kind, count in ROWS.items():
        for channels in (64, 128):
            cases: list[Case] = []
            for build_cases in (ours, cuequivariance, e3nn):
                try:
                    cases += build_cases(kind, channels, dtype)
                except ImportError as error:
                    print(f"without {build_cases.__name__}: {error}", flush=True)
            torch.set_default_dtype(torch.float32)
            least = 1e3 * multiply_adds(kind, channels) * count / core.multiply_adds[dtype]
            for mode in cases[0].modes():
                limit = {"forward": least, "forward + backward": least * (1 + len(cases[0].leaves))}.get(mode)
                times = interleaved({case.name: case.modes()[mode] for case in cases}, seconds, 3)
                for name, milliseconds in times.items():
                    row = {"kind": kind, "channels": channels, "mode": mode, "who": name}
                    rows.append(row | {"ms": milliseconds, "limit": limit})
                    print(*row.values(), f"{milliseconds:.2f} ms", flush=True)
    return rows


def table(rows: list[dict]) -> str:
    """Markdown: ours, in units of the limit, and how many times longer the fastest peer takes."""
    lines = [
        "| kind | channels | mode | ours (ms) | limit (ms) | fastest peer |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for key in dict.fromkeys((row["kind"], row["channels"], row["mode"]) for row in rows):
        here = [row for row in rows if (row["kind"], row["channels"], row["mode"]) == key]
        mine = next(row for row in here if row["who"] == "cartesian")
        limit = f"{mine['limit']:.2f}, {mine['ms'] / mine['limit']:.2f}×" if mine["limit"] else ""
        peers = speedups(mine, [row for row in here if row is not mine])
        lines.append(f"| {key[0]} | {key[1]} | {key[2]} | {mine['ms']:.2f} | {limit} | {peers} |")
    return "\n".join(lines)
