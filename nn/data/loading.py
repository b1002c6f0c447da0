"""The order of batches, and batches made when a step needs them, or ahead of it by other processes.

The order is a function of seed and epoch alone, so it needs no state: a run that goes on after a kill asks
for the batches of its epoch again, from the one where it stopped.
"""

import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from cartesian.nn.data.dataset import Batch, Dataset, collate
from cartesian.nn.graph import Graph


def epoch_order(count: int, seed: int, epoch: int) -> np.ndarray:
    """A permutation of `count` frames, the same for the same seed and epoch on every machine.

    Examples:
        >>> epoch_order(5, seed=0, epoch=1).tolist() == epoch_order(5, seed=0, epoch=1).tolist()
        True
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch]))).permutation(count)


def split_batches(order: Sequence[int] | np.ndarray, size: int) -> list[list[int]]:
    """Consecutive batches of `size` frames; the last one may be smaller."""
    indices = [int(index) for index in order]
    return [indices[k : k + size] for k in range(0, len(indices), size)]


def batches(
    dataset: Dataset, parts: Iterable[Sequence[int]], rank: int = 0, world: int = 1, workers: int = 0
) -> Iterator[Batch]:
    """Batches of a data set.

    Args:
        dataset: Where the frames are. Samples that it keeps are joined when a batch is asked for, a small
            part of a step.
        parts: Indices of the frames of each batch.
        rank, world: Each of `world` processes takes every `world`-th frame of a batch. One that would have
            none takes the first, with the weight zero.
        workers: Processes that read frames and search neighbours while earlier batches are in use, if the
            data set keeps nothing; 0 makes each batch when it is asked for.

    Raises:
        ValueError: If a frame is broken, at the step that would use it.
    """
    made = _Batches(dataset, [*parts], rank, world)
    if dataset.keeps or not workers or not made.parts:
        return (made[number] for number in range(len(made)))
    return _ahead(made, workers)


@dataclass(frozen=True)
class _Batches:
    """Batches by number."""

    dataset: Dataset
    parts: Sequence[Sequence[int]]
    rank: int
    world: int

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, number: int) -> Batch:
        part = self.parts[number]
        mine = part[self.rank :: self.world]
        samples = [self.dataset[index] for index in mine or part[:1]]
        return collate(samples if mine else [samples[0]._replace(weight=0.0)])


@dataclass(frozen=True)
class _Sent:
    """Batches as arrays, or errors in their place.

    Between processes torch sends every tensor by a file of its own, which takes longer than a small batch,
    and errors with the traceback of the other process.
    """

    made: _Batches

    def __len__(self) -> int:
        return len(self.made)

    def __getitem__(self, number: int) -> Any:
        try:
            batch = self.made[number]
        except Exception as error:
            return error
        graph, labels = (
            {name: tensor.numpy() for name, tensor in tensors.items()}
            for tensors in (vars(batch.graph), batch.labels)
        )
        return graph, labels, batch.atomic, batch.weights.numpy(), batch.numbers


def _ahead(made: _Batches, workers: int) -> Iterator[Batch]:
    sent: Any = _Sent(made)
    loader = DataLoader(
        sent,
        None,
        num_workers=min(workers, len(made)),
        collate_fn=_same,
        # Of its own: the loader draws from it, though nothing here is random.
        generator=torch.Generator(),
        # Forked processes have the data set at once, whatever its size.
        multiprocessing_context="fork" if sys.platform == "linux" else None,
    )
    with warnings.catch_warnings():
        # Python fears locks that other threads hold; workers take none of theirs.
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        coming = iter(loader)
    for item in coming:
        if isinstance(item, Exception):
            raise item
        graph, labels, atomic, weights, numbers = item
        tensors, labels = (
            {name: torch.from_numpy(array) for name, array in arrays.items()} for arrays in (graph, labels)
        )
        yield Batch(Graph(**tensors), labels, atomic, torch.from_numpy(weights), numbers)


def _same(item: Any) -> Any:
    return item
