"""Harmonics of 20 000 vectors, divided by their lengths, all degrees from 0.

The floor is what one core needs at least for the forward pass: the larger of the time to move every number
once and the time of the multiply-adds at the rate of a large matrix product.
"""

from collections.abc import Iterator

import torch

from benchmarks.timing import Case, Machine, interleaved, leaf, machine
from cartesian.ops.harmonics import harmonics
from cartesian.programs.harmonics import Harmonics, lanes

VECTORS = 20_000


def leaves(dtype: torch.dtype) -> dict[str, torch.Tensor]:
    return {"vectors": leaf(VECTORS, 3, dtype=dtype, seed=1)}


def ours(degree: int, dtype: torch.dtype) -> Iterator[Case]:
    yield Case("cartesian", lambda r: harmonics(r, degree), leaves(dtype), ("vectors",))


def sphericart(degree: int, dtype: torch.dtype) -> Iterator[Case]:
    import sphericart.torch

    module = sphericart.torch.SphericalHarmonics(degree)
    yield Case("sphericart", module.compute, leaves(dtype), ("vectors",))


def e3nn(degree: int, dtype: torch.dtype) -> Iterator[Case]:
    from e3nn import o3

    degrees = list(range(degree + 1))

    def values(r: torch.Tensor) -> torch.Tensor:
        return o3.spherical_harmonics(degrees, r, True, normalization="component")

    yield Case("e3nn", values, leaves(dtype), ("vectors",))
    yield Case("e3nn, compiled", torch.compile(values, dynamic=False), leaves(dtype), twice=False)


def floor(degree: int, dtype: torch.dtype, core: Machine) -> float:
    """Least milliseconds of the forward pass on one core."""
    memory = (3 + (degree + 1) ** 2) * torch.finfo(dtype).bits / 8 / core.bandwidth
    arithmetic = lanes(Harmonics(degree).text).multiply_adds / core.multiply_adds[dtype]
    return 1e3 * VECTORS * max(memory, arithmetic)


def main(degrees: tuple[int, ...] = (1, 2, 3, 4), compiled: bool = True, seconds: float = 1.0) -> list[dict]:
    """Time everybody at every degree and dtype; one row per (degree, dtype, mode, candidate)."""
    torch.set_num_threads(1)
    core, rows = machine(), []
    for dtype in (torch.float32, torch.float64):
        for degree in degrees:
            torch._dynamo.reset()
            cases: list[Case] = []
            for build_cases in (ours, sphericart, e3nn):
                try:
                    found = list(build_cases(degree, dtype))
                except ImportError as error:
                    print(f"without {build_cases.__name__}: {error}", flush=True)
                else:
                    cases += [case for case in found if compiled or "compiled" not in case.name]
            for mode in cases[0].modes():
                runs = {case.name: case.modes()[mode] for case in cases if mode in case.modes()}
                for name, milliseconds in interleaved(runs, seconds).items():
                    row = {"degree": degree, "dtype": str(dtype)[6:], "mode": mode, "who": name}
                    least = floor(degree, dtype, core) if mode == "forward" else None
                    rows.append(row | {"ms": milliseconds, "floor": least})
                    print(*row.values(), f"{milliseconds:.3f} ms", flush=True)
    return rows


def table(rows: list[dict]) -> str:
    """Markdown: ours, and how many times longer sphericart and e3nn take."""
    lines = [
        "| degrees | dtype | mode | ours (ms) | floor (ms) | sphericart | e3nn | e3nn, compiled |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for key in dict.fromkeys((row["degree"], row["dtype"], row["mode"]) for row in rows):
        here = [row for row in rows if (row["degree"], row["dtype"], row["mode"]) == key]
        mine = next(row for row in here if row["who"] == "cartesian")
        peers = ("sphericart", "e3nn", "e3nn, compiled")
        cells = [speedup(mine, [row for row in here if row["who"] == peer]) for peer in peers]
        least = f"{mine['floor']:.3f}" if mine["floor"] else ""
        lines.append(
            f"| 0…{key[0]} | {key[1]} | {key[2]} | {mine['ms']:.3f} | {least} | {' | '.join(cells)} |"
        )
    return "\n".join(lines)


def speedup(mine: dict, peers: list[dict]) -> str:
    """Time of the fastest peer, and in units of ours."""
    if not peers:
        return "–"
    best = min(row["ms"] for row in peers)
    return f"{best:.2f} ms, {best / mine['ms']:.1f}×"
