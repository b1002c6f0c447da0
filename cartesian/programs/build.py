r"""From irreps to programs: convolutions over edges and products on nodes."""

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from itertools import product as pairs
from typing import Literal, NamedTuple

from cartesian.programs.program import Contraction, Form, Leg, Place, Program, Slot, Term
from cartesian.spec import Block, Irrep, Irreps
from cartesian.symbolic.coupling import coupling_norm_squared

Kind = Literal["separate", "summed"]
Normalization = Literal["natural", "component"]


def convolution(
    left: Irreps | str,
    edge: Irreps | str | int,
    out: Irreps | str | None = None,
    kind: Kind = "separate",
    normalization: Normalization = "component",
) -> Program:
    r"""Program of a convolution: features of senders times harmonics of edges, summed at receivers.

    $$z_{i,oc} = \sum_{j \to i} \sum_p w_{ji,pc} \sum_{ab} C^p_{abo}\, x_{j,ac}\, Y_{ji,b}$$

    Every path couples one block of `left` with one irrep of the edge, channel by channel. The order of
    the paths, and of their weights in a row, is that of the outputs (sorted), then of the blocks of
    `left`, then of `edge`.

    Args:
        left: Features of the senders.
        edge: Irreps of the edges, one channel each; an integer stands for the harmonics up to that degree.
        out: Irreps wanted. Channels do not matter to "separate"; `None` takes all irreps.
        kind: "separate" gives every path channels of its own, as MACE, NequIP and ICTP do: in a block of
            the output the channels of its paths stand side by side. "summed" adds the paths into one output
            channel by channel, as HotPP does; every path then needs the channels of its output.
        normalization: "natural" uses the natural couplings; "component" scales them to the squared norm
            $2\ell_3 + 1$, so that components of variance 1 give components of variance 1.

    Returns:
        Operands weights `(edges, ·)`, left `(senders, ·)`, right `(edges, ·)`; output `(receivers, ·)`.

    Raises:
        ValueError: If no path leads to an irrep of `out`, if `edge` has channels, or if "summed" finds
            paths whose channels differ from those of the output.

    Examples:
        >>> convolution("8x0e + 8x1o", 1, "0e + 1o").form.legs[3].irreps
        16x0e+16x1o
    """
    right = Irreps.harmonics(edge) if isinstance(edge, int) else Irreps(edge)
    if any(block.channels != 1 for block in right):
        raise ValueError(
            f"an edge has one channel of each irrep, not {right}; channels come from the senders"
        )
    return _build(Irreps(left), right, _wanted(out), kind, normalization, ("sender", "edge", "receiver"))


def product(
    left: Irreps | str,
    right: Irreps | str,
    out: Irreps | str | None = None,
    kind: Kind = "separate",
    normalization: Normalization = "component",
) -> Program:
    r"""Program of a product of two sets of features, channel with equal channel, row by row.

    $$z_{oc} = \sum_p w_{pc} \sum_{ab} C^p_{abo}\, x_{ac}\, y_{bc}$$

    Only blocks with equal numbers of channels are coupled. Arguments as for `convolution`.

    Examples:
        >>> product("8x1o", "8x1o").form.legs[3].irreps
        8x0e+8x1e+8x2e
    """
    return _build(Irreps(left), Irreps(right), _wanted(out), kind, normalization, ("edge", "edge", "edge"))


@cache
def paired(program: Program) -> Program:
    """A convolution with one row of weights for an edge and its opposite, whose lengths are the same.

    Examples:
        >>> paired(convolution("4x0e", 1, "1o")).form.legs[0].place
        'pair'
    """
    weights, *others = program.form.legs
    form = Form((weights._replace(place="pair"), *others), program.form.terms)
    return Program(form, program.operands, program.outputs, program.contractions)


class _Found(NamedTuple):
    """A path between blocks, before it has a place in the output."""

    left: int
    right: int
    out: Irrep
    channels: int


def _wanted(out: Irreps | str | None) -> Irreps | None:
    return None if out is None else Irreps(out)


