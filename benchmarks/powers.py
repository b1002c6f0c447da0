"""Symmetric powers: correlation 3, degrees up to 3, 128 channels, 200 nodes of 4 elements, out 0e + 1o.

The peers' products span what they choose to: cuEquivariance the independent couplings, as ours do; FlashCart
a recurrence of pairwise products with a channel mix at the end.
"""

from collections.abc import Iterator

import torch

from benchmarks.convolution import natural, speedups
from benchmarks.timing import Case, interleaved, leaf
from cartesian.ops.powers import symmetric_powers
from cartesian.programs.powers import power_program

NODES, CHANNELS, ELEMENTS, CORRELATION, DEGREE, OUT = 200, 128, 4, 3, 3, 1
SPECIES = torch.arange(NODES) % ELEMENTS


def ours(dtype: torch.dtype) -> Iterator[Case]:
    power = power_program(natural(DEGREE, 1), CORRELATION, natural(OUT, 1))
    leaves = {
        "features": leaf(NODES, power.irreps.dim * CHANNELS, dtype=dtype, seed=1),
        "weights": leaf(ELEMENTS, power.weights, CHANNELS, dtype=dtype, seed=2),
    }
    yield Case("cartesian", lambda x, w: symmetric_powers(power, x, w, SPECIES), leaves, ("features",))


def cuequivariance(dtype: torch.dtype) -> Iterator[Case]:
    import cuequivariance as cue
    import cuequivariance_torch as cuet

    irreps = [cue.Irreps("O3", natural(degree, CHANNELS).replace("+", " + ")) for degree in (DEGREE, OUT)]
    module = cuet.SymmetricContraction(
        *irreps,
        contraction_degree=CORRELATION,
        num_elements=ELEMENTS,
        layout=cue.ir_mul,
        dtype=dtype,
        math_dtype=dtype,
        method="naive",
    )
    yield _module("cuEquivariance", module, dtype)


def flashcart(dtype: torch.dtype) -> Iterator[Case]:
    from flashcart.nn.layers import ProductLayer

    torch.set_default_dtype(dtype)
    module = ProductLayer(
        DEGREE, OUT, CHANNELS, n_elements=ELEMENTS, correlation=CORRELATION, path_reduced=True
    )
    yield _module("FlashCart", module, dtype)


def _module(name: str, module: torch.nn.Module, dtype: torch.dtype) -> Case:
    parameters = {f"parameter {k}": p for k, p in enumerate(module.parameters())}
    features = leaf(NODES, (DEGREE + 1) ** 2 * CHANNELS, dtype=dtype, seed=1)
    return Case(
        name,
        lambda x, *_: module(x, SPECIES.to(torch.int64)),
        {"features": features, **parameters},
        ("features",),
    )


def main(compiled: bool = True, seconds: float = 1.0) -> list[dict]:  # noqa: ARG001
    """Time everybody at every dtype; one row per (dtype, mode, candidate)."""
    torch.set_num_threads(1)
    rows = []
    for dtype in (torch.float32, torch.float64):
        cases: list[Case] = []
        for build_cases in (ours, cuequivariance, flashcart):
            try:
                cases += build_cases(dtype)
            except ImportError as error:
                print(f"without {build_cases.__name__}: {error}", flush=True)
        torch.set_default_dtype(torch.float32)
        for mode in cases[0].modes():
            times = interleaved({case.name: case.modes()[mode] for case in cases}, seconds)
            for name, milliseconds in times.items():
                rows.append({"dtype": str(dtype)[6:], "mode": mode, "who": name, "ms": milliseconds})
                print(*rows[-1].values(), flush=True)
    return rows


def table(rows: list[dict]) -> str:
    """Markdown: ours, and how many times longer the fastest peer takes."""
    lines = ["| dtype | mode | ours (ms) | fastest peer |", "| --- | --- | --- | --- |"]
    for key in dict.fromkeys((row["dtype"], row["mode"]) for row in rows):
        here = [row for row in rows if (row["dtype"], row["mode"]) == key]
        mine = next(row for row in here if row["who"] == "cartesian")
        peers = speedups(mine, [row for row in here if row is not mine])
        lines.append(f"| {key[0]} | {key[1]} | {mine['ms']:.2f} | {peers} |")
    return "\n".join(lines)
