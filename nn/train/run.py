"""The folder of a run: what it holds, and whether a configuration is the one it was begun with.

It holds `config.yaml`, the best `model`, a `checkpoint` to go on from, and the logs.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from cartesian.nn.files import atomic
from cartesian.nn.train.config import TrainConfig
from cartesian.nn.train.logs import WANDB_ID
from cartesian.nn.train.reading import write_config

FREE = ("run", "epochs", "minutes", "stop", "checkpoint", "logs", "device")
"""Keys of the configuration that may change when a run goes on."""


def checkpoint_path(folder: Path) -> Path:
    """Where the state of a run is."""
    return folder / "checkpoint" / "state.safetensors"


def open_run(config: TrainConfig, folder: Path, restart: bool = False) -> None:
    """Make the folder of a run, or check that the run in it is this one.

    Args:
        config: The configuration.
        folder: Of the run.
        restart: Remove what it holds of a run before.

    Raises:
        ValueError: If the run in it has another configuration; says what differs.
    """
    place = folder / "config.yaml"
    if restart:
        for name in ("model", "checkpoint", "tensorboard"):
            shutil.rmtree(folder / name, ignore_errors=True)
        for name in ("config.yaml", "log.csv", "log.jsonl", "failed.extxyz", "test.json", WANDB_ID):
            (folder / name).unlink(missing_ok=True)
    elif place.is_file() and checkpoint_path(folder).is_file():
        before, now = yaml.safe_load(place.read_text()), config.model_dump(mode="json")
        kept = [key for key in now if key not in FREE]
        changed = [text for key in kept for text in _differences(key, before.get(key), now[key])]
        if changed:
            raise ValueError(
                f"{folder} holds a run with another configuration: {'; '.join(changed)}. Take another folder "
                "(run=...), or --restart"
            )
    atomic.write(place, write_config(config).encode())


def _differences(key: str, before: Any, now: Any) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        for name in dict.fromkeys([*before, *now]):
            yield from _differences(f"{key}.{name}", before.get(name), now.get(name))
    elif before != now:
        yield f"{key} was {before!r} and is {now!r}"