@cache
def _build(
    left: Irreps,
    right: Irreps,
    out: Irreps | None,
    kind: Kind,
    normalization: Normalization,
    places: tuple[Place, Place, Place],
) -> Program:
    shared = places[0] != places[1]
    found = sorted(_paths(left, right, out, shared), key=lambda path: (path.out, path.left, path.right))
    if out is not None:
        for block in out:
            if all(path.out != block.irrep for path in found):
                raise ValueError(f"no path leads from {left} times {right} to {block.irrep}")
    if kind == "separate":
        irreps, slots = _separate(found)
    elif kind == "summed":
        irreps, slots = _summed(found, left, out)
    else:
        raise ValueError(f"paths are kept 'separate' or 'summed', not {kind!r}")
    weights = Irreps((path.channels, "0e") for path in found)
    terms = tuple(
        _term(path, left, right, weights.slices[k].start, slot, normalization)
        for k, (path, slot) in enumerate(zip(found, slots, strict=True))
    )
    legs = (
        Leg("weights", weights.simplify(), "edge"),
        Leg("left", left, places[0]),
        Leg("right", right, places[1], shared),
        Leg("out", irreps, places[2]),
    )
    return Program(Form(legs, terms), (0, 1, 2), (3,), (Contraction((0, 1, 2, None), 0),))


def _paths(left: Irreps, right: Irreps, out: Irreps | None, shared: bool) -> Iterator[_Found]:
    for (i, a), (j, b) in pairs(enumerate(left), enumerate(right)):
        if a.channels and (shared or a.channels == b.channels):
            for irrep in a.irrep * b.irrep:
                if out is None or irrep in out:
                    yield _Found(i, j, irrep, a.channels)


def _separate(found: list[_Found]) -> tuple[Irreps, list[Slot]]:
    """Paths into one irrep side by side in the channels of one block."""
    irreps = Irreps((path.channels, path.out) for path in found).simplify()
    blocks = {
        block.irrep: (part.start, block.channels) for block, part in zip(irreps, irreps.slices, strict=True)
    }
    filled = dict.fromkeys(blocks, 0)
    slots = []
    for path in found:
        slots.append(Slot(*blocks[path.out], filled[path.out]))
        filled[path.out] += path.channels
    return irreps, slots


def _summed(found: list[_Found], left: Irreps, out: Irreps | None) -> tuple[Irreps, list[Slot]]:
    """Paths into one irrep on top of each other."""
    if out is None:
        irreps = Irreps(dict.fromkeys((path.channels, path.out) for path in found))
    else:
        irreps = out
    where: dict[Irrep, tuple[Block, int]] = {}
    for block, part in zip(irreps, irreps.slices, strict=True):
        if block.irrep in where:
            raise ValueError(f"summed paths need one block per irrep, but {irreps} has {block.irrep} twice")
        where[block.irrep] = block, part.start
    slots = []
    for path in found:
        block, start = where[path.out]
        if path.channels != block.channels:
            raise ValueError(
                f"{left[path.left]} cannot be added to {block} channel by channel; "
                "give both the same number of channels, or keep the paths separate"
            )
        slots.append(Slot(start, block.channels, 0))
    return irreps, slots


def _term(
    path: _Found, left: Irreps, right: Irreps, weight: int, out: Slot, normalization: Normalization
) -> Term:
    degrees = left[path.left].irrep.degree, right[path.right].irrep.degree, path.out.degree
    if normalization == "component":
        scale = Fraction(2 * degrees[2] + 1) / coupling_norm_squared(*degrees)
    elif normalization == "natural":
        scale = Fraction(1)
    else:
        raise ValueError(f"couplings are normalised as 'natural' or 'component', not {normalization!r}")
    slots = (
        Slot(weight, path.channels, 0),
        Slot(left.slices[path.left].start, left[path.left].channels, 0),
        Slot(right.slices[path.right].start, right[path.right].channels, 0),
        out,
    )
    return Term(degrees, scale, path.channels, slots)
