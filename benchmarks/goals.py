"""What a convolution aims at, for degrees up to 1, 2 and 3, and whether it is reached."""

from collections.abc import Iterator
from typing import Any, NamedTuple

Row = dict[str, Any]

DEGREES = (1, 2, 3)


class Aims(NamedTuple):
    """What is aimed at on a device.

    Attributes:
        faster: Mode, whom it is about, times as fast as the fastest of them.
        floor: The forward pass in units of its floor.
        double: What becomes of the times in float64.
    """

    faster: tuple[tuple[str, str, float], ...]
    floor: float
    double: float


AIMS = {
    "cpu": Aims(
        (
            ("forward", "eager peer", 30),
            ("forward", "compiled peer", 15),
            ("forward + backward", "peer", 15),
            ("training step", "peer", 10),
        ),
        floor=1.5,
        double=0.5,
    ),
    "cuda": Aims(
        (("forward", "peer", 1), ("forward + backward", "peer", 1), ("training step", "peer", 1)),
        floor=1.67,
        double=1,
    ),
}

_WHY = """\
The floor is reading at full speed, or a large matrix product, which loads a number for many multiply-adds. A
convolution does both at once, reads a weight for the few multiply-adds of one path, and its couplings are
sparse: it runs at {least:.2f} to {most:.2f} of the speed of the floor."""


class Check(NamedTuple):
    """One goal at one degree: what is reached, and the most that the floor allows."""

    goal: str
    dtype: str
    degree: int
    times: float
    is_met: bool
    limit: float | None = None


def goals(rows: list[Row]) -> str:
    """Markdown: a line for each goal, and what stands against those that are not met."""
    checks = list(_checks(rows))
    lines = [f"| goal | dtype | {' | '.join(f'0…{degree}' for degree in DEGREES)} |"]
    lines.append("| --- | --- |" + " --- |" * len(DEGREES))
    for goal, dtype in dict.fromkeys((check.goal, check.dtype) for check in checks):
        found = {c.degree: c for c in checks if (c.goal, c.dtype) == (goal, dtype)}
        cells = [_cell(found[degree]) if degree in found else "–" for degree in DEGREES]
        lines.append(f"| {goal} | {dtype} | {' | '.join(cells)} |")
    text = ["\n".join(lines)]
    text += [
        f"{check.goal.capitalize()}, 0…{check.degree}, {check.dtype}: the floor itself is only "
        f"{check.limit:.0f}× as fast as that peer."
        for check in checks
        if not check.is_met and check.limit is not None
    ]
    rates = [1 / check.times for check in checks if "floor" in check.goal and not check.is_met]
    if rates:
        text.append(_WHY.format(least=min(rates), most=max(rates)))
    return "\n\n".join(text)


def _checks(rows: list[Row]) -> Iterator[Check]:
    aims = AIMS[rows[0].get("device", "cpu")]
    for dtype in ("float32", "float64"):
        for degree in DEGREES:
            own = {r["mode"]: r for r in rows if _is(r, degree, dtype) and r["who"] == "cartesian"}
            for mode, whom, factor in aims.faster:
                peers = [
                    r for r in rows if _is(r, degree, dtype) and r["mode"] == mode and r is not own[mode]
                ]
                if whom != "peer":
                    peers = [r for r in peers if ("compiled" in r["who"]) == (whom == "compiled peer")]
                if peers:
                    wanted = factor * (aims.double if dtype == "float64" else 1)
                    best, least = min(r["ms"] for r in peers), own[mode].get("floor")
                    limit = best / least if least and best / least < wanted else None
                    times, goal = best / own[mode]["ms"], f"{mode}: {wanted:g}× the fastest {whom}"
                    yield Check(goal, dtype, degree, times, times >= wanted, limit)
            if own:
                times = own["forward"]["ms"] / own["forward"]["floor"]
                yield Check(f"forward: {aims.floor}× the floor", dtype, degree, times, times <= aims.floor)


def _is(row: Row, degree: int, dtype: str) -> bool:
    return bool(row["degree"] == degree and row["dtype"] == dtype)


def _cell(check: Check) -> str:
    return f"{'met' if check.is_met else '**not met**'}, {check.times:.{1 if check.times < 10 else 0}f}×"
