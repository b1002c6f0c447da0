"""Convolution over edges: gather senders, multiply by harmonics, weigh every path, sum at receivers.

All peers compute the same paths, natural parity, every path with an output of its own; 5000 edges, 250
nodes, 64 channels. FlashCart is also compiled, to degree 3, which takes minutes that are not counted;
compiled code has no second derivatives. The floor is what one core, or the GPU, needs at least: the larger
of the time to move every number once and the time of the multiply-adds at the rate of a large matrix
product. The last column is how many times faster ours runs on two cores, in wall time.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch

from benchmarks.goals import goals
from benchmarks.timing import Case, Machine, interleaved, leaf, machine, on_threads
from cartesian.kernels.edges import sort_edges
from cartesian.ops.convolution import convolution
from cartesian.programs.build import convolution as build
from cartesian.programs.program import Program

EDGES, NODES, CHANNELS = 5000, 250, 64
COMPILED_TO = 3


def natural(degree: int, channels: int = CHANNELS) -> str:
    return "+".join(f"{channels}x{l}{'eo'[l % 2]}" for l in range(degree + 1))


class Graph(NamedTuple):
    """Senders, receivers in order, number of nodes."""

    senders: torch.Tensor
    receivers: torch.Tensor
    nodes: int


def graph(edges: int = EDGES, nodes: int = NODES) -> Graph:
    """A random graph on torch's default device."""
    generator = torch.Generator().manual_seed(0)
    senders, receivers = torch.randint(0, nodes, (2, edges), generator=generator, device="cpu")
    device = torch.get_default_device()
    return Graph(senders.to(device), receivers.sort().values.to(device), nodes)


def leaves(
    degree: int, dtype: torch.dtype, edges: int = EDGES, nodes: int = NODES
) -> dict[str, torch.Tensor]:
    size = (degree + 1) ** 2
    return {
        "features": leaf(nodes, size * CHANNELS, dtype=dtype, seed=1),
        "harmonics": leaf(edges, size, dtype=dtype, seed=2),
        "weights": leaf(edges, program(degree).row(0), dtype=dtype, seed=3),
    }


def program(degree: int) -> Program:
    return build(natural(degree), degree, natural(degree))


Convolve = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""From features, harmonics and weights; made for a degree, a dtype and a graph."""


def ours(degree: int, dtype: torch.dtype, graph: Graph) -> Convolve:
    del dtype
    paths, edges = program(degree), sort_edges(*graph)
    return lambda x, y, w: convolution(paths, x, y, w, edges)


def e3nn(degree: int, dtype: torch.dtype, graph: Graph) -> Convolve:
    from e3nn import o3

    terms = program(degree).form.terms
    product = o3.TensorProduct(
        natural(degree),
        natural(degree, 1),
        o3.Irreps([(CHANNELS, (t.degrees[2], (-1) ** t.degrees[2])) for t in terms]),
        [(t.degrees[0], t.degrees[1], k, "uvu", True) for k, t in enumerate(terms)],
        shared_weights=False,
        internal_weights=False,
    ).to(graph.senders.device, dtype)

    def convolve(x: torch.Tensor, y: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        messages = product(x.index_select(0, graph.senders), y, w)
        return messages.new_zeros(graph.nodes, messages.shape[1]).index_add(0, graph.receivers, messages)

    return convolve


def cuequivariance(degree: int, dtype: torch.dtype, graph: Graph) -> Convolve:
    import cuequivariance as cue
    import cuequivariance_torch as cuet

    irreps = [cue.Irreps("O3", natural(degree, channels).replace("+", " + ")) for channels in (CHANNELS, 1)]
    product = cuet.ChannelWiseTensorProduct(
        *irreps,
        [cue.O3(l, (-1) ** l) for l in range(degree + 1)],
        shared_weights=False,
        internal_weights=False,
        layout=cue.ir_mul,
        device=graph.senders.device,
        dtype=dtype,
        math_dtype=dtype,
        method="naive" if graph.senders.device.type == "cpu" else "uniform_1d",
    )
    return lambda x, y, w: product(
        x, y, w, indices_1=graph.senders, indices_out=graph.receivers, size_out=graph.nodes
    )


def flashcart(degree: int, dtype: torch.dtype, graph: Graph) -> Convolve:
    from flashcart import o3

    triton = graph.senders.device.type == "cuda"
    product = o3.TensorProduct(degree, degree, degree, CHANNELS, 1, use_triton=triton)
    product = product.to(graph.senders.device, dtype)
    return lambda x, y, w: product(x, y, w, graph.receivers, graph.senders)


PEERS = {"cartesian": ours, "e3nn": e3nn, "cuEquivariance": cuequivariance, "FlashCart": flashcart}


def cases(degree: int, dtype: torch.dtype, compiled: bool) -> Iterator[Case]:
    """Everybody who is installed; on torch's default device."""
    inputs = leaves(degree, dtype)
    for name, make in PEERS.items():
        try:
            convolve = make(degree, dtype, graph())
        except ImportError as error:
            print(f"without {name}: {error}", flush=True)
            continue
        yield Case(name, convolve, inputs, ("harmonics", "weights"))
        if compiled and name == "FlashCart" and degree <= COMPILED_TO:
            yield Case("FlashCart, compiled", torch.compile(convolve, dynamic=False), inputs, twice=False)


