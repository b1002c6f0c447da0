import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import ExactTensor, exact
from cartesian.symbolic.multipoles import harmonic
from cartesian.symbolic.spherical import complex_frame, polar_frame


def identity(n):
    return exact([[int(i == j) for j in range(n)] for i in range(n)])


@pytest.mark.parametrize("degree", range(9))
def test_the_frames_are_orthogonal_and_unitary(degree):
    polar, unitary = polar_frame(degree), complex_frame(degree)
    assert einsum("ma,na->mn", polar, polar) == identity(2 * degree + 1)
    assert einsum("ma,na->mn", unitary, unitary.conjugate()) == identity(2 * degree + 1)


@given(st.integers(0, 12), st.floats(0, np.pi), st.floats(-np.pi, np.pi))
def test_complex_components_of_harmonics_are_those_of_scipy(degree, theta, phi):
    special = pytest.importorskip("scipy.special")
    point = np.array([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)])
    values = harmonic(degree).evaluate(point) / np.sqrt(float(harmonic(degree).norm_squared))
    ours = complex_frame(degree).numpy() @ values * np.sqrt((2 * degree + 1) / (4 * np.pi))
    theirs = [special.sph_harm_y(degree, m, theta, phi) for m in range(-degree, degree + 1)]
    np.testing.assert_allclose(ours, theirs, atol=1e-11)


@pytest.mark.parametrize("degree", range(7))
def test_opposite_orders_are_conjugate(degree):
    unitary = complex_frame(degree)
    rows: list[ExactTensor] = [unitary[m] for m in range(2 * degree + 1)]
    for m in range(degree + 1):
        assert rows[degree - m] == (-1) ** m * rows[degree + m].conjugate()


def test_the_polar_frame_of_degree_one_is_y_z_x():
    assert polar_frame(1) == exact([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
