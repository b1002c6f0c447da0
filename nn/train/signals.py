"""Signals that ask a run to stop, which it does between two batches, when its state can be written."""

import signal
import threading
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopError(Exception):
    """A run was asked to stop.

    Args:
        number: Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number

    def exit(self) -> BaseException:
        """How the program ends, as it would have without us: 130 after Ctrl-C, 143 after SIGTERM."""
        return KeyboardInterrupt() if self.number == signal.SIGINT else SystemExit(128 + self.number)


class Signals:
    """Notes SIGTERM and Ctrl-C while it is entered; the second of a kind acts at once.

    Threads other than the main one are told nothing by the system, and note nothing.

    Args:
        patient: Never act at once, as where a launcher repeats signals.
    """

    def __init__(self, patient: bool = False) -> None:
        self.asked = 0
        self._patient = patient
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Signals":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, *reason: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.asked = self.asked or number
        if not self._patient:
            signal.signal(number, self._before[number])
