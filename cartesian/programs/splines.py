r"""Splines as straight-line programs: on each interval a cubic polynomial, evaluated by Horner's rule.

An "edge" is a point, its "sender" is the interval in which it lies. The coefficients of an interval are read
once for all of its points, and their gradients are sums over these.
"""

from typing import NamedTuple

from cartesian.programs.lanes import LaneLeg, Lanes, Recorder, pruned

COEFFICIENTS = 4


class Spline(NamedTuple):
    """Piecewise cubic functions.

    Attributes:
        channels: Number of functions.

    Examples:
        >>> Spline(64).record().multiply_adds
        3
    """

    channels: int

    @property
    def text(self) -> str:
        """One line that `cartesian.programs.catalog.lanes` reads."""
        return f"spline {self.channels} cubic"

    def record(self) -> Lanes:
        """The program: coefficients of the intervals and places within them, to values."""
        record = Recorder()
        place = record("load", 1, 0)
        value = record("load", 0, COEFFICIENTS - 1)
        for k in reversed(range(COEFFICIENTS - 1)):
            value = record("add", record("load", 0, k), record("mul", value, place))
        legs = LaneLeg("coefficients", COEFFICIENTS, "sender"), LaneLeg("places", 1, "edge", shared=True)
        return pruned(self.text, legs, (LaneLeg("values", 1, "edge"),), record.instructions, [(value,)])
