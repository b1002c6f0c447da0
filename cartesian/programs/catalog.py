"""Straight-line programs on edges by their text, which is how they travel through graphs of torch."""

from functools import cache

from cartesian.programs import reducible
from cartesian.programs.chain import Chain, chain_lanes
from cartesian.programs.lanes import Lanes, differentiate
from cartesian.programs.splines import Spline


@cache
def lanes(text: str) -> Lanes:
    """The program of a value that has this text, or a derivative of it.

    Examples:
        >>> lanes("message 64 2 2 2 rank").multiply_adds
        57
    """
    head, _, last = text.rpartition("|")
    if head:
        wanted, absent = (tuple(int(i) for i in part.split()) for part in last.split(","))
        return differentiate(lanes(head), wanted, absent)
    kind = text.partition(" ")[0]
    if kind == "chain":
        return chain_lanes(Chain.parse(text))
    return Spline(channels(text)).record() if kind == "spline" else reducible.lanes(text)


def channels(text: str) -> int:
    """Number of channels of the program of a text."""
    return int(text.split(maxsplit=2)[1])
