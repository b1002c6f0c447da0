"""Straight-line programs: their order."""

import pytest

from cartesian.programs.lanes import Lanes
from cartesian.programs.powers import lanes, power_program


def waiting(program: Lanes) -> int:
    """The largest number of sums and products that are still needed at some time, results included."""
    last: dict[int, int] = {}
    for n, (kind, *pair) in enumerate(program.instructions):
        last |= dict.fromkeys(pair, n) if kind in ("add", "mul") else {}
    last |= {i: len(program.instructions) for row in program.results for i in row if i is not None}
    most, now = 0, set[int]()
    for n, (kind, *_) in enumerate(program.instructions):
        now |= {n} if kind in ("add", "mul") else set()
        most = max(most, len(now))
        now -= {i for i in now if last[i] == n}
    return most


@pytest.mark.parametrize(
    ("features", "out"), [("0e + 1o", "0e + 1o"), ("0e + 1o + 2e", "1o"), ("1o + 2e", "0e + 3o")]
)
def test_few_values_wait(features: str, out: str) -> None:
    power = power_program(features, 3, out)
    few = 3 * (power.irreps.dim + power.out.dim)
    for derivative in ("", "|1,", "|1,|1,", "|1,|2,"):
        assert waiting(lanes(power.text + derivative)) <= few
