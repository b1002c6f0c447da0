"""Structures near those of a file, to be labelled by models: python recipes/nearby.py RUN FILE OUT.

From each structure RUN moves atoms that are hotter than those of FILE for 75 fs, of which four moments are
kept; and each is taken once more with all atoms displaced at random. What models that were trained on FILE
say of these in the mean,
  cartesian predict RUN RUN... OUT --output labelled.extxyz
is what one model can learn besides FILE.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.io import iread, write
from ase.md.verlet import VelocityVerlet

from cartesian.nn.calculators import ASE

TEMPERATURE, TIME_STEP, STEPS, MOMENTS = 600.0, 0.5, 30, 4
DISPLACEMENT = 0.03


def hot(run: Path, structures: list[Atoms], rng: np.random.Generator) -> Iterator[Atoms]:
    """Moments of short dynamics, each from a structure with new momenta."""
    calculator = ASE(run)
    for structure in structures:
        atoms = structure.copy()
        atoms.calc = calculator
        spread = np.sqrt(atoms.get_masses() * units.kB * TEMPERATURE)[:, None]
        atoms.set_momenta(spread * rng.standard_normal((len(atoms), 3)))
        dynamics = VelocityVerlet(atoms, TIME_STEP * units.fs)
        dynamics.run(STEPS)
        for _ in range(MOMENTS):
            dynamics.run(STEPS)
            yield moved(structure, atoms.positions)


def displaced(structures: list[Atoms], rng: np.random.Generator) -> Iterator[Atoms]:
    """Structures with Gaussian displacements of their atoms, in Å."""
    for structure in structures:
        yield moved(structure, structure.positions + rng.normal(0.0, DISPLACEMENT, structure.positions.shape))


def moved(structure: Atoms, positions: np.ndarray) -> Atoms:
    """A structure with other positions, and nothing of what was known about it but its charge."""
    charge = {key: value for key, value in structure.info.items() if key == "total_charge"}
    return Atoms(structure.numbers, positions, cell=structure.cell, pbc=structure.pbc, info=charge)


if __name__ == "__main__":
    run, file, out = map(Path, sys.argv[1:])
    structures = list(iread(file))
    near = [*hot(run, structures, np.random.default_rng(0)), *displaced(structures, np.random.default_rng(1))]
    write(out, near, format="extxyz")
    sys.stdout.write(f"{len(near)} structures are in {out}\n")