def floor(degree: int, dtype: torch.dtype, core: Machine) -> float:
    """Least milliseconds of the forward pass."""
    paths = program(degree)
    moved, rows = paths.numbers_moved, {"edge": EDGES, "sender": NODES, "receiver": NODES}
    size = torch.finfo(dtype).bits // 8
    memory = sum(moved[place] * rows[place] for place in moved) * size / core.bandwidth
    arithmetic = paths.multiply_adds * EDGES / core.multiply_adds[dtype]
    return 1e3 * max(memory, arithmetic)


def main(
    degrees: tuple[int, ...] = (1, 2, 3, 4), compiled: bool = True, seconds: float = 1.0, device: str = "cpu"
) -> list[dict]:
    """Time everybody at every degree and dtype; one row per (degree, dtype, mode, candidate)."""
    torch.set_num_threads(1)
    core, rows = machine(device), []
    for dtype in (torch.float32, torch.float64):
        for degree in degrees:
            torch._dynamo.reset()
            with torch.device(device):
                found = list(cases(degree, dtype, compiled))
            for mode in found[0].modes():
                runs = {case.name: case.modes()[mode] for case in found if mode in case.modes()}
                for name, milliseconds in interleaved(runs, seconds, device=device).items():
                    row = {
                        "degree": degree,
                        "dtype": str(dtype)[6:],
                        "mode": mode,
                        "who": name,
                        "ms": milliseconds,
                        "device": device,
                    }
                    if name == "cartesian" and mode == "forward":
                        row["floor"] = floor(degree, dtype, core)
                    if name == "cartesian" and device == "cpu":
                        one, two = on_threads(runs[name]).values()
                        row["two cores"] = one / two
                    rows.append(row)
                    print(*row.values(), flush=True)
    return rows


def table(rows: list[dict]) -> str:
    """Markdown: ours, and how many times longer the fastest eager peer and the compiled one take."""
    lines = [
        "| degrees | dtype | mode | ours (ms) | floor (ms) | fastest eager peer | compiled peer | 2 cores |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for key in dict.fromkeys((row["degree"], row["dtype"], row["mode"]) for row in rows):
        here = [row for row in rows if (row["degree"], row["dtype"], row["mode"]) == key]
        mine = next(row for row in here if row["who"] == "cartesian")
        eager, compiled = (
            speedups(mine, [row for row in here if row is not mine and ("compiled" in row["who"]) is wanted])
            for wanted in (False, True)
        )
        least = f"{mine['floor']:.2f}" if "floor" in mine else ""
        second = f"{mine['two cores']:.1f}×" if "two cores" in mine else ""
        cells = [f"0…{key[0]}", *key[1:], f"{mine['ms']:.2f}", least, eager, compiled, second]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join((*lines, "", goals(rows)))


def speedups(mine: dict, peers: list[dict], named: bool = True) -> str:
    """Time of the fastest peer, in units of ours as well, and who it is."""
    if not peers:
        return "–"
    best = min(peers, key=lambda row: row["ms"])
    ratio = best["ms"] / mine["ms"]
    who = f" ({best['who'].removesuffix(', compiled')})" if named else ""
    return f"{best['ms']:.1f} ms, {ratio:.{1 if ratio < 10 else 0}f}×{who}"
