"""When a run ends, after a number of epochs or of minutes, and how far its schedule is until then."""

import math
from dataclasses import dataclass
from typing import Any


@dataclass
class Budget:
    r"""The last epoch of a run, and its progress from 0 to 1.

    After every epoch the time that is left is divided by that of an epoch: so many more will fit. The
    progress then goes straight from where it is to 1 at the end of the last of them, so a schedule comes to
    its end, however fast the machine.

    Attributes:
        epochs, minutes: What the run may take; the first limit counts.
        steps: Of an epoch.
        last: Number of epochs in all, as far as is known.
        step, progress: From where the progress goes straight.
        timed, seconds: The step from which the next epoch is timed, and when that was.
    """

    epochs: int
    steps: int
    minutes: float | None = None
    last: int = 0
    step: int = 0
    progress: float = 0.0
    timed: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.last = self.last or self.epochs

    def at(self, step: int) -> float:
        """The progress at a step."""
        length = max(self.last * self.steps - self.step, 1)
        return min(1.0, self.progress + (1 - self.progress) * (step - self.step) / length)

    def begin(self, step: int, seconds: float) -> None:
        """Take the time from a step on, as after the first one of a process, which compiles."""
        if self.minutes is not None:
            self.timed, self.seconds = step, seconds

    def update(self, epoch: int, seconds: float, at_least: int = 0) -> None:
        """Take the time at the end of an epoch, from 1; `at_least` so many follow."""
        if self.minutes is None:
            return
        here = epoch * self.steps
        length = (seconds - self.seconds) / max(here - self.timed, 1) * self.steps
        fit = math.floor((60 * self.minutes - seconds) / max(length, 1e-9))
        self.progress, self.step = self.at(here), here
        self.last = min(self.epochs, epoch + max(fit, at_least))
        self.begin(here, seconds)

    def is_over(self, epoch: int) -> bool:
        """Whether the run ends after so many epochs."""
        return epoch >= self.last

    def restore(self, state: dict[str, Any]) -> None:
        """Know again what `asdict` said; with other limits, the line begins anew."""
        before = Budget(**state)
        self.begin(before.timed, before.seconds)
        if (before.epochs, before.minutes) == (self.epochs, self.minutes):
            self.last, self.step, self.progress = before.last, before.step, before.progress
