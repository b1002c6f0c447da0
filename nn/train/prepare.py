"""What a training needs before its first step: data sets, a model made to fit them, a loss."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from cartesian.nn.data.batching import batch
from cartesian.nn.data.cache import NeighborCache
from cartesian.nn.data.dataset import Dataset
from cartesian.nn.data.frames import Frame, Frames
from cartesian.nn.data.labels import Label, parse_labels
from cartesian.nn.data.loading import epoch_order
from cartesian.nn.data.plausibility import unit_slips
from cartesian.nn.data.statistics import Statistics, statistics
from cartesian.nn.files import load_model
from cartesian.nn.files.plain import from_plain, to_plain
from cartesian.nn.graph import Graph
from cartesian.nn.heads.repulsion import parse_repulsion
from cartesian.nn.models.registry import find, settings
from cartesian.nn.train.attributes import overlooked
from cartesian.nn.train.config import DataConfig, TrainConfig
from cartesian.nn.train.finetune import element_symbols, known_energies, start_from
from cartesian.nn.train.loss import Loss
from cartesian.nn.train.settings import (
    check_settings,
    complete,
    cutoff_of,
    intensive_results,
    require_elements,
)
from cartesian.nn.train.weights import resolve

TYPICAL = 100
"""Largest number of structures by which a new model settles constants of its own."""

HELD_OUT = 2**31
"""The epoch whose order chooses held-out frames: none that is ever trained."""

Sets = tuple[Dataset, Dataset | None, Dataset | None]


@dataclass
class Prepared:
    """Ready for training.

    Attributes:
        model: In the dtype of the configuration, on the CPU.
        train, valid, test: Data sets; without validation or test frames `None`.
        loss: Of the training and the validation.
        statistics: Plain values, for the description of the model.
        notes: Lines of text for the user.
    """

    model: nn.Module
    train: Dataset
    valid: Dataset | None
    test: Dataset | None
    loss: Loss
    statistics: dict[str, Any]
    notes: list[str]


def prepare(config: TrainConfig, resumed: Mapping[str, Any] | None = None) -> Prepared:
    """Read the data, and make the model.

    Args:
        config: The configuration.
        resumed: The plain settings of the model and the statistics of a run that goes on, which spare a
            look at all data.

    Raises:
        ValueError, FileNotFoundError: Whatever is wrong with data or settings.
    """
    torch.manual_seed(config.seed)
    dtype = getattr(torch, config.dtype)
    old = None if config.start is None else load_model(config.start, dtype=dtype)
    kind = find(config.model.get("name", type(old).__name__))
    if old is not None and not isinstance(old, kind):
        raise ValueError(f"{config.start} holds a {type(old).__name__}, which cannot start a {kind.__name__}")
    fields = settings(kind)
    own = {name: value for name, value in config.model.items() if name != "name"}
    given = check_settings(fields, own)
    cutoff = cutoff_of(fields, given if old is None else {**vars(old.config), **given})
    sets = train, valid, test = _datasets(config, cutoff, dtype)
    notes = [f"{len(train)} frames to train, {0 if valid is None else len(valid)} to validate"]
    notes[0] += "" if test is None else f", {len(test)} to test"
    if resumed is not None:
        model = kind(from_plain(fields, resumed["config"]))
        return _ready(model.to(dtype), config, sets, resumed["statistics"], notes)
    fixed = known_energies(old) if old is not None and config.scales == "keep" else None
    repulsion = given.get("repulsion", False if old is None else getattr(old.config, "repulsion", False))
    found = statistics(train, config.data.reference, fixed, parse_repulsion(repulsion, cutoff))
    results = tuple(config.loss.weights)
    if old is None:
        model = kind(complete(fields, given, found, results)).to(dtype)
        settle: Callable[[Graph], None] | None = getattr(model, "settle", None)
        if settle is not None:
            settle(batch([train[k].graph for k in range(0, len(train), -(-len(train) // TYPICAL))]))
    else:
        model, lines = start_from(old, given, found, results, config.scales)
        notes += lines
    for part in (valid, test):
        if part is not None:
            require_elements(element_symbols(model), statistics(part, "none").elements)
    model = model.to(dtype)
    notes += [f"warning: {text}" for text in (*unit_slips(found), *overlooked(model, train, config.data))]
    notes.append(_summary(model, found))
    return _ready(model, config, sets, to_plain(found), notes)


def _ready(
    model: nn.Module,
    config: TrainConfig,
    sets: Sets,
    found: dict[str, Any],
    notes: list[str],
) -> Prepared:
    section, intensive = config.loss, intensive_results(getattr(model.config, "targets", ()))
    weights = resolve(section.weights, section.convention, found, intensive)
    if weights != section.weights:
        notes.append(
            f"weights of the loss: {', '.join(f'{name} {value}' for name, value in weights.items())}"
        )
    loss = Loss(weights, section.convention, section.huber, intensive)
    return Prepared(model, *sets, loss, found, notes)


def read_labels(data: DataConfig, results: Sequence[str]) -> tuple[Label, ...]:
    """Labels of the results in the loss, by their own names where the configuration names none."""
    return parse_labels(
        {name: data.labels.get(name, name) for name in dict.fromkeys([*results, *data.labels])}
    )


def _datasets(config: TrainConfig, cutoff: float, dtype: torch.dtype) -> Sets:
    """The sets for training, validation and test. What is drawn is a function of the seed."""
    data = config.data
    labels = read_labels(data, list(config.loss.weights))
    cache = None if data.cache is None else NeighborCache(data.cache)

    def frames(paths: str | list[str]) -> Sequence[Frame]:
        return Frames(paths, labels, charge=data.attribute, weight=data.weight, group=data.group)

    def dataset(chosen: Sequence[Frame]) -> Dataset:
        return Dataset(chosen, cutoff, dtype, keep=not data.stream, cache=cache)

    train, valid = frames(data.train), None
    test = None if data.test is None else dataset(frames(data.test))
    order = epoch_order(len(train), config.seed, HELD_OUT)
    held = max(1, round(data.valid * len(train))) if isinstance(data.valid, float) else 0
    if held >= len(train):
        raise ValueError(f"data.valid holds out {held} of {len(train)} frames: none is left to train on")
    if isinstance(data.valid, float):
        valid = dataset(Chosen(train, np.sort(order[:held])))
    elif data.valid is not None:
        valid = dataset(frames(data.valid))
    taken = order[held:][: data.subset]
    if data.subset is not None and len(taken) < data.subset:
        raise ValueError(f"data.subset wants {data.subset} frames, and there are {len(taken)} to train on")
    return dataset(Chosen(train, np.sort(taken))), valid, test


class Chosen(Sequence[Frame]):
    """Some frames of a sequence, read when they are asked for."""

    def __init__(self, frames: Sequence[Frame], numbers: np.ndarray) -> None:
        self.frames, self.numbers = frames, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self.frames[int(number)] for number in self.numbers[index]]
        return self.frames[int(self.numbers[index])]


def _summary(model: nn.Module, found: Statistics) -> str:
    count = sum(p.numel() for p in model.parameters())
    return (
        f"{type(model).__name__} with {count:,} parameters for {' '.join(found.elements)}; "
        f"{found.neighbors:.1f} neighbours per atom"
    )
