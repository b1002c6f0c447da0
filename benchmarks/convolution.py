"""Convolution over edges: gather senders, multiply by harmonics, weigh every path, sum at receivers.

All peers compute the same paths, natural parity, every path with an output of its own. Compile times are
not counted. The floor is what one core needs at least: the larger of the time to move every number once
and the time of the multiply-adds at the rate of a large matrix product.
"""

from collections.abc import Iterator

import torch

from benchmarks.timing import Case, Machine, interleaved, leaf, machine
from cartesian.kernels.edges import sort_edges
from cartesian.ops.convolution import convolution
from cartesian.programs.build import convolution as build
from cartesian.programs.program import Program

EDGES, NODES, CHANNELS = 5000, 250, 64


def natural(degree: int, channels: int = CHANNELS) -> str:
    return "+".join(f"{channels}x{l}{'eo'[l % 2]}" for l in range(degree + 1))


def graph() -> tuple[torch.Tensor, torch.Tensor]:
    """Senders, and receivers in order."""
    generator = torch.Generator().manual_seed(0)
    receivers = torch.randint(0, NODES, (EDGES,), generator=generator).sort().values
    return torch.randint(0, NODES, (EDGES,), generator=generator), receivers


def leaves(degree: int, weights: int, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    size = (degree + 1) ** 2
    return {
        "features": leaf(NODES, size * CHANNELS, dtype=dtype, seed=1),
        "harmonics": leaf(EDGES, size, dtype=dtype, seed=2),
        "weights": leaf(EDGES, weights, dtype=dtype, seed=3),
    }


def ours(degree: int, dtype: torch.dtype) -> Iterator[Case]:
    program = build(natural(degree), degree, natural(degree))
    edges = sort_edges(*graph(), NODES)
    yield Case(
        "cartesian",
        lambda x, y, w: convolution(program, x, y, w, edges),
        leaves(degree, program.row(0), dtype),
        ("harmonics", "weights"),
    )


def e3nn(degree: int, dtype: torch.dtype) -> Iterator[Case]:
    import e3nn
    from e3nn import o3

    senders, receivers = graph()
    program = build(natural(degree), degree, natural(degree))
    torch.set_default_dtype(dtype)
    terms = program.form.terms
    for compiled in (False, True):
        e3nn.set_optimization_defaults(jit_mode="eager" if compiled else "script")
        out = o3.Irreps([(CHANNELS, (t.degrees[2], (-1) ** t.degrees[2])) for t in terms])
        paths = [(t.degrees[0], t.degrees[1], k, "uvu", True) for k, t in enumerate(terms)]
        product = o3.TensorProduct(
            natural(degree), natural(degree, 1), out, paths, shared_weights=False, internal_weights=False
        )

        def convolve(x, y, w, product=product):
            messages = product(x.index_select(0, senders), y, w)
            return messages.new_zeros(NODES, messages.shape[1]).index_add(0, receivers, messages)

        yield from _variant("e3nn", convolve, leaves(degree, program.row(0), dtype), compiled)


def cuequivariance(degree: int, dtype: torch.dtype) -> Iterator[Case]:
    import cuequivariance as cue
    import cuequivariance_torch as cuet

    senders, receivers = graph()
    irreps = [cue.Irreps("O3", natural(degree, channels).replace("+", " + ")) for channels in (CHANNELS, 1)]
    product = cuet.ChannelWiseTensorProduct(
        *irreps,
        [cue.O3(l, (-1) ** l) for l in range(degree + 1)],
        shared_weights=False,
        internal_weights=False,
        layout=cue.ir_mul,
        dtype=dtype,
        math_dtype=dtype,
        method="naive",
    )

    def convolve(x, y, w):
        return product(x, y, w, indices_1=senders, indices_out=receivers, size_out=NODES)

    for compiled in (False, True):
        yield from _variant("cuEquivariance", convolve, leaves(degree, product.weight_numel, dtype), compiled)


def flashcart(degree: int, dtype: torch.dtype) -> Iterator[Case]:
    from flashcart import o3

    senders, receivers = graph()
    torch.set_default_dtype(dtype)
    product = o3.TensorProduct(degree, degree, degree, CHANNELS, 1)

    def convolve(x, y, w):
        return product(x, y, w, receivers, senders)

    for compiled in (False, True):
        weights = product.n_total_paths * CHANNELS
        yield from _variant("FlashCart", convolve, leaves(degree, weights, dtype), compiled)


def _variant(name, function, inputs, compiled) -> Iterator[Case]:
    if compiled:
        # Compiled code has no second derivatives.
        yield Case(f"{name}, compiled", torch.compile(function, dynamic=False), inputs, twice=False)
    else:
        yield Case(name, function, inputs, ("harmonics", "weights"))


def floor(program: Program, dtype: torch.dtype, core: Machine) -> float:
    """Least milliseconds of the forward pass on one core."""
    moved, rows = program.numbers_moved, {"edge": EDGES, "sender": NODES, "receiver": NODES}
    size = torch.finfo(dtype).bits // 8
    memory = sum(moved[place] * rows[place] for place in moved) * size / core.bandwidth
    arithmetic = program.multiply_adds * EDGES / core.multiply_adds[dtype]
    return 1e3 * max(memory, arithmetic)


def main(degrees: tuple[int, ...] = (1, 2, 3), compiled: bool = True, seconds: float = 1.0) -> list[dict]:
    """Time everybody at every degree and dtype; one row per (degree, dtype, mode, candidate)."""
    torch.set_num_threads(1)
    core, rows = machine(), []
    for dtype in (torch.float32, torch.float64):
        for degree in degrees:
            torch._dynamo.reset()
            cases: list[Case] = []
            for build_cases in (ours, e3nn, cuequivariance, flashcart):
                try:
                    cases += [
                        case for case in build_cases(degree, dtype) if compiled or "compiled" not in case.name
                    ]
                except ImportError as error:
                    print(f"without {build_cases.__name__}: {error}", flush=True)
            torch.set_default_dtype(torch.float32)
            least = floor(build(natural(degree), degree, natural(degree)), dtype, core)
            for mode in cases[0].modes():
                runs = {case.name: case.modes()[mode] for case in cases if mode in case.modes()}
                for name, milliseconds in interleaved(runs, seconds).items():
                    row = {"degree": degree, "dtype": str(dtype)[6:], "mode": mode, "who": name}
                    rows.append(row | {"ms": milliseconds, "floor": least if mode == "forward" else None})
                    print(*row.values(), f"{milliseconds:.2f} ms", flush=True)
    return rows


def table(rows: list[dict]) -> str:
    """Markdown: ours, and how many times longer the fastest eager and compiled peers take."""
    lines = [
        "| degrees | dtype | mode | ours (ms) | floor (ms) | fastest eager peer | fastest compiled peer |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for key in dict.fromkeys((row["degree"], row["dtype"], row["mode"]) for row in rows):
        here = [row for row in rows if (row["degree"], row["dtype"], row["mode"]) == key]
        mine = next(row for row in here if row["who"] == "cartesian")
        cells = [
            speedups(
                mine, [row for row in here if row is not mine and ("compiled" in row["who"]) is compiled]
            )
            for compiled in (False, True)
        ]
        least = f"{mine['floor']:.2f}" if mine["floor"] else ""
        lines.append(
            f"| 0…{key[0]} | {key[1]} | {key[2]} | {mine['ms']:.2f} | {least} | {cells[0]} | {cells[1]} |"
        )
    return "\n".join(lines)


def speedups(mine: dict, peers: list[dict]) -> str:
    if not peers:
        return "–"
    best = min(peers, key=lambda row: row["ms"])
    return f"{best['ms']:.1f} ms, {best['ms'] / mine['ms']:.0f}× ({best['who']})"
