"""The door to forms with weights that all rows share: linear maps, and fully connected products."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cartesian.kernels.arrays import namespace
from cartesian.kernels.form_values import evaluate
from cartesian.kernels.groups import Groups


def run(text: str, operands: Sequence[Any], groups: Groups | None = None) -> Any:
    """The form of a text with its last leg left out, on NumPy arrays or torch tensors; weights are leg 0.

    With groups of rows there are weights for each, `(groups, ·)`.

    In torch differentiable to any order: the gradient of the form with one leg left out is the form with
    another leg left out.
    """
    omitted = len(operands)
    if namespace(*operands) is np:
        return evaluate(text, operands, omitted, groups)
    from cartesian.kernels import form_operators

    return form_operators.run(text, operands, omitted, groups)
