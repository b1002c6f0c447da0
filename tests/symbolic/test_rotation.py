from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cartesian.symbolic.coupling import compact_coupling
from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import exact
from cartesian.symbolic.harmonics import frame
from cartesian.symbolic.multipoles import harmonic
from cartesian.symbolic.rotation import cayley, wigner

fractions = st.fractions(-2, 2, max_denominator=3)
rotations = st.builds(cayley, fractions, fractions, fractions)
orthogonals = st.builds(lambda matrix, sign: matrix * sign, rotations, st.sampled_from([1, -1]))


def determinant(matrix):
    a, b, c = ([matrix[i, j] for j in range(3)] for i in range(3))
    cross = [b[1] * c[2] - b[2] * c[1], b[2] * c[0] - b[0] * c[2], b[0] * c[1] - b[1] * c[0]]
    return sum((x * y for x, y in zip(a, cross, strict=True)), exact(0))


@given(rotations, fractions, fractions, fractions)
def test_cayley_makes_rotations_about_their_vector(matrix, x, y, z):
    assert determinant(matrix) == 1
    assert einsum("ij,kj->ik", matrix, matrix) == exact([[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    axis = exact([x, y, z])
    assert einsum("ij,j->i", cayley(x, y, z), axis) == axis


@settings(max_examples=20)
@given(st.integers(0, 3), orthogonals)
def test_the_matrix_is_the_action_on_all_indices_of_the_frame(degree, matrix):
    tensor = frame(degree)
    for position in range(1, degree + 1):
        axes = "abcd"[: degree + 1]
        moved = axes.replace(axes[position], "z")
        tensor = einsum(f"{axes},z{axes[position]}->{moved}", tensor, matrix)
    axes = "ijk"[:degree]
    assert wigner(degree, matrix) == einsum(f"o{axes},p{axes}->po", tensor, frame(degree))


@settings(max_examples=25)
@given(st.integers(0, 5), orthogonals, fractions, fractions, fractions)
def test_harmonics_move_with_their_vector(degree, matrix, x, y, z):
    point = exact([x, y, z])
    moved = harmonic(degree).evaluate(einsum("ij,j->i", matrix, point))
    assert moved == einsum("po,o->p", wigner(degree, matrix), harmonic(degree).evaluate(point))


@settings(max_examples=15)
@given(st.integers(0, 3), st.integers(0, 3), st.data(), orthogonals)
def test_couplings_are_equivariant_exactly(left, right, data, matrix):
    out = data.draw(st.integers(abs(left - right), min(left + right, 4)))
    coupling = compact_coupling(left, right, out)
    sign = determinant(matrix) ** ((left + right + out) % 2)
    moved = einsum("abo,ca,db,po->cdp", coupling, *(wigner(l, matrix) for l in (left, right, out)))
    assert moved == sign * coupling


def test_matrices_that_are_not_orthogonal_are_refused():
    with pytest.raises(ValueError, match=r"orthogonal matrix of shape \(3, 3\), R Rᵀ = 1"):
        wigner(2, exact([[1, 1, 0], [0, 1, 0], [0, 0, 1]]))
    with pytest.raises(ValueError, match=r"orthogonal matrix of shape \(3, 3\)"):
        wigner(2, exact([[1, 0], [0, 1]]))
    with pytest.raises(ValueError, match="a degree >= 0, not -1"):
        wigner(-1, cayley(0, 0, Fraction(1, 2)))
