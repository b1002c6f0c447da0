"""From an exact tensor to a potential one can trust, in one run.

Prints exact tensors, trains HotPP on the molecules of `examples/data`, evaluates it on structures from other
trajectories, checks it against the laws of physics, lets a molecule move, and writes `runs/demo/report.html`.

    python examples/demo.py
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from ase import units
from ase.io import read
from ase.md.verlet import VelocityVerlet
from rich.console import Console

import cartesian as ct
from cartesian.nn.calculators import ASE
from cartesian.nn.calculators.source import open_model
from cartesian.nn.cli.evaluate import evaluated
from cartesian.nn.data.frames import Frames
from cartesian.nn.report.evaluation import Comparison, ErrorRow, errors
from cartesian.nn.report.page import Page
from cartesian.nn.report.plots import energy_drift, learning_curve, parity
from cartesian.nn.report.tables import (
    ERROR_COLUMNS,
    ERROR_NUMBERS,
    error_cells,
    print_check,
    print_errors,
)
from cartesian.nn.report.verification import Check, verify
from cartesian.nn.train import read_config, train

HERE = Path(__file__).parent
DATA, CONFIG = HERE / "data", HERE / "demo.yaml"
GOALS = ("forces", "dipole", "polarizability")
FACTOR = 10
"""How many times smaller than those of a constant the errors have to be."""

TIME_STEP, DURATION, TEMPERATURE = 0.5, 500, 300
"""Of the simulation: fs, fs, K."""

console = Console(highlight=False)


def exact_tensors() -> str:
    """What the potential is made of, without a rounded number."""
    stiffness, polarizability = ct.TensorSpace("ijkl=jikl=klij"), ct.TensorSpace("ij=ji")
    lines = [
        "projector on symmetric trace-free tensors of rank 2",
        f"    {ct.projector(2).text}",
        "two vectors to such a tensor",
        f"    {ct.coupling(1, 1, 2).text}",
        "the direction of a bond, as a tensor of rank 3",
        f"    {ct.harmonic(3).text}",
        "irreducible parts of a polarizability, and of a stiffness",
        f"    {polarizability.irreps},  {stiffness.irreps}",
        "elastic constants of a cubic and of a trigonal crystal",
        f"    {len(stiffness.invariants('m-3m'))} and {len(stiffness.invariants('32'))}",
    ]
    return "\n".join(lines)


def evaluate(run: Path) -> tuple[list[Comparison], list[ErrorRow]]:
    """Errors on structures that training has not seen."""
    comparisons = evaluated(run, [DATA / "test.xyz"])
    return comparisons, errors(comparisons)


def simulate(run: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Energies of a methanol molecule that moves by itself, from a test structure."""
    atoms = next(atoms for atoms in read(DATA / "test.xyz", ":") if len(atoms) == 6)
    atoms.calc = ASE(run, dtype=torch.float64)
    rng = np.random.default_rng(0)
    momenta = rng.standard_normal((len(atoms), 3)) * np.sqrt(
        atoms.get_masses()[:, None] * units.kB * TEMPERATURE
    )
    atoms.set_momenta(momenta)
    rows = []
    dynamics = VelocityVerlet(atoms, TIME_STEP * units.fs)
    dynamics.attach(lambda: rows.append((atoms.get_potential_energy(), atoms.get_kinetic_energy())))
    dynamics.run(round(DURATION / TIME_STEP))
    potential, kinetic = np.array(rows).T
    times = TIME_STEP * np.arange(len(rows))
    return times, {"potential": potential, "kinetic": kinetic, "total": potential + kinetic}


