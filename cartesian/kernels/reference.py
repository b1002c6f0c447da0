"""Programs in NumPy, written to be read: the answer all other kernels are tested against."""

from collections.abc import Sequence

import numpy as np

from cartesian.kernels.edges import Edges
from cartesian.programs.program import OUT, RIGHT, Form, Program, Slot, Term


def run(program: Program, operands: Sequence[np.ndarray], edges: Edges | None) -> list[np.ndarray]:
    """Run a program on operands of shape `(rows, ·)`; without `edges`, every leg lives on the rows."""
    form = program.form
    legs = [form.legs[leg] for leg in program.operands]
    per_edge = [
        array if edges is None or leg.place == "edge" else array[edges.row_of(leg.place)]
        for array, leg in zip(operands, legs, strict=True)
    ]
    rows, dtype = len(edges.senders) if edges else len(operands[0]), operands[0].dtype
    sums = [np.zeros((rows, program.row(leg)), dtype) for leg in program.outputs]
    for contraction in program.contractions:
        omitted = contraction.omitted
        for term in form.terms:
            given = [
                component(form, term, leg, per_edge[operand])
                for leg, operand in enumerate(contraction.operands)
                if operand is not None
            ]
            part = np.einsum(formula(form, omitted), term.table.astype(dtype), *given)
            columns = slot_columns(form, term, omitted)
            sums[contraction.output][:, columns] += part
    return [
        _scatter(total, form.legs[leg].place, edges) for total, leg in zip(sums, program.outputs, strict=True)
    ]


def formula(form: Form, omitted: int) -> str:
    """Contraction of one term in the notation of `einsum`, with the coupling first."""
    legs = ["ec", "eac", "eb" if form.legs[RIGHT].shared else "ebc", "eoc"]
    given = ",".join(letters for leg, letters in enumerate(legs) if leg != omitted)
    return f"abo,{given}->{legs[omitted]}"


def component(form: Form, term: Term, leg: int, rows: np.ndarray) -> np.ndarray:
    """What a term sees of the rows of a leg, shaped as in `formula`."""
    return rows[:, slot_columns(form, term, leg)]


def slot_columns(form: Form, term: Term, leg: int) -> np.ndarray:
    """Where the components and channels of a term lie in a row of a leg."""
    slot: Slot = term.slots[leg]
    components = slot.start + slot.width * np.arange(term.dims()[leg])
    if form.legs[leg].shared:
        return components
    columns = components[:, None] + slot.first + np.arange(term.channels)
    return columns if leg in (1, RIGHT, OUT) else columns[0]


def _scatter(rows: np.ndarray, place: str, edges: Edges | None) -> np.ndarray:
    if edges is None or place == "edge":
        return rows
    result = np.zeros((edges.rows(place), rows.shape[1]), rows.dtype)
    np.add.at(result, edges.row_of(place), rows)
    return result
