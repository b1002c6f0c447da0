from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cartesian.spec.symmetry import IndexSymmetry
from cartesian.symbolic.component_names import component_names, slot_values, slots
from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.invariants import invariants
from cartesian.symbolic.point_groups import CRYSTAL_CLASSES, LIMIT_GROUPS, PointGroup, determinant

# Independent components, counted from the matrices of the groups; agrees with Nye's tables.
COUNTS = """
group       V   [V2]  e[V2]     V2  V[V2]   [V3] [[V2]2] [V2]2   [V4]
1           3      6      6      9     18     10     21     36     15
-1          0      6      0      9      0      0     21     36     15
2           1      4      4      5      8      4     13     20      9
m           2      4      2      5     10      6     13     20      9
2/m         0      4      0      5      0      0     13     20      9
222         0      3      3      3      3      1      9     12      6
mm2         1      3      1      3      5      3      9     12      6
mmm         0      3      0      3      0      0      9     12      6
4           1      2      2      3      4      2      7     10      5
-4          0      2      2      3      4      2      7     10      5
4/m         0      2      0      3      0      0      7     10      5
422         0      2      2      2      1      0      6      7      4
4mm         1      2      0      2      3      2      6      7      4
-42m        0      2      1      2      2      1      6      7      4
4/mmm       0      2      0      2      0      0      6      7      4
3           1      2      2      3      6      4      7     12      5
-3          0      2      0      3      0      0      7     12      5
32          0      2      2      2      2      1      6      8      4
3m          1      2      0      2      4      3      6      8      4
-3m         0      2      0      2      0      0      6      8      4
6           1      2      2      3      4      2      5      8      3
-6          0      2      0      3      2      2      5      8      3
6/m         0      2      0      3      0      0      5      8      3
622         0      2      2      2      1      0      5      6      3
6mm         1      2      0      2      3      2      5      6      3
-6m2        0      2      0      2      1      1      5      6      3
6/mmm       0      2      0      2      0      0      5      6      3
23          0      1      1      1      1      1      3      4      2
m-3         0      1      0      1      0      0      3      4      2
432         0      1      1      1      0      0      3      3      2
-43m        0      1      0      1      1      1      3      3      2
m-3m        0      1      0      1      0      0      3      3      2
∞           1      2      2      3      4      2      5      8      3
∞m          1      2      0      2      3      2      5      6      3
∞2          0      2      2      2      1      0      5      6      3
∞/m         0      2      0      3      0      0      5      8      3
∞/mm        0      2      0      2      0      0      5      6      3
SO(3)       0      1      1      1      0      0      2      2      1
O(3)        0      1      0      1      0      0      2      2      1
"""
HEADER, *ROWS = (line.split() for line in COUNTS.strip().splitlines())

SETTINGS = ["112", "211", "m11", "2/m11", "2mm", "m2m", "-4m2", "312", "31m", "-31m", "-62m"]
SMALL = ["V", "V2", "eV2", "{V2}", "V3", "eV[V2]", "{V3}", "V{V2}", "[V2]2", "{[V2]2}", "e[V3]V"]
symmetries = st.sampled_from(SMALL).map(IndexSymmetry.jahn)
finite = st.sampled_from([*CRYSTAL_CLASSES, *SETTINGS]).map(PointGroup)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_counts_are_those_of_the_known_tables(row):
    group, *counts = row
    found = [invariants(IndexSymmetry.jahn(symbol), group).dim for symbol in HEADER[1:]]
    assert found == [int(count) for count in counts]


@given(symmetries, finite)
@settings(max_examples=40)
def test_the_count_is_the_mean_of_the_character(symmetry, group):
    """The trace of a matrix on the tensors of an index symmetry, summed over the components themselves."""
    total = 0.0
    for matrix in group.elements:
        g = matrix.numpy()
        sign = np.linalg.det(g) if symmetry.axial else 1.0
        for orbit in symmetry.orbits():
            start = orbit[0][0]
            total += sign * sum(
                s * np.prod([g[i, j] for i, j in zip(start, index, strict=True)]) for index, s in orbit
            )
    assert invariants(symmetry, group).dim == pytest.approx(total / group.order, abs=1e-9)


def transformed(matrix, tensor, axial):
    for _ in range(tensor.ndim):
        letters = "abcdefgh"[: tensor.ndim]
        tensor = einsum(f"z{letters[0]},{letters}->{letters[1:]}z", matrix, tensor)
    return tensor * determinant(matrix) if axial else tensor


@given(symmetries, finite, st.data())
@settings(max_examples=40)
def test_every_element_leaves_every_basis_tensor_unchanged(symmetry, group, data):
    basis = invariants(symmetry, group).basis()
    if basis:
        tensor, matrix = data.draw(st.sampled_from(basis)), data.draw(st.sampled_from(group.elements))
        assert transformed(matrix, tensor, symmetry.axial) == tensor


@given(symmetries, st.sampled_from(LIMIT_GROUPS).map(PointGroup), st.floats(-3, 3), st.data())
@settings(max_examples=40)
def test_a_limit_group_leaves_its_tensors_unchanged_by_any_angle(symmetry, group, angle, data):
    c, s = np.cos(angle), np.sin(angle)
    turns = {
        (0, 0, 1): np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]),
        (1, 0, 0): np.array([[1, 0, 0], [0, c, -s], [0, s, c]]),
        (0, 1, 0): np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]),
    }
    basis = invariants(symmetry, group).basis()
    if basis:
        tensor = data.draw(st.sampled_from(basis)).numpy()
        matrix = turns[data.draw(st.sampled_from(group.rotation_axes))]
        moved = tensor
        for _ in range(tensor.ndim):
            moved = np.tensordot(moved, matrix, ([0], [1]))
        np.testing.assert_allclose(moved, tensor, atol=1e-12)


