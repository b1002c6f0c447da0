"""The state of a run in one file, written whole or not at all: tensors, and JSON in their header."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cartesian.nn.files import atomic
from cartesian.nn.files.model import safetensors

FORMAT = 2


@dataclass
class Progress:
    """Where a run stands.

    Attributes:
        step: Steps so far.
        epoch: Whole epochs.
        position: Batches of the present epoch.
        best: Lowest validation loss.
        waited: Validations since then.
        seconds, processor: Time so far by the clock, and of the processor.
    """

    step: int = 0
    epoch: int = 0
    position: int = 0
    best: float = math.inf
    waited: int = 0
    seconds: float = 0.0
    processor: float = 0.0


def join_parts(**parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of several parts by `part.name`."""
    return {f"{part}.{name}": value for part, values in parts.items() for name, value in values.items()}


def split_parts(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Tensors by part, then by name."""
    parts: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        part, _, name = key.partition(".")
        parts.setdefault(part, {})[name] = value
    return parts


def write_checkpoint(path: Path, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Write tensors and plain values; numbers come back with all their digits."""
    whole = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    text = json.dumps({"format": FORMAT, **state})
    atomic.write(path, safetensors().save(whole, metadata={"state": text}))


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and plain values.

    Raises:
        ValueError: If the file is truncated or of another version.
    """
    content = path.read_bytes()
    try:
        tensors: dict[str, Tensor] = safetensors().load(content)
        length = int.from_bytes(content[:8], "little")
        state = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["state"])
    except Exception as error:
        raise ValueError(f"{path} is no checkpoint, or a part of one: {error}; restart the run") from error
    if state["format"] != FORMAT:
        raise ValueError(
            f"{path} has format {state['format']}, this version reads {FORMAT}: go on with the version that "
            "wrote it, or start a new run from its model"
        )
    return {name: torch.as_tensor(value) for name, value in tensors.items()}, state
