"""The order of batches, and batches made ahead of the step that needs them.

The order is a function of seed and epoch alone, so it needs no state: a run that goes on after a kill asks
for the batches of its epoch again, from the one where it stopped.
"""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from cartesian.nn.data.dataset import Batch, Dataset, collate


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
    dataset: Dataset, parts: Iterable[Sequence[int]], rank: int = 0, world: int = 1, ahead: int = 2
) -> Iterator[Batch]:
    """Batches of a data set, made in a thread while the one before is in use.

    Args:
        dataset: Where the frames are.
        parts: Indices of the frames of each batch.
        rank, world: Each of `world` processes takes every `world`-th frame of a batch. One that would have
            none takes the first, with the weight zero.
        ahead: How many batches wait at most; 0 makes each when it is asked for.

    Raises:
        ValueError: If a frame is broken, at the step that would use it.
    """

    def made() -> Iterator[Batch]:
        for part in parts:
            mine = part[rank::world]
            samples = [dataset[index] for index in mine or part[:1]]
            yield collate(samples if mine else [samples[0]._replace(weight=0.0)])

    return prefetch(made, ahead) if ahead else made()


def prefetch(make: Callable[[], Iterator[Any]], ahead: int) -> Iterator[Any]:
    """The items of an iterator, made by a thread that is at most `ahead` items in front.

    Errors of the thread are raised here, at their place in the order. Leaving the loop early ends the thread.
    """
    waiting: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(maxsize=ahead)
    stop = threading.Event()
    end = object()

    def put(item: Any, error: BaseException | None = None) -> None:
        while not stop.is_set():
            try:
                waiting.put((item, error), timeout=0.1)
            except queue.Full:
                continue
            return

    def work() -> None:
        try:
            for item in make():
                put(item)
                if stop.is_set():
                    return
            put(end)
        except BaseException as error:
            put(end, error)

    thread = threading.Thread(target=work, name="batches", daemon=True)
    thread.start()
    try:
        while True:
            item, error = waiting.get()
            if error is not None:
                raise error
            if item is end:
                return
            yield item
    finally:
        stop.set()
        thread.join()
