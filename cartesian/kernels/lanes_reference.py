"""Straight-line programs in NumPy, written to be read."""

from collections.abc import Sequence

import numpy as np

from cartesian.programs.lanes import Lanes


def run(program: Lanes, operands: Sequence[np.ndarray], groups: np.ndarray, count: int) -> list[np.ndarray]:
    """Run a program on operands `(rows or groups, ·, channels)`; `groups` is the group of every row."""
    per_row = [
        array if leg.place == "row" else array[groups]
        for array, leg in zip(operands, program.operands, strict=True)
    ]
    values: list[np.ndarray] = []
    for kind, left, right in program.instructions:
        if kind == "load":
            values.append(per_row[left][:, right])
        else:
            values.append(values[left] + values[right] if kind == "add" else values[left] * values[right])
    outputs = []
    for leg, results in zip(program.outputs, program.results, strict=True):
        rows = len(groups) if leg.place == "row" else count
        out = np.zeros((rows, leg.length, operands[0].shape[2]), operands[0].dtype)
        for component, result in enumerate(results):
            if result is not None:
                np.add.at(
                    out[:, component], np.arange(rows) if leg.place == "row" else groups, values[result]
                )
        outputs.append(out)
    return outputs
