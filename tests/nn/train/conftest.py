"""A small set of molecules with energies of pairs, and configurations that train on it within a second."""

from copy import deepcopy

import numpy as np
import pytest

from cartesian.nn.data.frames import Frame, write_frames
from cartesian.nn.train.reading import parse_config

ISOLATED = {1: -13.0, 8: -2040.0}


def make_molecule(rng, numbers=(8, 1, 1)):
    """Atoms about 1 Å apart, bound by springs of 1 Å; the dipole is that of charges of ±0.5 e."""
    sites = np.array([[0.0, 0, 0], [1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]])[: len(numbers)]
    positions = sites + rng.uniform(-0.15, 0.15, sites.shape)
    energy = float(sum(ISOLATED.get(z, -500.0) for z in numbers))
    forces = np.zeros_like(positions)
    for i in range(len(numbers)):
        for j in range(i):
            vector = positions[i] - positions[j]
            length = float(np.linalg.norm(vector))
            energy += 2 * (length - 1) ** 2
            force = -4 * (length - 1) * vector / length
            forces[i] += force
            forces[j] -= force
    charges = np.where(np.array(numbers) == 1, 0.5, -1.0)
    return Frame(
        positions=positions,
        numbers=np.array(numbers),
        cell=np.zeros((3, 3)),
        periodic=np.zeros(3, dtype=bool),
        labels={"energy": np.array(energy), "forces": forces, "dipole": charges @ positions},
        atomic=frozenset({"forces"}),
    )


@pytest.fixture(scope="session")
def molecule():
    """Makes one molecule."""
    return make_molecule


@pytest.fixture(scope="session")
def molecules(tmp_path_factory):
    """A file of 12 molecules."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "molecules.extxyz"
    write_frames(path, [make_molecule(rng) for _ in range(12)])
    return path


@pytest.fixture
def values(molecules, tmp_path):
    """Plain values of a configuration."""
    return {
        "run": str(tmp_path / "run"),
        "model": {
            "name": "NequIP",
            "cutoff": 3.0,
            "layers": 1,
            "hidden": "4x0e + 4x1o",
            "max_degree": 1,
            "functions": 3,
            "radial": [4],
        },
        "data": {"train": str(molecules), "valid": 0.25, "batch": 4},
        "loss": {"weights": {"energy": 1.0, "forces": 10.0}},
        "optimizer": {"rate": 0.01},
        "epochs": 3,
    }


@pytest.fixture
def config(values):
    """Makes a configuration with some values changed, as on the command line."""

    def made(**changes):
        whole = deepcopy(values)
        for key, value in changes.items():
            *sections, last = key.split("__")
            section = whole
            for name in sections:
                section = section.setdefault(name, {})
            section[last] = value
        return parse_config(whole)

    return made