def write_report(
    run: Path,
    tensors: str,
    comparisons: list[Comparison],
    rows: list[ErrorRow],
    checks: list[Check],
    motion: tuple[np.ndarray, dict[str, np.ndarray]],
    seconds: float,
) -> Path:
    """One page, and its pictures beside it."""
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    times, energies = motion
    pictures = {
        "learning_curve": (learning_curve(log), "Loss and validation errors fall over the epochs."),
        "parity": (parity(comparisons), "Predictions lie on the line where they equal the references."),
        "energy_drift": (
            energy_drift(times, energies, f"methanol, {TEMPERATURE} K at the start"),
            "Potential and kinetic energy are exchanged; their sum stays.",
        ),
    }
    for name, (figure, _) in pictures.items():
        figure.savefig(run / f"{name}.png")
    page = Page("A potential from 360 small molecules")
    page.text(
        "HotPP, trained on energies, forces, dipoles and polarizabilities of water, formaldehyde and "
        "methanol in Hartree-Fock (def2-SVP), and evaluated on structures from other trajectories."
    )
    page.heading("Errors on held-out structures")
    columns = ("structures", *ERROR_COLUMNS[1:])
    ordered = sorted(rows, key=lambda row: bool(row.group))
    page.table(columns, [error_cells(row) for row in ordered], numbers=ERROR_NUMBERS)
    page.text(
        "A constant says that forces are zero, and of every other quantity what the elements of the molecule "
        "say on average in the training set. The factor says how many times smaller the RMSE of the model "
        "is. Turning is the RMSE in the part of a tensor that turns with the molecule; whoever ignores "
        "directions errs there by at least the number under blind.",
        quiet=True,
    )
    page.picture(*pictures["parity"])
    page.heading("Training")
    page.picture(*pictures["learning_curve"])
    page.heading("Laws")
    cells = [
        (check.law, f"{check.deviation:.1e}", f"{check.limit:.0e}", "yes" if check.passed else "NO")
        for check in checks
    ]
    page.table(("law", "deviation", "allowed", "holds"), cells, numbers=(1, 2))
    page.heading("A molecule that moves by itself")
    page.picture(*pictures["energy_drift"])
    page.heading("Exact tensors")
    page.code(tensors)
    page.text(f"Made in {seconds:.0f} s; torch {torch.__version__}.", quiet=True)
    path = run / "report.html"
    path.write_text(page.html())
    return path


def main() -> int:
    """Run everything; 0 if errors are small enough and all laws hold."""
    parser = argparse.ArgumentParser(description="From an exact tensor to a potential one can trust.")
    parser.add_argument("--run", default="runs/demo", help="folder of the run")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="changes of examples/demo.yaml")
    options = parser.parse_args()
    os.chdir(HERE.parent)
    # Small molecules: a second thread would wait more than work, and the next batch is made beside the step.
    torch.set_num_threads(1)
    start = time.monotonic()

    def say(text: str) -> None:
        console.print(f"\n[bold]{text}[/bold]  [dim]{time.monotonic() - start:.0f} s[/dim]\n")

    say("Exact tensors")
    tensors = exact_tensors()
    console.print(tensors)
    say("Training")
    config = read_config(CONFIG, [f"run={options.run}", *options.overrides])
    train(config, restart=True)
    run = Path(config.run)
    say("Errors on structures of other trajectories")
    comparisons, rows = evaluate(run)
    print_errors([row for row in rows if not row.group], console)
    say("Laws")
    frames = Frames(DATA / "test.xyz")
    checks = []
    for check in verify(open_model(run), [frames[k] for k in (0, 60, 140)]):
        checks.append(check)
        print_check(check, console)
    say("A methanol molecule that moves by itself")
    motion = simulate(run)
    total = motion[1]["total"]
    console.print(
        f"{DURATION} fs: the total energy stays within {1e3 * np.abs(total - total[0]).max():.2g} meV"
    )
    path = write_report(run, tensors, comparisons, rows, checks, motion, time.monotonic() - start)
    missed = [row.name for row in rows if not row.group and row.name in GOALS and (row.factor or 0) < FACTOR]
    broken = [check.law for check in checks if not check.passed]
    say(f"The report is {path}")
    for text in (*(f"{name}: not {FACTOR} times better than a constant" for name in missed), *broken):
        console.print(f"[red]{text}[/red]")
    return 1 if missed or broken else 0


if __name__ == "__main__":
    sys.exit(main())
