"""Statistics against energies that are known, and warnings about units."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cartesian.nn.data.dataset import Dataset
from cartesian.nn.data.frames import Frame
from cartesian.nn.data.plausibility import unit_slips
from cartesian.nn.data.statistics import reference_energies, statistics
from cartesian.nn.heads import ZBL, Potential

E0 = {"H": -13.5, "C": -1030.0, "O": -2041.0}


def frames(count=20, seed=0, noise=0.0, scale=1.0, unit=1.0):
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        numbers = rng.choice([1, 6, 8], rng.integers(1, 6))
        energy = sum({1: E0["H"], 6: E0["C"], 8: E0["O"]}[z] for z in numbers) + noise * rng.standard_normal()
        labels = {
            "energy": np.array(energy / unit),
            "forces": scale * rng.standard_normal((len(numbers), 3)),
            "polarizability": np.eye(3) + rng.standard_normal((3, 3)),
        }
        sites = np.array([*np.ndindex(2, 2, 2)])[: len(numbers)]
        made.append(
            Frame(sites * 1.2, numbers, np.zeros((3, 3)), np.zeros(3, bool), labels, frozenset({"forces"}))
        )
    return made


def test_least_squares_finds_the_energies_of_the_elements():
    found = statistics(Dataset(frames(), 1.5))
    assert found.elements == ("H", "C", "O")
    assert found.isolated == pytest.approx(E0)
    assert found.shift == pytest.approx(0, abs=1e-9)


def test_everything_else_is_counted():
    made = frames()
    found = statistics(Dataset(made, 1.3))
    forces = np.concatenate([frame.labels["forces"] for frame in made])
    tensors = np.array([frame.labels["polarizability"] for frame in made]).reshape(-1, 9)
    assert (found.frames, found.atoms) == (20, len(forces))
    assert found.scale == pytest.approx(np.sqrt((forces**2).mean()))
    pairs = sum((np.linalg.norm(f.positions[:, None] - f.positions, axis=2) < 1.3).sum() for f in made)
    assert found.neighbors == pytest.approx((pairs - len(forces)) / len(forces))
    numbers = np.concatenate([frame.numbers for frame in made])
    assert found.composition["C"] == pytest.approx((numbers == 6).sum() / 20)
    spread = found.labels["polarizability"]
    np.testing.assert_allclose(spread.mean, tensors.mean(0))
    assert spread.rms == pytest.approx(np.sqrt((tensors**2).mean()))
    assert spread.deviation == pytest.approx(np.sqrt(tensors.var(0).mean()))
    assert spread.count == 20


def test_large_energies_keep_the_digits_of_their_spread():
    made = frames(noise=1e-4)
    found = statistics(Dataset(made, 1.5), "none").labels["energy"]
    wanted = np.std([frame.labels["energy"] for frame in made])
    assert found.deviation == pytest.approx(wanted, rel=1e-9)


def test_what_a_repulsion_tells_is_taken_off_first():
    repulsion = ZBL(cutoff=1.4)
    potential = Potential(lambda graph: {"energy": graph.sum_systems(repulsion(graph))}, stress=False)
    made = frames(scale=0.3)
    plain = statistics(Dataset(made, 1.5, torch.float64))
    for frame in made:
        known = potential.eval()(frame.graph(1.5, torch.float64))
        frame.labels["energy"] += known["energy"][0].numpy()
        frame.labels["forces"] += known["forces"].numpy()
    whole = statistics(Dataset(made, 1.5, torch.float64))
    found = statistics(Dataset(made, 1.5, torch.float64), repulsion=repulsion)
    assert whole.isolated != pytest.approx(E0, rel=1e-4)
    assert found.isolated == pytest.approx(E0)
    assert found.scale == pytest.approx(plain.scale) != pytest.approx(whole.scale, rel=1e-2)
    assert found == replace(whole, isolated=found.isolated, shift=found.shift, scale=found.scale)


def test_without_forces_the_scale_is_that_of_energies():
    made = [f for f in frames(noise=0.3) if f.labels.pop("forces") is not None]
    found = statistics(Dataset(made, 1.5), E0)
    rest = [
        (float(f.labels["energy"]) - sum(E0["HxxxxCxO"[z - 1]] for z in f.numbers)) / len(f.numbers)
        for f in made
    ]
    assert found.scale == pytest.approx(np.std(rest))
    assert found.shift == pytest.approx(np.mean(rest))


counts = st.lists(st.lists(st.integers(0, 4), min_size=3, max_size=3), min_size=3, max_size=8)


@given(counts, st.integers(0, 2**32 - 1))
def test_least_squares_leaves_no_smaller_residual(rows, seed):
    table = np.array([[*row[:2], row[2] + 1] for row in rows], dtype=float)
    energies = 100 * np.random.default_rng(seed).standard_normal(len(table))
    found = reference_energies(table, energies, ["H", "C", "O"], "least squares")

    def residual(values):
        return (((energies - table @ values) / table.sum(1)) ** 2).sum()

    best = np.array([*found.values()])
    for shift in np.vstack([np.eye(3), -np.eye(3)]):
        assert residual(best) <= residual(best + shift) + 1e-6


def test_known_energies_are_held():
    made = frames()
    found = statistics(Dataset(made, 1.5), fixed={"H": E0["H"], "C": E0["C"], "N": 5.0})
    assert found.isolated == pytest.approx(E0)
    moved = statistics(Dataset(made, 1.5), fixed={"H": 0.0, "C": E0["C"]})
    assert (moved.isolated["H"], moved.isolated["C"]) == (0.0, E0["C"])


def test_energies_come_from_isolated_atoms():
    single = [
        Frame(
            np.zeros((1, 3)),
            np.array([z]),
            np.zeros((3, 3)),
            np.zeros(3, bool),
            {"energy": np.array(E0[s] + 1)},
        )
        for s, z in (("H", 1), ("C", 6))
    ]
    molecules = [frame for frame in frames() if len(frame.numbers) > 1]
    with pytest.raises(ValueError, match="no frame is an isolated atom of O: add one"):
        statistics(Dataset(single + molecules, 1.5), "isolated atoms")
    pair = [frame for frame in molecules if 8 not in frame.numbers]
    found = statistics(Dataset(single + pair, 1.5), "isolated atoms")
    assert found.isolated == {"H": E0["H"] + 1, "C": E0["C"] + 1}
    other = [*single, replace(single[0], labels={"energy": np.array(7.0)})]
    with pytest.raises(ValueError, match=r"isolated atoms of H have energies -12.5 and 7.0 eV"):
        statistics(Dataset(other, 1.5), "isolated atoms")


def test_given_energies_are_for_all_elements():
    assert statistics(Dataset(frames(), 1.5), E0).isolated == E0
    with pytest.raises(ValueError, match="no reference energies for O"):
        statistics(Dataset(frames(), 1.5), {"H": 1.0, "C": 2.0})


def test_unknown_references_are_refused():
    with pytest.raises(ValueError, match=r"'least squares', 'isolated atoms', 'none' or a mapping .*'guess'"):
        statistics(Dataset(frames(), 1.5), "guess")
    with pytest.raises(ValueError, match="without frames"):
        statistics(Dataset([], 1.5))


@pytest.mark.parametrize(
    ("unit", "name"),
    [(27.211386, "Hartree"), (13.605693, "Rydberg"), (0.0433641, "kcal/mol"), (0.01036427, "kJ/mol")],
)
def test_energies_in_another_unit_are_noticed(unit, name):
    (text,) = unit_slips(statistics(Dataset(frames(unit=unit), 1.5)))
    assert f"in {name} they would be" in text
    assert f"write unit: {name} at the label" in text


def test_forces_in_another_unit_are_noticed():
    (text,) = unit_slips(statistics(Dataset(frames(scale=25.0), 1.5)))
    assert "write unit: kcal/mol/Å at the label" in text


@pytest.mark.parametrize("unit", [1.0, 100.0, -3.0])
def test_plausible_labels_give_no_warning(unit):
    assert unit_slips(statistics(Dataset(frames(unit=unit), 1.5))) == []


def test_sets_without_energies_have_statistics():
    made = frames()
    for frame in made:
        del frame.labels["energy"], frame.labels["forces"]
    found = statistics(Dataset(made, 1.5, torch.float32))
    assert found.isolated == {"H": 0.0, "C": 0.0, "O": 0.0}
    assert (found.shift, found.scale) == (0.0, 1.0)
    assert unit_slips(found) == []