@given(symmetries, st.sampled_from([*CRYSTAL_CLASSES, *LIMIT_GROUPS]))
@settings(max_examples=40)
def test_basis_tensors_have_the_index_symmetry_and_one_independent_component_each(symmetry, group):
    found = invariants(symmetry, group)
    for tensor, name in zip(found.basis(), found.independent, strict=True):
        for permutation, sign in symmetry.generators:
            assert tensor.transpose(*permutation) * sign == tensor
        assert [tensor[other] for other in found.independent] == [
            other == name for other in found.independent
        ]


@given(symmetries, finite, st.data())
@settings(max_examples=40)
def test_a_component_is_the_sum_over_the_basis(symmetry, group, data):
    found = invariants(symmetry, group)
    index = data.draw(st.tuples(*[st.integers(0, 2)] * symmetry.rank))
    weights = found.component(index)
    assert [weights.get(name, 0) for name in found.independent] == [tensor[index] for tensor in found.basis()]


@pytest.mark.parametrize(
    ("formula", "group", "names"),
    [
        # J. F. Nye, Physical Properties of Crystals, Appendix B
        ("ijkl=jikl=klij", "m-3m", "11 12 44"),
        ("ijkl=jikl=klij", "6/mmm", "11 12 13 33 44"),
        ("ijkl=jikl=klij", "-3m", "11 12 13 14 33 44"),
        ("ijkl=jikl=klij", "4/m", "11 12 13 16 33 44 66"),
        ("ijkl=jikl=klij", "mmm", "11 12 13 22 23 33 44 55 66"),
        ("ijkl=jikl=klij", "2/m", "11 12 13 15 22 23 25 33 35 44 46 55 66"),
        ("ijk=ikj", "3", "11 14 15 22 31 33"),
        ("ijk=ikj", "3m", "15 22 31 33"),
        ("ijk=ikj", "32", "11 14"),
        ("ijk=ikj", "-6", "11 22"),
        ("ijk=ikj", "-6m2", "22"),
        ("ijk=ikj", "-62m", "11"),
        ("ijk=ikj", "-4", "14 15 31 36"),
        ("ijk=ikj", "-42m", "14 36"),
        ("ijk=ikj", "-43m", "14"),
        ("ijk=ikj", "mm2", "15 24 31 32 33"),
        ("ijk=ikj", "2", "14 16 21 22 23 25 34 36"),
        ("ijk=ikj", "m", "11 12 13 15 24 26 31 32 33 35"),
        ("ijkl=jikl=ijlk", "32", "11 12 13 14 31 33 41 44"),
    ],
)
def test_the_independent_components_are_the_usual_ones(formula, group, names):
    found = invariants(formula, group)
    labels = ["".join(str(v + 1) for v in slot_values(found.symmetry, name)) for name in found.independent]
    assert labels == names.split()


def test_the_relations_of_a_hexagonal_crystal():
    found = invariants("ijkl=jikl=klij", "6/mmm")
    half = Fraction(1, 2)
    assert found.component((0, 1, 0, 1)) == {(0, 0, 0, 0): half, (0, 0, 1, 1): -half}
    assert found.component((1, 1, 1, 1)) == {(0, 0, 0, 0): 1}
    assert found.component((0, 0, 0, 1)) == {}


def test_high_ranks_are_quick_enough_to_count():
    assert invariants("ijklmn", "O(3)").dim == 15
    assert invariants("ijklmn", "∞").dim == 141  # central trinomial coefficient
    assert invariants("ijklmn=jiklmn=klijmn=ijmnkl", "m-3m").dim == 6


def test_an_axial_tensor_feels_reflections_the_other_way():
    gyration = IndexSymmetry.jahn("e[V2]")
    assert invariants(gyration, "mm2").independent == ((0, 1),)
    assert invariants("ij=ji", "mm2").independent == ((0, 0), (1, 1), (2, 2))
    assert invariants(gyration, "-1").dim == 0


def test_slots_pair_neighbours_from_the_last_index_on():
    assert slots(IndexSymmetry.jahn("[V3]")) == ((0,), (1, 2))
    assert slots(IndexSymmetry.jahn("V2[V2]")) == ((0,), (1,), (2, 3))
    assert slots(IndexSymmetry.jahn("[V4]")) == ((0, 1), (2, 3))
    assert slots(IndexSymmetry.jahn("{V2}V")) == ((0,), (1,), (2,))


@given(symmetries)
def test_names_cover_all_components_that_do_not_vanish(symmetry):
    names = component_names(symmetry)
    assert len({name for name, _ in names.values()}) == symmetry.dim
    draws = np.random.default_rng(0).normal(size=(3,) * symmetry.rank)
    tensor = np.zeros_like(draws)
    for index, (name, sign) in names.items():
        tensor[index] = sign * draws[name]
    for permutation, sign in symmetry.generators:
        np.testing.assert_array_equal(tensor.transpose(permutation) * sign, tensor)
    assert all(tensor[index] == 0 for index in product(range(3), repeat=symmetry.rank) if index not in names)


def test_a_wrong_index_is_named():
    with pytest.raises(
        ValueError, match=r"\(0, 3\) is no component of a tensor of rank 2: give 2 indices 0, 1 or 2"
    ):
        invariants("ij", "1").component((0, 3))
