r"""Learning rates as functions of the step.

Every schedule is a factor of the rate: $\min(1, (s + 1) / s_w)$ at step $s$ of a warm-up of $s_w$ steps,
times a function of the progress $t$ from 0 to 1 or, for the plateau, of the validation losses so far.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Schedule:
    r"""A factor of the learning rate.

    Attributes:
        name: "constant"; "cosine", $f + (1 - f) (1 + \cos \pi t) / 2$; "exponential", $f^t$; "linear",
            $1 - (1 - f) t$; "plateau", see `Plateau`.
        warmup: $s_w$.
        final: $f$.
    """

    name: Literal["constant", "cosine", "exponential", "linear", "plateau"] = "constant"
    warmup: int = 0
    final: float = 0.01

    def __call__(self, step: int, t: float, plateau: float = 1.0) -> float:
        """The factor at a step, from 0, with its progress; `plateau` is the factor of the plateau."""
        rise = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        fall = {
            "constant": 1.0,
            "cosine": self.final + (1 - self.final) * (1 + math.cos(math.pi * t)) / 2,
            "exponential": self.final**t,
            "linear": 1 - (1 - self.final) * t,
            "plateau": max(plateau, self.final),
        }
        return rise * fall[self.name]


@dataclass
class Plateau:
    """A factor that falls when the validation loss has not fallen for a while, and what it remembers.

    Attributes:
        factor: By which it falls.
        patience: How many validations without a new best it waits.
        value: The factor of the rate.
        best: Lowest loss so far.
        waited: Validations since then, or since the last fall.
    """

    factor: float = 0.5
    patience: int = 10
    value: float = 1.0
    best: float = math.inf
    waited: int = 0

    def update(self, loss: float) -> None:
        """Take the loss of a validation."""
        if loss < self.best:
            self.best, self.waited = loss, 0
            return
        self.waited += 1
        if self.waited > self.patience:
            self.value, self.waited = self.value * self.factor, 0

    def state(self) -> dict[str, Any]:
        """What it remembers."""
        return {"value": self.value, "best": self.best, "waited": self.waited}

    def restore(self, state: dict[str, Any]) -> None:
        """Remember it again."""
        self.value, self.best, self.waited = state["value"], state["best"], state["waited"]
