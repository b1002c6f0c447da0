"""What a run tells: a row per epoch in `log.csv` and `log.jsonl`, a line and a bar in the terminal."""

import csv
import io
import json
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cartesian.nn.files import atomic
from cartesian.nn.train.config import TrainConfig

FILES = ("log.csv", "log.jsonl")
WANDB_ID = "wandb-id"
PATIENCE = 5.0
"""Seconds after which a silent step is explained."""


class Logs:
    """The logs of a run.

    Args:
        folder: Of the run.
        columns: Of the table.
        config: Whether further loggers are wanted.
    """

    def __init__(self, folder: Path, columns: Sequence[str], config: TrainConfig) -> None:
        self.folder, self.columns = folder, list(columns)
        self._board = _tensorboard(folder) if config.logs.tensorboard else None
        self._wandb = _wandb(folder, config) if config.logs.wandb else None

    def sizes(self) -> list[int]:
        """Bytes of the files, which a checkpoint remembers."""
        paths = [self.folder / name for name in FILES]
        return [path.stat().st_size if path.is_file() else 0 for path in paths]

    def cut(self, sizes: Sequence[int]) -> None:
        """Forget what was written after a checkpoint: the run comes by there again."""
        for name, size in zip(FILES, sizes, strict=True):
            path = self.folder / name
            if path.is_file():
                os.truncate(path, size)

    def write(self, row: Mapping[str, Any]) -> None:
        """Write the row of an epoch."""
        table, lines = (self.folder / name for name in FILES)
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, restval="", lineterminator="\n")
        if not table.is_file() or not table.stat().st_size:
            writer.writeheader()
        writer.writerow(row)
        for path, content in ((table, text.getvalue()), (lines, json.dumps(row) + "\n")):
            with path.open("a") as file:
                file.write(content)
        numbers = {name: value for name, value in row.items() if name != "step"}
        if self._board is not None:
            for name, value in numbers.items():
                self._board.add_scalar(name, value, row["step"])
            self._board.flush()
        if self._wandb is not None:
            self._wandb.log(numbers, step=row["step"])

    def close(self) -> None:
        """Close the further loggers."""
        if self._board is not None:
            self._board.close()
        if self._wandb is not None:
            self._wandb.finish()


class Display:
    """The terminal: a bar with steps, rate and remaining time, and lines above it.

    Args:
        quiet: Show nothing.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.console = Console(quiet=quiet, highlight=False, soft_wrap=True)
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self.console,
            disable=quiet or not self.console.is_terminal,
            transient=True,
        )
        self._task: Any = None
        self._waiting: threading.Timer | None = None

    def __enter__(self) -> "Display":
        self._bar.start()
        return self

    def __exit__(self, *reason: object) -> None:
        self.stop_waiting()
        self._bar.stop()

    def say(self, text: str) -> None:
        """A line of text."""
        self.console.print(text, markup=False)

    def begin(self, done: int) -> None:
        """The run begins, with some steps done before."""
        self._task = self._bar.add_task("", total=None, completed=done, epoch="", speed="")

    def wait(self, text: str) -> None:
        """Say something if the next step takes long."""
        self._waiting = threading.Timer(PATIENCE, self.say, [text])
        self._waiting.daemon = True
        self._waiting.start()

    def stop_waiting(self) -> None:
        """It did not take long."""
        if self._waiting is not None:
            self._waiting.cancel()

    def step(self, step: int, steps: int, epoch: int, speed: float) -> None:
        """A step of so many is done; `speed` in frames per second."""
        self.stop_waiting()
        text = f"{speed:.0f} frames/s"
        self._bar.update(self._task, completed=step, total=steps, epoch=epoch + 1, speed=text)

    def row(self, row: Mapping[str, Any]) -> None:
        """The line of an epoch: losses, and root mean square errors."""
        parts = [f"epoch {row['epoch']:>4}", f"rate {row['rate']:.2e}", f"loss {row['train_loss']:.4g}"]
        parts += [f"valid {row['valid_loss']:.4g}"] if "valid_loss" in row else []
        self.errors("  ".join(parts), row)

    def errors(self, start: str, row: Mapping[str, Any]) -> None:
        """A line with the root mean square errors of a row."""
        for name, value in row.items():
            if name.endswith("_rmse") and name != "energy_rmse":
                start += f"  {name.removesuffix('_rmse').replace('_', ' ')} {value:.4g}"
        self.say(start)


def _tensorboard(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise ModuleNotFoundError(
            "logs.tensorboard needs tensorboard: pip install tensorboard", name="tensorboard"
        ) from None
    return SummaryWriter(folder / "tensorboard")


def _wandb(folder: Path, config: TrainConfig) -> Any:
    """The run at Weights & Biases that belongs to a folder, where its id is kept."""
    try:
        import wandb  # type: ignore[import-not-found]
    except ImportError:
        raise ModuleNotFoundError("logs.wandb needs wandb: pip install wandb", name="wandb") from None
    place = folder / WANDB_ID
    if not place.is_file():
        # Folders of two runs may have the same name, and an id is taken once and for all.
        atomic.write(place, f"{folder.name}-{uuid4().hex[:8]}".encode())
    return wandb.init(
        project=config.logs.wandb,
        name=folder.name,
        id=place.read_text(),
        dir=folder,
        resume="allow",
        config=config.model_dump(mode="json"),
    )
