"""Timing side by side: the candidates take turns, so that noise of the machine hits all alike.

Times are CPU times of the process with one thread, which other work on the machine does not stretch, and
wall times with more.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch


@dataclass(frozen=True)
class Case:
    """One way to compute something.

    Attributes:
        name: Who computes it, and how.
        function: From the leaves to one tensor.
        leaves: Inputs by name; all of them are differentiated.
        positions: Names of the leaves that depend on atomic positions.
        twice: Whether second derivatives exist.
    """

    name: str
    function: Callable[..., torch.Tensor]
    leaves: dict[str, torch.Tensor]
    positions: tuple[str, ...] = ()
    twice: bool = True

    def forward(self) -> Any:
        """The function, without a graph."""
        with torch.no_grad():
            return self.function(*self.leaves.values())

    def backward(self) -> Any:
        """The function and its gradient with respect to every leaf."""
        leaves = list(self.leaves.values())
        out = self.function(*leaves)
        return torch.autograd.grad(out, leaves, torch.ones_like(out), allow_unused=True)

    def train(self) -> Any:
        """A step of force training: the gradient of the squared gradient with respect to positions."""
        leaves = list(self.leaves.values())
        out = self.function(*leaves)
        geometry = [self.leaves[name] for name in self.positions]
        forces = torch.autograd.grad(out, geometry, torch.ones_like(out), create_graph=True)
        loss = torch.stack([force.square().sum() for force in forces]).sum()
        return torch.autograd.grad(loss, leaves, allow_unused=True)

    def modes(self) -> dict[str, Callable[[], Any]]:
        """What can be timed, by name."""
        modes = {"forward": self.forward, "forward + backward": self.backward}
        return modes | {"training step": self.train} if self.twice else modes


def leaf(*shape: int, dtype: torch.dtype, seed: int) -> torch.Tensor:
    """Normal random numbers that want a gradient."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()


def interleaved(
    runs: dict[str, Callable[[], Any]], seconds: float = 1.0, rounds: int = 7
) -> dict[str, float]:
    """Median milliseconds of each, taking turns for at least `rounds` rounds and `seconds` seconds each."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    inner = {}
    for name, run in runs.items():
        run()
        start = clock()
        run()
        inner[name] = max(1, int(2e-3 / max(clock() - start, 1e-7)))
    samples: dict[str, list[float]] = {name: [] for name in runs}
    spent = dict.fromkeys(runs, 0.0)
    while active := [
        n for n in runs if len(samples[n]) < rounds or (spent[n] < seconds and len(samples[n]) < 50)
    ]:
        for name in active:
            start = clock()
            for _ in range(inner[name]):
                runs[name]()
            elapsed = clock() - start
            spent[name] += elapsed
            samples[name].append(1e3 * elapsed / inner[name])
            if spent[name] > 10 * seconds and len(samples[name]) >= 3:
                samples[name] += [statistics.median(samples[name])] * (rounds - len(samples[name]))
    return {name: statistics.median(times) for name, times in samples.items()}


@dataclass(frozen=True)
class Machine:
    """What one core can do: bytes per second from memory, multiply-adds per second."""

    bandwidth: float
    multiply_adds: dict[torch.dtype, float]


def machine() -> Machine:
    """Measure both: a long sum for the memory, a matrix product for the arithmetic."""
    numbers = torch.ones(64 * 2**20)
    rates = {}
    for dtype in (torch.float32, torch.float64):
        matrix = torch.ones(1024, 1024, dtype=dtype)
        rates[dtype] = 1024**3 / _fastest(partial(torch.matmul, matrix, matrix))
    return Machine(4 * len(numbers) / _fastest(numbers.sum), rates)


def _fastest(run: Callable[[], Any], times: int = 10) -> float:
    run()
    best = float("inf")
    for _ in range(times):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best
