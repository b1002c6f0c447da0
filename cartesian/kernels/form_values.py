"""Forms with weights that all rows share, by their text, which is how they travel through graphs of torch."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from cartesian.kernels import connected, mixing
from cartesian.kernels.groups import Groups
from cartesian.programs.connected import Connected
from cartesian.programs.mixing import LinearMap


def evaluate(text: str, operands: Sequence[Any], omitted: int, groups: Groups | None = None) -> Any:
    """The form of a text on all legs but one."""
    form, way = parse(text)
    return way(form, operands, omitted, groups)


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
