"""The exact core against its targets: each line in fresh processes on one core, peers beside it.

`python -m benchmarks core` prints the table and writes it to `benchmarks/results/core.md`, all numbers to
`core.json` beside it. Times are CPU times, which other work on the machine does not stretch.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
ROUNDS = 5

PROGRAM = """
import json, resource, time
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
{setup}
memory, start = peak(), time.process_time()
{statement}
seconds = time.process_time() - start
print(json.dumps([seconds / {count}, peak() - memory]))
"""


@dataclass(frozen=True)
class Run:
    """Code to time: what is done before the clock starts, what is timed, how many things that handles."""

    setup: str
    statement: str
    count: int = 1

    def measure(self) -> tuple[float, float]:
        """Seconds for each thing and MB above what the setup took, in a process of its own."""
        program = PROGRAM.format(**asdict(self))
        result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        if result.returncode:
            raise RuntimeError(f"{self.statement!r} failed: {result.stderr.splitlines()[-1]}")
        seconds, megabytes = json.loads(result.stdout.splitlines()[-1])
        return seconds, megabytes


@dataclass(frozen=True)
class Line:
    """One line of the table: what is done, within which time and memory, and how others do it."""

    what: str
    ours: Run
    seconds: float
    megabytes: float | None = None
    peers: dict[str, Run] = field(default_factory=dict)


OURS = "import numpy as np\nfrom cartesian.ops.spaces import TensorSpace"
NINE = f"{OURS}\nspace, rng = TensorSpace('abcdefghi'), np.random.default_rng(0)\n"


def couplings(name: str, max_degree: int) -> Run:
    """Every coupling of both parities."""
    setup, call = {
        "ours": ("from cartesian.symbolic.coupling_formula import coupling", "coupling(l1, l2, l3).numpy()"),
        "e3nn": ("from e3nn.o3 import wigner_3j", "wigner_3j(l1, l2, l3)"),
    }[name]
    loop = f"for l1 in range({max_degree + 1}):\n"
    loop += f" for l2 in range({max_degree + 1}):\n"
    loop += f"  for l3 in range(abs(l1 - l2), min(l1 + l2, {max_degree}) + 1): {call}"
    return Run(setup, loop)


def split(formula: str) -> Run:
    """A space from nothing, and a tensor split by it."""
    rank = len(formula.split("=", maxsplit=1)[0])
    return Run(f"{OURS}\nT = np.zeros([3] * {rank})", f"TensorSpace('{formula}').split(T)")


def reduced(formula: str) -> dict[str, Run]:
    """The change of basis that e3nn makes for the same formula."""
    vectors = ", ".join(f"{letter}='1o'" for letter in formula.split("=", maxsplit=1)[0])
    return {"e3nn": Run("from e3nn import o3", f"o3.ReducedTensorProducts('{formula}', {vectors})")}


LINES = (
    Line("`import cartesian`", Run("", "import cartesian"), 0.3),
    Line("`from cartesian import TensorSpace`", Run("", "from cartesian import TensorSpace"), 0.3),
    Line("all 175 couplings to degree 6", couplings("ours", 6), 1.0, peers={"e3nn": couplings("e3nn", 6)}),
    Line("all 369 couplings to degree 8", couplings("ours", 8), 5.0, peers={"e3nn": couplings("e3nn", 8)}),
    Line("first split by `ij=ji`", split("ij=ji"), 0.010, peers=reduced("ij=ji")),
    Line("first split of an elasticity", split("ijkl=jikl=klij"), 0.100, peers=reduced("ijkl=jikl=klij")),
    Line("first split of rank 6", split("abcdef"), 1.0, peers=reduced("abcdef")),
    Line("first split of rank 9", split("abcdefghi"), 5.0, 200),
    Line(
        "another tensor of rank 9",
        Run(f"{NINE}T = rng.random([3] * 9)\nspace.split(T)", "for _ in range(20): space.split(T)", 20),
        0.010,
        200,
    ),
    Line(
        "each of 1000 tensors of rank 9 (158 MB of result)",
        Run(f"{NINE}T = rng.random([1000] + [3] * 9)\nspace.split(T[0])", "parts = space.split(T)", 1000),
        0.010,
        358,
    ),
    Line(
        "rank 12 split and joined, from nothing",
        Run(
            f"{OURS}\nT = np.random.default_rng(0).random([3] * 12)",
            "space = TensorSpace('abcdefghijkl')\nspace.join(space.split(T))",
        ),
        5.0,
    ),
)


def measured(lines: tuple[Line, ...]) -> Iterator[dict[str, Any]]:
    """Medians over several processes, ours and each installed peer in turn."""
    for line in lines:
        runs = {"cartesian": line.ours} | {k: run for k, run in line.peers.items() if find_spec(k)}
        samples: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
        for _ in range(ROUNDS):
            for name, run in runs.items():
                samples[name].append(run.measure())
        medians = {
            name: tuple(statistics.median(column) for column in zip(*taken, strict=True))
            for name, taken in samples.items()
        }
        yield {
            "what": line.what,
            "target": {"seconds": line.seconds, "megabytes": line.megabytes},
            "median": {name: {"seconds": s, "megabytes": m} for name, (s, m) in medians.items()},
        }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = ["| | cartesian | target | e3nn | memory | target |", "| --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        ours, target, peer = row["median"]["cartesian"], row["target"], row["median"].get("e3nn")
        cells = [row["what"], _time(ours["seconds"]), f"< {_time(target['seconds'])}"]
        cells.append(f"{_time(peer['seconds'])} ({peer['seconds'] / ours['seconds']:.0f}x)" if peer else "")
        cells.append(f"{ours['megabytes']:.0f} MB")
        cells.append(f"< {target['megabytes']:.0f} MB" if target["megabytes"] else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _time(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms"


def machine() -> dict[str, str]:
    """Processor and versions."""
    cpu = next((x for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x), ": unknown")
    packages = {name: version(name) for name in ("numpy", "torch", "e3nn") if find_spec(name)}
    return {"processor": cpu.split(": ")[1], "python": platform.python_version(), **packages}


def main() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rows = []
    for row in measured(LINES):
        rows.append(row)
        print(table([row]).splitlines()[-1], flush=True)
    where = machine()
    text = (
        "# The exact core\n\n"
        f"Made by `python -m benchmarks core`: median CPU time of {ROUNDS} fresh processes on one core, "
        "libraries imported before the clock starts. Memory is what the line adds to the peak.\n\n"
        f"{', '.join(f'{key} {value}' for key, value in where.items())}\n\n{table(rows)}\n"
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "core.md").write_text(text)
    (RESULTS / "core.json").write_text(json.dumps({"machine": where, "rows": rows}, indent=1) + "\n")
