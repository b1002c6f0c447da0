r"""Make the data set of the demo again: water, formaldehyde and methanol in Hartree-Fock.

Structures come from molecular dynamics with GFN2-xTB at three temperatures; training, validation and test
structures from different trajectories. Every structure is turned at random. Its energy, forces and dipole are
those of restricted Hartree-Fock with density fitting in def2-SVP, and its polarizability is the derivative of
the dipole by a static field $\mathcal E$,

$$\alpha_{ab} = \frac{\mu_a(+\mathcal E e_b) - \mu_a(-\mathcal E e_b)}{2 \mathcal E}.$$

    pip install ase pyscf tblite
    OMP_NUM_THREADS=1 python examples/make_dataset.py examples/data
"""

import argparse
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np

MOLECULES = {"water": "H2O", "formaldehyde": "H2CO", "methanol": "CH3OH"}
TEMPERATURES = (300, 600, 900)
SPLITS = {"train": 40, "valid": 8, "test": 16}
"""Structures of each molecule at each temperature."""

BASIS = "def2-svp"
STEP, FRICTION, APART, WARMUP = 0.5, 0.02, 100, 1000
"""Of the dynamics: time step in fs, friction in 1/fs, steps between structures, steps before the first."""

FIELD = 2e-3
"""In atomic units: small beside the fields in a molecule, large beside the convergence of the dipole."""


def structures(name: str, temperature: float, count: int, seed: int) -> list[Any]:
    """Structures from Langevin dynamics with GFN2-xTB, each turned at random."""
    from ase import units
    from ase.build import molecule
    from ase.constraints import FixCom
    from ase.md.langevin import Langevin
    from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
    from ase.optimize import BFGS
    from scipy.spatial.transform import Rotation
    from tblite.ase import TBLite

    rng = np.random.default_rng(seed)
    atoms = molecule(MOLECULES[name])
    atoms.set_constraint(FixCom())
    atoms.calc = TBLite(method="GFN2-xTB", verbosity=0)
    BFGS(atoms, logfile=None).run(fmax=0.01)
    MaxwellBoltzmannDistribution(atoms, temperature_K=temperature, rng=rng)
    dynamics = Langevin(
        atoms,
        STEP * units.fs,
        temperature_K=temperature,
        friction=FRICTION / units.fs,
        fixcm=False,
        rng=rng,
    )
    dynamics.run(WARMUP)
    found = []
    for _ in range(count):
        dynamics.run(APART)
        frame = atoms.copy()
        frame.positions -= frame.positions.mean(axis=0)
        frame.positions @= Rotation.random(rng=rng).as_matrix()
        found.append(frame)
    return found


def label(atoms: Any) -> dict[str, np.ndarray | float]:
    """Energy in eV, forces in eV/Å, dipole in eÅ and polarizability in eÅ²/V."""
    from ase.units import Bohr, Hartree
    from pyscf import gto, scf

    molecule = gto.M(
        atom=[(atom.symbol, atom.position) for atom in atoms], basis=BASIS, unit="Angstrom", verbose=0
    )
    field_free = scf.hf.get_hcore(molecule)
    integrals = molecule.intor_symmetric("int1e_r")

    def solve(field: np.ndarray, density: np.ndarray | None = None) -> Any:
        method = scf.RHF(molecule).density_fit()
        method.conv_tol, method.conv_tol_grad = 1e-11, 1e-7
        hamiltonian = field_free + np.einsum("x,xij->ij", field, integrals)
        method.get_hcore = lambda *_: hamiltonian
        method.kernel(density)
        if not method.converged:
            raise RuntimeError(f"Hartree-Fock does not converge for {atoms} in the field {field}")
        return method

    ground = solve(np.zeros(3))
    # The gradient asks for the derivatives of the field-free Hamiltonian, which are its own.
    forces = -ground.nuc_grad_method().kernel()
    density = ground.make_rdm1()
    columns = []
    for axis in np.eye(3):
        plus, minus = (
            solve(sign * FIELD * axis, density).dip_moment(unit="AU", verbose=0) for sign in (1, -1)
        )
        columns.append((plus - minus) / (2 * FIELD))
    polarizability = np.stack(columns, axis=1)
    return {
        "energy": float(ground.e_tot) * Hartree,
        "forces": forces * Hartree / Bohr,
        "dipole": ground.dip_moment(unit="AU", verbose=0) * Bohr,
        "polarizability": (polarizability + polarizability.T) / 2 * Bohr**2 / Hartree,
    }


def frame(atoms: Any, name: str, temperature: float) -> Any:
    """A labelled structure, ready for an extended XYZ file."""
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator

    labels = label(atoms)
    found = Atoms(atoms.symbols, positions=atoms.positions)
    found.info = {
        "config_type": f"{name}-{temperature}K",
        "polarizability": np.round(labels["polarizability"], 7).ravel(),
    }
    found.calc = SinglePointCalculator(
        found, energy=labels["energy"], forces=labels["forces"], dipole=np.round(labels["dipole"], 7)
    )
    return found


def main() -> None:
    """Write `train.xyz`, `valid.xyz` and `test.xyz` into a folder."""
    from ase.io import write

    parser = argparse.ArgumentParser(description="Make the data set of the demo again.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for split, count in SPLITS.items():
        frames = []
        for name in MOLECULES:
            for temperature in TEMPERATURES:
                seed = zlib.crc32(f"{split} {name} {temperature}".encode())
                for atoms in structures(name, temperature, count, seed):
                    # Labels belong to the digits that are written.
                    atoms.positions = atoms.positions.round(6)
                    frames.append(frame(atoms, name, temperature))
                sys.stdout.write(f"{split} {name} {temperature} K\n")
        write(folder / f"{split}.xyz", frames, format="extxyz")


if __name__ == "__main__":
    main()
