"""Timing side by side: the candidates take turns, so that noise of the machine hits all alike.

Times are CPU times of the process with one thread, which other work on the machine does not stretch, and
wall times with more and on a GPU, which is waited for.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from benchmarks.elsewhere import Distant

Clock = Callable[[], float]
Run = Callable[[], Any] | Distant


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
        """A step of force training: the gradient of half the squared gradient with respect to positions."""
        leaves = list(self.leaves.values())
        out = self.function(*leaves)
        geometry = [self.leaves[name] for name in self.positions]
        forces = torch.autograd.grad(out, geometry, torch.ones_like(out), create_graph=True)
        # The gradient of half a square is what is squared: nothing of the loss is timed or held in memory.
        return torch.autograd.grad(forces, leaves, [f.detach() for f in forces], allow_unused=True)

    def modes(self) -> dict[str, Callable[[], Any]]:
        """What can be timed, by name."""
        modes = {"forward": self.forward, "forward + backward": self.backward}
        return modes | {"training step": self.train} if self.twice else modes


def leaf(*shape: int, dtype: torch.dtype, seed: int) -> torch.Tensor:
    """Normal random numbers that want a gradient, on torch's default device."""
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.randn(*shape, generator=generator, dtype=torch.float64, device="cpu")
    return numbers.to(torch.get_default_device(), dtype).requires_grad_()


def interleaved(
    runs: Mapping[str, Run],
    seconds: float = 1.0,
    rounds: int = 7,
    device: torch.device | str = "cpu",
) -> dict[str, float]:
    """Median milliseconds of each, taking turns for at least `rounds` rounds and `seconds` seconds each.

    Who has taken five times as many seconds is done, whatever the rounds; the first run does not count.
    """
    elapsed = partial(_elapsed, clock=_clock(torch.device(device)))
    inner, samples = {}, {}
    for name, run in runs.items():
        elapsed(run, 1)
        once = elapsed(run, 1)
        inner[name] = max(1, int(2e-3 / max(once, 1e-7)))
        samples[name] = [once] if inner[name] == 1 else []
    while active := [name for name in runs if not _is_done(samples[name], inner[name], seconds, rounds)]:
        for name in active:
            samples[name].append(elapsed(runs[name], inner[name]) / inner[name])
    return {name: 1e3 * statistics.median(times) for name, times in samples.items()}


def _is_done(samples: list[float], inner: int, seconds: float, rounds: int) -> bool:
    spent = inner * sum(samples)
    enough = len(samples) >= rounds and (spent >= seconds or len(samples) >= 50)
    return enough or spent >= 5 * seconds


def on_threads(
    run: Callable[[], Any], counts: tuple[int, ...] = (1, 2), rounds: int = 30
) -> dict[int, float]:
    """Least milliseconds of wall time on each number of threads, in turns.

    The least and not the median: other work on the machine takes a core from two threads more often than
    from one.
    """
    least = dict.fromkeys(counts, float("inf"))
    before = torch.get_num_threads()
    try:
        for _ in range(rounds):
            for count in counts:
                torch.set_num_threads(count)
                run()
                start = time.perf_counter()
                run()
                least[count] = min(least[count], 1e3 * (time.perf_counter() - start))
    finally:
        torch.set_num_threads(before)
    return least


@dataclass(frozen=True)
class Machine:
    """What one core, or a GPU, can do: bytes per second from memory, multiply-adds per second."""

    bandwidth: float
    multiply_adds: dict[torch.dtype, float]


def machine(device: torch.device | str = "cpu") -> Machine:
    """Measure both: a long sum for the memory, a matrix product for the arithmetic."""
    device = torch.device(device)
    fastest = partial(_fastest, clock=_clock(device))
    size = 1024 if device.type == "cpu" else 8192
    numbers = torch.ones(size * 2**16, device=device)
    rates = {}
    for dtype in (torch.float32, torch.float64):
        matrix = torch.ones(size, size, dtype=dtype, device=device)
        rates[dtype] = size**3 / fastest(partial(torch.matmul, matrix, matrix))
    return Machine(4 * len(numbers) / fastest(numbers.sum), rates)


def _fastest(run: Callable[[], Any], clock: Clock, times: int = 10) -> float:
    _elapsed(run, 1, clock)
    return min(_elapsed(run, 1, clock) for _ in range(times))


def _elapsed(run: Run, times: int, clock: Clock) -> float:
    """Seconds of some runs; of a run in another process, those that it says."""
    if isinstance(run, Distant):
        return run.seconds(times)
    start = clock()
    for _ in range(times):
        run()
    return clock() - start


def _clock(device: torch.device) -> Clock:
    """Seconds: of the processor on one core, of the wall on several, of the wall on a GPU that is done."""

    def done() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    if device.type == "cuda":
        return done
    return time.process_time if torch.get_num_threads() == 1 else time.perf_counter
