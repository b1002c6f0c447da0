import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cartesian.ops.action import act, act_full
from cartesian.ops.invariants import invariant_basis, invariant_part
from cartesian.ops.orientations import best_rotation
from cartesian.ops.spaces import TensorSpace
from cartesian.ops.symmetry_search import _nestings, find_symmetry
from cartesian.spec import Irreps
from cartesian.symbolic.point_groups import PointGroup

ELASTICITY, PIEZO, DIELECTRIC = "ijkl=jikl=klij", "ijk=ikj", "ij=ji"
LAUE = ["-1", "2/m", "mmm", "4/m", "4/mmm", "-3", "-3m", "m-3m", "∞/mm", "O(3)"]
POLAR = ["1", "2", "m", "222", "mm2", "-4", "-42m", "3", "32", "3m", "-6", "-6m2", "-43m", "∞", "∞2", "∞m"]
hidden = st.one_of(
    st.tuples(st.just(ELASTICITY), st.sampled_from(LAUE)),
    st.tuples(st.just(PIEZO), st.sampled_from(POLAR)),
    st.tuples(st.just(DIELECTRIC), st.sampled_from(["-1", "∞/mm", "O(3)", "mmm"])),
)
seeds = st.integers(0, 2**32 - 1)

# Maximal subgroups of the crystallographic point groups: International Tables A, Fig. 3.2.1.3.
MAXIMAL_SUBGROUPS = {
    "m-3m": "-43m 432 m-3 4/mmm -3m",
    "-43m": "23 -42m 3m",
    "432": "23 422 32",
    "m-3": "23 mmm -3",
    "23": "222 3",
    "6/mmm": "-6m2 6mm 622 6/m -3m mmm",
    "-6m2": "-6 3m 32 mm2",
    "6mm": "6 3m mm2",
    "622": "6 32 222",
    "6/m": "6 -6 -3 2/m",
    "6": "3 2",
    "-6": "3 m",
    "-3m": "3m 32 -3 2/m",
    "3m": "3 m",
    "32": "3 2",
    "-3": "3 -1",
    "4/mmm": "-42m 4mm 422 4/m mmm",
    "-42m": "-4 222 mm2",
    "4mm": "4 mm2",
    "422": "4 222",
    "4/m": "4 -4 2/m",
    "4": "2",
    "-4": "2",
    "mmm": "mm2 222 2/m",
    "mm2": "2 m",
    "222": "2",
    "2/m": "2 m -1",
}


def orthogonal(seed):
    """A random orthogonal matrix, a reflection in half of the cases."""
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3))).Q


def invariant(formula, group, seed):
    """A random tensor of unit norm with a symmetry, turned by a random orthogonal matrix."""
    basis = invariant_basis(formula, group)
    weights = np.random.default_rng(seed).normal(size=len(basis))
    tensor = np.tensordot(weights / np.linalg.norm(weights), basis, 1)
    return act_full(orthogonal(seed), tensor, tensor.ndim)


def noise(formula, seed):
    tensor = np.random.default_rng(seed).normal(size=(3,) * TensorSpace(formula).rank)
    tensor = TensorSpace(formula).project(tensor)
    return tensor / np.linalg.norm(tensor)


