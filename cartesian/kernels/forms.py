"""Forms with weights that all rows share, on NumPy arrays and torch tensors; in torch differentiable to any order.

A form is told by its text. The gradient of the form with one leg left out is the form with another leg left out.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from cartesian.kernels import connected, mixing
from cartesian.kernels.arrays import namespace
from cartesian.programs.connected import Connected
from cartesian.programs.mixing import LinearMap


def run(form: Connected | LinearMap, operands: Sequence[Any]) -> Any:
    """The form with its last leg left out: a linear map, or a product."""
    omitted = len(form.lengths) - 1
    if namespace(*operands).__name__ == "numpy":
        return evaluate(form.text, operands, omitted)
    from cartesian.kernels import form_operators

    return form_operators.run(form.text, operands, omitted)


def evaluate(text: str, operands: Sequence[Any], omitted: int) -> Any:
    """The form of a text on all legs but one."""
    form, way = parse(text)
    return way(form, operands, omitted)


@cache
def parse(text: str) -> tuple[Any, Callable[..., Any]]:
    """A form, and the function that evaluates it."""
    kind = text.partition(";")[0]
    return (LinearMap.parse(text), mixing.evaluate) if kind == "linear" else (Connected.parse(text), connected.evaluate)


def length(text: str, leg: int) -> int:
    """Number of weights, or length of the rows of a leg."""
    lengths: tuple[int, ...] = parse(text)[0].lengths
    return lengths[leg]
