r"""Weights formed where they are used: from few radial numbers per edge, and one matrix.

$$w_{e,pc} = \sum_r R_{er}\, W_{r,pc}$$

makes the form of a convolution linear in one more argument, so its gradients are found by the same rule
(`cartesian.programs.derivative`). The weights of all edges need never be in memory at once: for some edges
at a time they are formed, used as those of the plain program, and forgotten.
"""

from functools import cache
from typing import NamedTuple

from cartesian.programs.program import OUT, WEIGHTS, Contraction, Form, Leg, Program
from cartesian.spec import Irreps

RADIAL = 4


@cache
def formed(program: Program, radial: int) -> Program:
    r"""A convolution whose weights are formed from radial numbers.

    Args:
        program: The convolution with weights given.
        radial: Number of radial numbers of an edge.

    Returns:
        Operands matrix `(radial, ·)`, left `(senders, ·)`, right `(edges, ·)`, radial `(edges, radial)`;
        output as before.

    Raises:
        ValueError: If the program is not a convolution.

    Examples:
        >>> from cartesian.programs.build import convolution
        >>> program = formed(convolution("4x0e", 1), 8)
        >>> [(program.form.legs[leg].name, program.row(leg)) for leg in program.operands]
        [('matrix', 8), ('left', 4), ('right', 4), ('radial', 8)]
    """
    weights, left, right, out = program.form.legs
    if program.operands != (0, 1, 2) or left.place != "sender":
        raise ValueError("weights are formed in a convolution, from operands weights, left and right")
    legs = (
        Leg("matrix", weights.irreps, "radial"),
        left,
        right,
        out,
        Leg("radial", Irreps([(radial, "0e")]), "edge"),
    )
    contraction = Contraction((0, 1, 2, None, 3), 0)
    return Program(Form(legs, program.form.terms), (0, 1, 2, RADIAL), (3,), (contraction,))


class Gradient(NamedTuple):
    """An output on the leg of the matrix or of the radial numbers, from a gradient of the weights.

    Attributes:
        output: Number of the output.
        leg: Its leg.
        factor: The operand on the other of the two legs.
        weights: Number of the inner output that holds the gradient of the weights.
    """

    output: int
    leg: int
    factor: int
    weights: int


class Inner(NamedTuple):
    """What is run for some edges at a time.

    Attributes:
        program: Its operands are weights, then given ones; outputs are gradients of weights, then others.
        tiles: The products, radial and matrix operand, whose sum each of its weights is.
        given: The operands it takes beside them.
        gradients: Outputs made of its gradients of weights.
        others: Outputs it gives as they are.
    """

    program: Program
    tiles: tuple[tuple[tuple[int, int], ...], ...]
    given: tuple[int, ...]
    gradients: tuple[Gradient, ...]
    others: tuple[int, ...]


@cache
def inner(program: Program) -> Inner:
    """The plain program behind one with weights formed inside, or behind a derivative of it."""
    uses: dict[tuple[int, int], list[Contraction]] = {}
    gradients: dict[tuple[int, int, int], list[tuple[int | None, ...]]] = {}
    for contraction in program.contractions:
        matrix, left, right, out, radial = contraction.operands
        if matrix is not None and radial is not None:
            use = Contraction((None, left, right, out), contraction.output)
            uses.setdefault((radial, matrix), []).append(use)
        else:
            leg, factor = (RADIAL, matrix) if matrix is not None else (WEIGHTS, radial)
            assert factor is not None
            gradients.setdefault((contraction.output, leg, factor), []).append((left, right, out))
    tiles: dict[tuple[Contraction, ...], list[tuple[int, int]]] = {}
    for product, used in uses.items():  # what is always used together is added before
        tiles.setdefault(tuple(sorted(used, key=str)), []).append(product)
    given = tuple(k for k, leg in enumerate(program.operands) if leg not in (WEIGHTS, RADIAL))
    others = tuple(k for k, leg in enumerate(program.outputs) if leg not in (WEIGHTS, RADIAL))
    sums = {tuple(sorted(parts, key=str)): None for parts in gradients.values()}  # each computed once
    number = {parts: k for k, parts in enumerate(sums)}
    place: dict[int | None, int | None] = {operand: len(tiles) + k for k, operand in enumerate(given)}
    place[None] = None
    contractions = [
        Contraction((None, *(place[operand] for operand in part)), k)
        for parts, k in number.items()
        for part in parts
    ]
    for tile, together in enumerate(tiles):
        for c in together:
            rest = (place[operand] for operand in c.operands[1:])
            contractions.append(Contraction((tile, *rest), len(sums) + others.index(c.output)))
    legs = list(program.form.legs[: OUT + 1])
    legs[WEIGHTS] = legs[WEIGHTS]._replace(name="weights", place="edge")
    return Inner(
        Program(
            Form(tuple(legs), program.form.terms),
            (WEIGHTS,) * len(tiles) + tuple(program.operands[k] for k in given),
            (WEIGHTS,) * len(sums) + tuple(program.outputs[k] for k in others),
            tuple(contractions),
        ),
        tuple(map(tuple, tiles.values())),
        given,
        tuple(Gradient(*key, number[tuple(sorted(parts, key=str))]) for key, parts in gradients.items()),
        others,
    )
