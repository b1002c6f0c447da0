"""What the elements tell about a label: means over atoms, or additive parts by least squares."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cartesian.nn.data.dataset import Dataset
from cartesian.nn.data.frames import Frame
from cartesian.nn.data.spread import Sums
from cartesian.nn.data.statistics import statistics


@given(st.integers(0, 2**32 - 1))
def test_parts_of_structures_are_those_of_least_squares(seed):
    rng = np.random.default_rng(seed)
    structures = [rng.choice([1, 6, 8], rng.integers(1, 6)) for _ in range(5)]
    tensors = 5 + rng.standard_normal((5, 3, 3))
    sums = Sums()
    for numbers, tensor in zip(structures, tensors, strict=True):
        sums.add(torch.from_numpy(tensor[None]), torch.from_numpy(numbers), is_atomic=False)
    present = np.unique(np.concatenate(structures))
    counts = np.array([(numbers[:, None] == present).sum(0) for numbers in structures], dtype=float)
    wanted = np.linalg.lstsq(counts, tensors.reshape(5, 9), rcond=None)[0]
    found = sums.spread()
    np.testing.assert_allclose([*found.parts.values()], wanted, rtol=1e-7, atol=1e-7)
    rest = tensors.reshape(5, 9) - counts @ wanted
    assert found.rest == pytest.approx(np.sqrt(np.mean(rest**2)), abs=1e-6)


def test_parts_of_atoms_are_means_of_their_element():
    rng = np.random.default_rng(0)
    sums, values, numbers = Sums(), rng.standard_normal((6, 3)), np.array([1, 8, 1, 1, 8, 6])
    for where in (slice(0, 4), slice(4, 6)):
        sums.add(torch.from_numpy(values[where]), torch.from_numpy(numbers[where]), is_atomic=True)
    found = sums.spread()
    assert list(found.parts) == ["H", "C", "O"]
    means = {z: values[numbers == z].mean(0) for z in (1, 6, 8)}
    np.testing.assert_allclose([*found.parts.values()], [*means.values()])
    rest = values - np.array([means[z] for z in numbers])
    assert found.rest == pytest.approx(np.sqrt(np.mean(rest**2)))


def test_parts_of_energies_are_the_reference_and_of_forces_zero():
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(6):
        atoms = int(rng.integers(1, 4))
        labels = {"energy": np.array(rng.normal(-13.0 * atoms)), "forces": rng.standard_normal((atoms, 3))}
        sites = 2.0 * np.array([*np.ndindex(2, 2, 1)])[:atoms]
        none = np.zeros(3, dtype=bool)
        frames.append(
            Frame(sites, np.ones(atoms, int), np.zeros((3, 3)), none, labels, frozenset({"forces"}))
        )
    found = statistics(Dataset(frames, 1.0), {"H": -10.0})
    energy, forces = found.labels["energy"], found.labels["forces"]
    per_atom = np.mean([(f.labels["energy"] + 10 * len(f.numbers)) / len(f.numbers) for f in frames])
    assert energy.parts["H"] == pytest.approx((-10 + per_atom,))
    rest = [f.labels["energy"] - len(f.numbers) * energy.parts["H"][0] for f in frames]
    assert energy.rest == pytest.approx(np.sqrt(np.mean(np.square(rest))))
    assert forces.parts == {"H": (0.0, 0.0, 0.0)}
    assert forces.rest == forces.rms
