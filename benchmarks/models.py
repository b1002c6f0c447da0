"""Models with forces beside other implementations of the same model with the same settings.

64 channels, two layers, degree 2, cutoff 5 Å, float32; five molecules of 27 atoms, and 500 atoms of copper.
*Inference* is energies and forces, *training* the gradient of a loss of both. Neighbours are found before;
processor time of one core, in turns, medians. Memory is the peak of a process above what it holds before it
computes.

*knots* are our models with splines of 256 intervals in place of radial networks, through which the networks
are trained (`knots=256`), *tabulated* the same with the splines made once (`nn.tabulate`), which cannot be
trained; *plain* is HotPP in plain torch from its equations. Other peers run in environments of their own:
`--python mace=PATH`, `nequip=PATH`, `torchmd=PATH`.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.systems import SYSTEMS, arrays

MODES = ("inference", "training")
# Our models, and who else has the same one.
PAIRS = {
    "MACE": ("knots", "tabulated", "mace"),
    "NequIP": ("knots", "tabulated", "nequip"),
    "TensorNet": ("tabulated", "torchmd"),
    "HotPP": ("knots", "tabulated", "plain"),
    "ICTP": ("knots", "tabulated"),
    "BOTNet": (),
    "EquiREANN": (),
}
# What is aimed at: times as fast as that peer at inference and in training, with half its memory.
AIMS = {"MACE": (12, 8), "HotPP": (12, 8), "NequIP": (4, 4), "TensorNet": (2, 2)}
OWN = ("ours", "knots", "tabulated")
Row = dict[str, Any]


class Worker:
    """A process that runs one model on one system when it is asked to."""

    def __init__(self, python: str, library: str, model: str, path: str, dtype: str) -> None:
        command = [python, "-m", "benchmarks.worker", library, model, path, dtype]
        # Old versions of e3nn, which MACE asks for, read their own tables as pickles.
        environment = os.environ | {
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(Path(__file__).parents[1]),
            "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1",
        }
        self.process = subprocess.Popen(
            command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.facts = json.loads(self._line())

    def ask(self, what: str) -> float:
        """Milliseconds of a run, or MiB."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        return float(self._line())

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(self.process.args)} stopped")
        return line


def main(pythons: Mapping[str, str]) -> list[Row]:
    """Time all models and the peers for which an interpreter is given."""
    pythons = {**dict.fromkeys(("ours", "knots", "tabulated", "plain"), sys.executable), **pythons}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for system in SYSTEMS:
            path = f"{folder}/{system}.npz"
            np.savez(path, **arrays(system))
            for model, peers in PAIRS.items():
                libraries = ["ours", *(peer for peer in peers if peer in pythons)]
                rows += _compare(model, libraries, pythons, system, path)
    return rows


def _compare(
    model: str, libraries: Sequence[str], pythons: Mapping[str, str], system: str, path: str, rounds: int = 9
) -> list[Row]:
    samples: dict[tuple[str, str], list[float]] = {}
    memory, facts = {}, {}
    for mode in MODES:
        workers = {
            library: Worker(pythons[library], library, model, path, "float32")
            for library in libraries
            if mode == "inference" or library != "tabulated"
        }
        for worker in workers.values():
            worker.ask(mode)
        for _ in range(rounds):
            for library, worker in workers.items():
                samples.setdefault((library, mode), []).append(worker.ask(mode))
        for library, worker in workers.items():
            memory[library, mode], facts[library] = worker.ask("memory"), worker.facts
            worker.close()
    return [
        {
            "model": model,
            "library": library,
            "system": system,
            "mode": mode,
            "ms": statistics.median(samples[library, mode]),
            "memory": memory[library, mode],
            **facts[library],
        }
        for library in libraries
        for mode in MODES
        if (library, mode) in samples
    ]


def table(rows: Sequence[Row]) -> str:
    """Markdown: milliseconds, ratios to ours, memory."""
    lines = [
        "| model | system | who | parameters | inference ms | training ms | MiB, inference | MiB, training |",
        "|---|---|---|---|---|---|---|---|",
    ]
    by_key = {(r["model"], r["system"], r["library"], r["mode"]): r for r in rows}
    for model, system, library in dict.fromkeys((r["model"], r["system"], r["library"]) for r in rows):
        cells, sizes = [], []
        for mode in MODES:
            if (model, system, library, mode) not in by_key:
                cells.append("")
                sizes.append("")
                continue
            row, own = by_key[model, system, library, mode], by_key[model, system, "ours", mode]
            ratio = "" if library == "ours" else f" ({row['ms'] / own['ms']:.1f}×)"
            share = "" if library == "ours" else f" ({row['memory'] / max(own['memory'], 1):.1f}×)"
            cells.append(f"{row['ms']:.0f}{ratio}")
            sizes.append(f"{row['memory']:.0f}{share}")
        facts = by_key[model, system, library, "inference"]
        who = library + (f", {facts['notes']}" if facts["notes"] else "")
        numbers = " | ".join(cells + sizes)
        lines.append(f"| {model} | {system} | {who} | {facts['parameters']:,} | {numbers} |")
    return "\n".join([*lines, "", *_goals(by_key)])


def _goals(rows: Mapping[tuple[str, str, str, str], Row]) -> list[str]:
    """How the fastest of ours compares with the peer, beside what is aimed at."""
    lines = [
        "| model | system | mode | fastest of ours | times as fast | goal | memory, goal 0.5× |",
        "|" + "---|" * 7,
    ]
    for model, aims in AIMS.items():
        peer = PAIRS[model][-1]
        for system in SYSTEMS:
            for mode, aim in zip(MODES, aims, strict=True):
                other = rows.get((model, system, peer, mode))
                if other is None:
                    continue
                own = [rows[key] for who in OWN if (key := (model, system, who, mode)) in rows]
                best = min(own, key=lambda row: row["ms"])
                times, memory = other["ms"] / best["ms"], best["memory"] / other["memory"]
                faster = f"{times:.1f}× | {aim}×, {'met' if times >= aim else '**not met**'}"
                less = f"{memory:.2f}×, {'met' if memory <= 0.5 else '**not met**'}"
                lines.append(f"| {model} | {system} | {mode} | {best['library']} | {faster} | {less} |")
    return lines
