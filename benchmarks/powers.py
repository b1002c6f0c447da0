"""Symmetric powers: correlation 3, degrees up to 3, 128 channels, 200 nodes of 4 elements, out 0e + 1o.

MACE's contraction, as it is without cuEquivariance, spans what ours spans, with more weights: of correlation
3 it has 23 and 51 per element and channel, of which 8 and 12 are independent. It runs in an environment of
its own, `--python mace=PATH`. FlashCart's product is a recurrence of pairwise products, with a channel mix at
the end.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial

import torch

from benchmarks.convolution import natural, speedups
from benchmarks.elsewhere import Elsewhere, serve
from benchmarks.timing import Case, Run, interleaved, leaf
from cartesian.ops.powers import symmetric_powers
from cartesian.programs.powers import power_program

NODES, CHANNELS, ELEMENTS, CORRELATION, DEGREE, OUT = 200, 128, 4, 3, 3, 1


def species() -> torch.Tensor:
    return torch.arange(NODES) % ELEMENTS


def ours(dtype: torch.dtype) -> Case:
    power = power_program(natural(DEGREE, 1), CORRELATION, natural(OUT, 1))
    elements = species()
    leaves = {
        "features": leaf(NODES, power.irreps.dim * CHANNELS, dtype=dtype, seed=1),
        "weights": leaf(ELEMENTS, power.weights, CHANNELS, dtype=dtype, seed=2),
    }
    return Case("cartesian", lambda x, w: symmetric_powers(power, x, w, elements), leaves, ("features",))


def flashcart(dtype: torch.dtype) -> Case:
    from flashcart.nn.layers import ProductLayer

    triton = torch.get_default_device().type == "cuda"
    module = ProductLayer(
        DEGREE,
        OUT,
        CHANNELS,
        n_elements=ELEMENTS,
        correlation=CORRELATION,
        path_reduced=True,
        use_triton=triton,
    )
    features = leaf(NODES, (DEGREE + 1) ** 2 * CHANNELS, dtype=dtype, seed=1)
    return _module("FlashCart", module.to(features), features, species())


def mace(dtype: torch.dtype) -> Case:
    from e3nn import o3
    from mace.modules.symmetric_contraction import SymmetricContraction

    irreps = [o3.Irreps(natural(degree, CHANNELS)) for degree in (DEGREE, OUT)]
    module = SymmetricContraction(*irreps, correlation=CORRELATION, num_elements=ELEMENTS)
    features = leaf(NODES, CHANNELS, (DEGREE + 1) ** 2, dtype=dtype, seed=1)
    elements = torch.nn.functional.one_hot(species(), ELEMENTS).to(features)
    return _module("MACE", module.to(features), features, elements)


def _module(name: str, module: torch.nn.Module, features: torch.Tensor, elements: torch.Tensor) -> Case:
    parameters = {f"parameter {k}": p for k, p in enumerate(module.parameters())}
    return Case(name, lambda x, *_: module(x, elements), {"features": features, **parameters}, ("features",))


def main(pythons: Mapping[str, str], seconds: float = 1.0, device: str = "cpu") -> list[dict]:
    """Time everybody at every dtype; one row per (dtype, mode, candidate)."""
    torch.set_num_threads(1)
    rows = []
    for dtype in (torch.float32, torch.float64):
        modes: dict[str, Mapping[str, Run]] = {}
        with ExitStack() as processes:
            for case in _cases(dtype, device):
                modes[case.name] = case.modes()
            if "mace" in pythons:
                arguments = pythons["mace"], "benchmarks.powers", "mace", str(dtype)[6:], device
                modes["MACE"] = processes.enter_context(Elsewhere(*arguments)).modes()
            for mode in modes["cartesian"]:
                runs = {name: found[mode] for name, found in modes.items()}
                for name, milliseconds in interleaved(runs, seconds, device=device).items():
                    rows.append({"dtype": str(dtype)[6:], "mode": mode, "who": name, "ms": milliseconds})
                    print(*rows[-1].values(), flush=True)
    return rows


def _cases(dtype: torch.dtype, device: str) -> Iterator[Case]:
    with torch.device(device):
        yield ours(dtype)
        try:
            yield flashcart(dtype)
        except ImportError as error:
            print(f"without FlashCart: {error}", flush=True)


def table(rows: list[dict]) -> str:
    """Markdown: ours, and how many times longer each peer takes."""
    peers = list(dict.fromkeys(row["who"] for row in rows if row["who"] != "cartesian"))
    lines = [
        f"| dtype | mode | ours (ms) | {' | '.join(peers)} |",
        "| --- | --- |" + " --- |" * (len(peers) + 1),
    ]
    for key in dict.fromkeys((row["dtype"], row["mode"]) for row in rows):
        here = [row for row in rows if (row["dtype"], row["mode"]) == key]
        mine = next(row for row in here if row["who"] == "cartesian")
        cells = [speedups(mine, [row for row in here if row["who"] == peer], named=False) for peer in peers]
        lines.append(f"| {key[0]} | {key[1]} | {mine['ms']:.2f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _distant(library: str, dtype: str, device: str) -> Mapping[str, Callable[[], object]]:
    torch.set_num_threads(1)
    with torch.device(device):
        return {"mace": mace}[library](getattr(torch, dtype)).modes()


if __name__ == "__main__":
    serve(partial(_distant, *sys.argv[1:]))
