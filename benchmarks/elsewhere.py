"""Runs of a peer in a Python of its own, for libraries that ask for versions of others that exclude ours.

The process is told a mode and a number of times, and answers with the seconds of processor time.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True)
class Distant:
    """One mode of a peer in another process: what is timed there is what it says."""

    process: "Elsewhere"
    mode: str

    def seconds(self, times: int) -> float:
        """Run it some times."""
        return float(self.process.ask(f"{self.mode}\t{times}"))


class Elsewhere:
    """A process that runs `python -m MODULE ARGUMENTS`, which calls `serve`; ends with the `with` block."""

    def __init__(self, python: str, module: str, *arguments: str) -> None:
        # Old versions of e3nn read their own tables as pickles.
        environment = os.environ | {
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(Path(__file__).parents[1]),
            "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1",
        }
        self._command = [python, "-W", "ignore", "-m", module, *arguments]
        self._process = subprocess.Popen(
            self._command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def modes(self) -> dict[str, Distant]:
        """What it can run, by name."""
        return {mode: Distant(self, mode) for mode in json.loads(self.ask("modes"))}

    def ask(self, line: str) -> str:
        """One line of it for one of ours."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{' '.join(self._command)} stopped: its last words are above")
        return answer


def serve(make: Callable[[], Mapping[str, Callable[[], Any]]]) -> None:
    """Answer the lines of standard input until it closes, with what is made once."""
    # What a library prints is not an answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    modes = make()
    for line in sys.stdin:
        mode, _, times = line.strip().partition("\t")
        if mode == "modes":
            answer = json.dumps(list(modes))
        else:
            begin = time.process_time()
            for _ in range(int(times)):
                modes[mode]()
            answer = repr(time.process_time() - begin)
        print(answer, file=answers, flush=True)
