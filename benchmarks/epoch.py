"""Training of the demo: an epoch beside plain torch, what waits for data, and memory; a step of dynamics.

`examples/demo.yaml` with its four properties, data, loss and batches of 10 molecules, but AdamW and trained
frequencies. *plain* is HotPP in plain torch from its equations, with as many parameters, in the same training
loop. *Compiled* is `compile: true`; the first step compiles, and nothing is kept from a run before. Epochs
take turns. One thread is measured in processor time, which other work on the machine does not stretch: the
median. Two are measured by the clock: the least, since they wait for each other when other work takes a core.

*Held* batches were made before the epoch, *joined* ones are made at their step from samples in memory, so
the difference is what loading costs. *Streamed* frames are read and their neighbours searched anew in every
epoch: at their step, or by another process ahead of it. *Waiting* is how long the loop stood still.

Memory is what the process of the whole run holds after an epoch, with validation, checkpoints and logs.
Dynamics are those of ASE with 500 atoms of copper and HotPP of two layers; beside the energy and forces
there are neighbours, the integrator and ASE itself. Both with one thread, by the clock.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from ase import Atoms, units
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from ase.md.verlet import VelocityVerlet

from benchmarks.systems import CUTOFF, copper
from benchmarks.training import Trainer, Watched, demo
from cartesian.nn.calculators import ASE
from cartesian.nn.models import HotPP, HotPPConfig
from cartesian.nn.train.logs import Display
from cartesian.nn.train.processes import processes

CORES = "two cores"
Row = dict[str, Any]


def main() -> list[Row]:
    """Measure all of it."""
    rows = [row for threads in (1, 2) for row in epochs(threads)]
    return rows + loading() + run() + [dynamics(channels) for channels in (16, 64)]


def epochs(threads: int, rounds: int = 7) -> list[Row]:
    """Seconds of an epoch with both models: processor time with one thread, the clock with two."""
    with tempfile.TemporaryDirectory() as folder, _threads(threads), processes("cpu") as here:
        trainers = {
            f"{who}{', compiled' * is_compiled}": Trainer(folder, here, who == "plain", is_compiled)
            for who in ("cartesian", "plain")
            for is_compiled in (False, True)
        }
        with torch._inductor.config.patch(force_disable_caches=True):
            first = {who: _seconds(trainer.first, time.perf_counter) for who, trainer in trainers.items()}
        clock = time.process_time if threads == 1 else time.perf_counter
        best = statistics.median if threads == 1 else min
        seconds = _in_turns({who: trainer.epoch for who, trainer in trainers.items()}, rounds, clock, best)
    return [
        {
            "part": "epoch",
            "who": who,
            "first": first[who],
            "threads": threads,
            "parameters": sum(p.numel() for p in trainer.model.parameters()),
            "steps": trainer.steps,
            "seconds": seconds[who],
        }
        for who, trainer in trainers.items()
    ]


def loading(rounds: int = 7) -> list[Row]:
    """Seconds of an epoch, and those of them spent waiting, by where its batches come from."""
    with tempfile.TemporaryDirectory() as folder, _threads(1), processes("cpu") as here:
        joined, streamed = Trainer(folder, here), Trainer(folder, here)
        held = joined.hold()
        streamed.stream()
        sources: dict[str, tuple[Trainer, dict[str, Any]]] = {
            "held": (joined, {"held": held}),
            "joined": (joined, {}),
            "streamed": (streamed, {}),
            "streamed ahead": (streamed, {"workers": 1}),
        }
        waited: dict[str, list[float]] = {source: [] for source in sources}

        def run(source: str) -> None:
            trainer, options = sources[source]
            trainer.epoch(**options)
            waited[source].append(trainer.waited)

        runs = {source: lambda source=source: run(source) for source in sources}
        seconds = _in_turns(runs, rounds, time.perf_counter)
    return [
        {
            "part": "loading",
            "batches": source,
            "seconds": seconds[source],
            "waiting": statistics.median(waited[source][1:]),
        }
        for source in runs
    ]


def run() -> list[Row]:
    """Memory over the run of the demo, in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.epoch"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    memory = json.loads(done.stdout.splitlines()[-1])
    epochs = [1, *range(len(memory) // 4, len(memory) + 1, len(memory) // 4)]
    return [{"part": "memory", "epoch": epoch, "MiB": memory[epoch - 1]} for epoch in epochs]


def dynamics(channels: int, steps: int = 20) -> Row:
    """Seconds of a step of dynamics, and of the energy and forces in it."""
    numbers, positions, cell = copper()[0]
    torch.manual_seed(0)
    model = HotPP(HotPPConfig(("Cu",), CUTOFF, layers=2, channels=channels, neighbors=50.0))
    atoms = Atoms(numbers, positions, cell=cell, pbc=True)
    atoms.calc = ASE(model)
    begun, inside = [0.0], []
    atoms.calc.potential.register_forward_pre_hook(lambda *_: begun.append(time.perf_counter()))
    atoms.calc.potential.register_forward_hook(lambda *_: inside.append(time.perf_counter() - begun[-1]))
    MaxwellBoltzmannDistribution(atoms, temperature_K=300)
    with _threads(1):
        moved = VelocityVerlet(atoms, 2 * units.fs)
        moved.run(2)
        inside.clear()
        times = [_seconds(lambda: moved.run(1), time.perf_counter) for _ in range(steps)]
    return {
        "part": "dynamics",
        "channels": channels,
        "step": statistics.median(times),
        "forces": statistics.median(inside),
        "beside": statistics.median(t - own for t, own in zip(times, inside, strict=True)),
    }


def table(rows: Sequence[Row]) -> str:
    """Markdown: a table for each part."""
    parts: dict[str, list[Row]] = {}
    for row in rows:
        parts.setdefault(row["part"], []).append(row)
    plain = {row["threads"]: row["seconds"] for row in parts["epoch"] if row["who"] == "plain"}
    held = parts["loading"][0]["seconds"]
    first = parts["memory"][0]["MiB"]
    lines = [
        "| epoch | parameters | steps | threads | first step, s | ms | ms per step | times as fast |",
        "|---" * 8 + "|",
    ]
    for row in parts["epoch"]:
        per, ratio = row["seconds"] / row["steps"], plain[row["threads"]] / row["seconds"]
        lines.append(
            f"| {row['who']} | {row['parameters']:,} | {row['steps']} | {row['threads']} | "
            f"{row['first']:.1f} | {1e3 * row['seconds']:.0f} | {1e3 * per:.1f} | {ratio:.2f} |"
        )
    lines += ["", "| batches | epoch, ms | beyond held | waiting, ms | of the epoch |", "|---" * 5 + "|"]
    for row in parts["loading"]:
        share, waiting = row["seconds"] / held - 1, row["waiting"] / row["seconds"]
        lines.append(
            f"| {row['batches']} | {1e3 * row['seconds']:.0f} | {share:.1%} | {1e3 * row['waiting']:.1f} | "
            f"{waiting:.1%} |"
        )
    lines += ["", "| after epoch | MiB held | since the first |", "|---|---|---|"]
    lines += [f"| {row['epoch']} | {row['MiB']:.0f} | {row['MiB'] - first:+.0f} |" for row in parts["memory"]]
    lines += ["", "| channels | step, ms | energy and forces, ms | beside them |", "|---|---|---|---|"]
    for row in parts["dynamics"]:
        share = row["beside"] / row["forces"]
        lines.append(
            f"| {row['channels']} | {1e3 * row['step']:.1f} | {1e3 * row['forces']:.1f} | {share:.1%} |"
        )
    return "\n".join(lines)


def _in_turns(
    runs: dict[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float],
    best: Callable[[Sequence[float]], float] = statistics.median,
) -> dict[str, float]:
    """Seconds of each, by default the median; the first of all rounds is not counted."""
    samples: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds + 1):
        for name, run in runs.items():
            samples[name].append(_seconds(run, clock))
    return {name: best(times[1:]) for name, times in samples.items()}


def _seconds(run: Callable[[], object], clock: Callable[[], float]) -> float:
    begin = clock()
    run()
    return clock() - begin


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, processes("cpu") as here:
        watched = Watched(demo(folder), here, Display(quiet=True))
        watched.run()
    print(json.dumps(watched.memory))