@given(hidden, seeds)
@settings(max_examples=25)
def test_a_hidden_symmetry_is_found_exactly(case, seed):
    formula, group = case
    tensor = invariant(formula, group, seed)
    fit = find_symmetry(tensor, formula, [group])[group]
    assert fit.distance < 1e-10
    np.testing.assert_allclose(
        invariant_part(tensor, formula, group, fit.orientation), tensor, rtol=0, atol=1e-10
    )
    np.testing.assert_allclose(fit.orientation @ fit.orientation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(fit.orientation) > 0


@given(hidden, seeds, st.floats(1e-6, 1e-2))
@settings(max_examples=15)
def test_noise_puts_a_hidden_symmetry_no_further_than_the_noise(case, seed, size):
    formula, group = case
    tensor = invariant(formula, group, seed) + size * noise(formula, seed + 1)
    fit = find_symmetry(tensor, formula, [group])[group]
    assert fit.distance * np.linalg.norm(tensor) <= size * (1 + 1e-9)
    nearest = invariant_part(tensor, formula, group, fit.orientation)
    distance = np.linalg.norm(nearest - tensor) / np.linalg.norm(tensor)
    assert fit.distance == pytest.approx(distance, abs=1e-12)


@pytest.mark.parametrize(
    ("formula", "group", "found"),
    [
        (ELASTICITY, "m-3m", "m-3m"),
        (ELASTICITY, "-3m", "-3m"),
        (ELASTICITY, "4/m", "4/mmm"),  # the seventh constant of 4/m is an angle about the axis
        (ELASTICITY, "6/m", "∞/mm"),  # a sixfold axis is isotropic for a tensor of rank 4
        (PIEZO, "-43m", "-43m"),
        (PIEZO, "32", "32"),
        (DIELECTRIC, "432", "O(3)"),
        (DIELECTRIC, "2", "mmm"),  # a symmetric matrix has three axes
    ],
)
def test_the_highest_symmetry_of_a_noisy_tensor(formula, group, found):
    tensor = invariant(formula, group, 1) + 1e-4 * noise(formula, 2)
    fit = find_symmetry(tensor, formula).highest(tolerance=1e-3)
    assert fit.group.symbol == found
    assert fit.distance < 1e-4


@pytest.mark.parametrize("formula", [ELASTICITY, PIEZO])
def test_a_subgroup_is_never_further_than_its_group(formula):
    report = find_symmetry(noise(formula, 3), formula)
    distances = {fit.group.symbol: fit.distance for fit in report}
    below = {group: set(names.split()) for group, names in MAXIMAL_SUBGROUPS.items()}
    below |= {"O(3)": {"m-3m", "∞/mm"}, "∞/mm": {"6/mmm", "4/mmm", "∞/m"}, "SO(3)": {"432", "∞2"}}
    below |= {"∞m": {"6mm", "4mm"}, "∞2": {"622", "422", "∞"}, "∞": {"6", "4"}}
    pairs = [(small, large) for large, names in below.items() for small in names]
    compared = [(distances[s], distances[g]) for s, g in pairs if s in distances and g in distances]
    assert len(compared) > 10
    assert all(small <= large + 1e-9 for small, large in compared)


@pytest.mark.parametrize("group", MAXIMAL_SUBGROUPS)
def test_nestings_find_every_maximal_subgroup(group):
    members = np.array([g.numpy() for g in PointGroup(group).elements])
    for subgroup in MAXIMAL_SUBGROUPS[group].split():
        generators = [g.numpy() for g in PointGroup(subgroup).generators]
        assert any(
            all(np.isclose(turn @ g @ turn.T, members).all(axis=(1, 2)).any() for g in generators)
            for turn in _nestings()
        )


@given(seeds)
@settings(max_examples=3)
def test_the_best_rotation_beats_random_ones(seed):
    draws = np.random.default_rng(seed)
    irreps = Irreps("2x1o+2o+3o")
    tensor = draws.normal(size=irreps.dim)
    tensor /= np.linalg.norm(tensor)
    subspace = np.linalg.qr(draws.normal(size=(irreps.dim, 3))).Q.T
    best = best_rotation(subspace, tensor, irreps, np.eye(3)[None])
    turns = np.array([m * np.linalg.det(m) for m in np.linalg.qr(draws.normal(size=(10000, 3, 3))).Q])
    values = np.sum((act(turns, tensor, irreps) @ subspace.T) ** 2, axis=1)
    assert np.sum((act(best, tensor, irreps) @ subspace.T) ** 2) >= values.max() - 1e-12


@given(arrays(np.float64, 3, elements=st.floats(-1, 1, width=32)))
@settings(max_examples=10)
def test_a_standard_orientation_is_kept(values):
    tensor = np.diag(values) + 2 * np.eye(3)
    fit = find_symmetry(tensor, "ij=ji", ["mmm"])["mmm"]
    np.testing.assert_allclose(fit.orientation, np.eye(3), atol=1e-9)


def test_a_torch_tensor_gives_the_same_report():
    tensor = invariant(DIELECTRIC, "4", 5)
    report = find_symmetry(torch.from_numpy(tensor).requires_grad_(), DIELECTRIC)
    assert str(report) == str(find_symmetry(tensor, DIELECTRIC))


def test_the_report_prints_a_table_and_says_what_it_cannot_tell():
    even, odd = (str(find_symmetry(invariant(f, "23", 7), f)) for f in (DIELECTRIC, PIEZO))
    assert even.splitlines()[0].split() == ["group", "constants", "distance"]
    assert even.splitlines()[1].split()[:2] == ["O(3)", "1"]
    assert "groups of one Laue class give the same" in even
    assert "centrosymmetric groups leave only zero" in odd


def test_what_has_no_answer_is_refused():
    with pytest.raises(ValueError, match=r"norm 0.0 has no symmetry"):
        find_symmetry(np.zeros((3, 3)), "ij=ji")
    with pytest.raises(ValueError, match=r"expected one tensor of rank 2, not an array of shape \(5, 3, 3\)"):
        find_symmetry(np.ones((5, 3, 3)), "ij=ji")
    with pytest.raises(ValueError, match=r"breaks the symmetry ij=ji"):
        find_symmetry(np.arange(9).reshape(3, 3), "ij=ji")
    report = find_symmetry(np.diag([1.0, 2.0, 4.0]), "ij=ji", ["O(3)", "m-3m"])
    with pytest.raises(
        ValueError, match=r"no group is within 0.01 of this tensor; O\(3\) is nearest, at 0.47"
    ):
        report.highest(tolerance=0.01)
    with pytest.raises(KeyError, match=r"mmm was not tried; the groups are O\(3\), m-3m"):
        _ = report["mmm"]
