"""Frames as graphs with labels, and batches of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from cartesian.nn.data.batching import batch
from cartesian.nn.data.cache import NeighborCache
from cartesian.nn.data.frames import Frame
from cartesian.nn.graph import Graph


class Sample(NamedTuple):
    """A frame ready for a model.

    Attributes:
        graph: Of one system.
        labels: By result, float64: `(1, 3, ..., 3)`, or `(atoms, 3, ..., 3)`.
        atomic: Which of them belong to atoms.
        weight: In the loss.
        number: Of the frame in its data set.
    """

    graph: Graph
    labels: dict[str, Tensor]
    atomic: frozenset[str]
    weight: float
    number: int


@dataclass(frozen=True, eq=False)
class Batch:
    """Several samples as one.

    Attributes:
        graph: Of several systems.
        labels: By result, float64; rows of frames without the label are not a number.
        atomic: Which of them have a row per atom, not per system.
        weights: `(systems,)`, float64.
        numbers: Of the frames in their data set.
    """

    graph: Graph
    labels: dict[str, Tensor]
    atomic: frozenset[str]
    weights: Tensor
    numbers: tuple[int, ...]

    def to(self, device: torch.device | str) -> "Batch":
        """The batch on a device."""
        labels = {name: values.to(device) for name, values in self.labels.items()}
        graph = self.graph.to(device)
        return Batch(graph, labels, self.atomic, self.weights.to(device), self.numbers)


class Dataset:
    """Samples made from frames when they are asked for.

    Args:
        frames: A `Frames` of files, or a list.
        cutoff: Of the graphs, in Å.
        dtype: Of the graphs; by default torch's.
        keep: Whether samples stay in memory once they are made; for a set larger than that, `False`.
        cache: A folder for neighbour lists, which then outlive the process.
    """

    def __init__(
        self,
        frames: Sequence[Frame],
        cutoff: float,
        dtype: torch.dtype | None = None,
        *,
        keep: bool = True,
        cache: NeighborCache | None = None,
    ) -> None:
        self.frames, self.cutoff, self.cache = frames, cutoff, cache
        self.dtype = torch.get_default_dtype() if dtype is None else dtype
        self._kept: list[Sample | None] | None = [None] * len(frames) if keep else None

    @property
    def keeps(self) -> bool:
        """Whether samples stay in memory."""
        return self._kept is not None

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Sample:
        kept = None if self._kept is None else self._kept[index]
        if kept is not None:
            return kept
        frame = self.frames[index]
        labels = {
            name: torch.from_numpy(np.array(values if name in frame.atomic else values[None]))
            for name, values in frame.labels.items()
        }
        graph = frame.graph(self.cutoff, self.dtype, self.cache)
        sample = Sample(graph, labels, frame.atomic, frame.weight, index)
        if self._kept is not None:
            self._kept[index] = sample
        return sample


def collate(samples: Sequence[Sample]) -> Batch:
    """One batch of several samples, in their order.

    Raises:
        ValueError: If a label has one shape in one frame and another in the next.
    """
    graph = batch([sample.graph for sample in samples])
    names = dict.fromkeys(name for sample in samples for name in sample.labels)
    atomic = frozenset[str]().union(*(sample.atomic for sample in samples))
    labels = {name: _joined(name, samples, name in atomic) for name in names}
    weights = torch.tensor([sample.weight for sample in samples], dtype=torch.float64)
    return Batch(graph, labels, atomic, weights, tuple(sample.number for sample in samples))


def _joined(name: str, samples: Sequence[Sample], is_atomic: bool) -> Tensor:
    known = next(sample.labels[name] for sample in samples if name in sample.labels)
    parts = []
    for sample in samples:
        rows = sample.graph.nodes if is_atomic else 1
        part = sample.labels.get(name)
        if part is None:
            part = known.new_full((rows, *known.shape[1:]), torch.nan)
        if part.shape != (rows, *known.shape[1:]):
            raise ValueError(
                f"{name} of sample {sample.number} has shape {tuple(part.shape)}, where others have "
                f"{tuple(known.shape[1:])} in each of {rows} rows"
            )
        parts.append(part)
    return torch.cat(parts)
