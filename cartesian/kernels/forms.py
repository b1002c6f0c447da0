"""Forms with weights that all rows share, on NumPy arrays and torch tensors; in torch differentiable to any order.

A form is told by its text, which is how it travels through graphs of torch. The gradient of the form with one leg left
out is the form with another leg left out.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from cartesian.kernels import connected, mixing
from cartesian.kernels.arrays import namespace
from cartesian.programs.connected import Connected
from cartesian.programs.mixing import LinearMap


def run(text: str, operands: Sequence[Any]) -> Any:
    """The form of a text with its last leg left out: a linear map, or a product."""
    omitted = len(operands)
    if namespace(*operands).__name__ == "numpy":
        return evaluate(text, operands, omitted)
    from cartesian.kernels import form_operators

    return form_operators.run(text, operands, omitted)


def evaluate(text: str, operands: Sequence[Any], omitted: int) -> Any:
    """The form of a text on all legs but one."""
    form, way = parse(text)
    return way(form, operands, omitted)


@cache
def lengths(text: str) -> tuple[int, ...]:
    """Number of weights, and lengths of the rows of the other legs."""
    found: tuple[int, ...] = parse(text)[0].lengths
    return found


@cache
def parse(text: str) -> tuple[Any, Callable[..., Any]]:
    """A form, and the function that evaluates it."""
    if text.startswith("linear;"):
        return LinearMap.parse(text), mixing.evaluate
    return Connected.parse(text), connected.evaluate
