"""Programs in plain torch: on any device and in any floating-point dtype, term by term."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cartesian.kernels.arrays import constant
from cartesian.kernels.edges import Edges
from cartesian.kernels.reference import formula
from cartesian.programs.program import Form, Program, Term


def run(program: Program, operands: Sequence[Tensor], edges: Edges | None) -> list[Tensor]:
    """Run a program on operands of shape `(rows, ·)`; without `edges`, every leg lives on the rows."""
    form, like = program.form, operands[0]
    per_edge = [
        array
        if edges is None or form.legs[leg].place == "edge"
        else array.index_select(0, edges.row_of(form.legs[leg].place))
        for array, leg in zip(operands, program.operands, strict=True)
    ]
    rows = edges.senders.shape[0] if edges else like.shape[0]
    sums = [like.new_zeros((rows, program.row(leg))) for leg in program.outputs]
    for contraction in program.contractions:
        omitted = contraction.omitted
        for term in form.terms:
            given = [
                component(form, term, leg, per_edge[operand])
                for leg, operand in enumerate(contraction.operands)
                if operand is not None
            ]
            part = torch.einsum(formula(form, omitted), constant(term.table, like), *given)
            component(form, term, omitted, sums[contraction.output]).add_(part)
    return [
        _scatter(total, form.legs[leg].place, edges) for total, leg in zip(sums, program.outputs, strict=True)
    ]


def component(form: Form, term: Term, leg: int, rows: Tensor) -> Tensor:
    """What a term sees of the rows of a leg: a view, shaped as in `formula`."""
    start, width, first = term.slots[leg]
    dim = term.dims()[leg]
    block = rows[:, start : start + dim * width].reshape(rows.shape[0], dim, width)
    if form.legs[leg].shared:
        return block[..., 0]
    block = block[..., first : first + term.channels]
    return block[:, 0] if leg == 0 else block


def _scatter(rows: Tensor, place: str, edges: Edges | None) -> Tensor:
    if edges is None or place == "edge":
        return rows
    return rows.new_zeros((edges.rows(place), rows.shape[1])).index_add(0, edges.row_of(place), rows)
