r"""The derivative of a program is a program.

A contraction with output $o$ on the leg $k$, paired with a cotangent $g_o$, is the number
$F(\dots, g_o, \dots)$ with $g_o$ on that leg. Its gradient with respect to an operand is the form
with the operand's leg left out and $g_o$ on leg $k$: a contraction again.
"""

from collections.abc import Collection, Sequence

from cartesian.programs.program import Contraction, Program


def derivative(program: Program, wanted: Sequence[int]) -> Program:
    """Program of the gradients of the outputs, paired with cotangents, with respect to operands.

    Args:
        program: What is differentiated.
        wanted: Indices of the operands with respect to which.

    Returns:
        Operands: those of `program`, then one cotangent per output. Outputs: one per `wanted`.

    Examples:
        >>> from cartesian.programs.build import convolution
        >>> program = convolution("4x1o", 1, "0e")
        >>> [c.operands for c in derivative(program, (0, 1, 2)).contractions]
        [(None, 1, 2, 3), (0, None, 2, 3), (0, 1, None, 3)]
    """
    for operand in wanted:
        if not 0 <= operand < len(program.operands):
            raise ValueError(f"a program of {len(program.operands)} operands has no operand {operand}")
    contractions = []
    for contraction in program.contractions:
        paired = list(contraction.operands)
        paired[contraction.omitted] = len(program.operands) + contraction.output
        for leg, factor in enumerate(contraction.operands):
            if factor is not None and factor in wanted:
                left_out = (*paired[:leg], None, *paired[leg + 1 :])
                contractions.append(Contraction(left_out, wanted.index(factor)))
    return Program(
        program.form,
        program.operands + program.outputs,
        tuple(program.operands[operand] for operand in wanted),
        tuple(contractions),
    )


def without(program: Program, absent: Collection[int]) -> Program:
    """The program when some operands are zero: without them and every contraction that has them."""
    kept = [i for i in range(len(program.operands)) if i not in absent]
    number: dict[int | None, int | None] = {None: None, **{i: k for k, i in enumerate(kept)}}
    contractions = [
        Contraction(tuple(number[i] for i in c.operands), c.output)
        for c in program.contractions
        if not any(i in absent for i in c.operands)
    ]
    return Program(
        program.form, tuple(program.operands[i] for i in kept), program.outputs, tuple(contractions)
    )
