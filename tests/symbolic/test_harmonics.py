import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import exact
from cartesian.symbolic.harmonics import arrangements, frame, frame_polynomials, monomials


def identity(n):
    return exact([[int(i == j) for i in range(n)] for j in range(n)])


@pytest.mark.parametrize("degree", range(6))
def test_the_frame_is_orthonormal_symmetric_and_trace_free(degree):
    tensors = frame(degree)
    axes = "ijklmn"[:degree]
    assert einsum(f"a{axes},b{axes}->ab", tensors, tensors) == identity(2 * degree + 1)
    for k in range(1, degree):
        order = [0, *range(1, degree + 1)]
        order[k], order[k + 1] = order[k + 1], order[k]
        assert tensors.transpose(*order) == tensors
    if degree >= 2:
        assert einsum(f"aii{axes[2:]}->a{axes[2:]}".replace("aii", "azz"), tensors).is_zero


@given(st.integers(0, 12))
def test_the_polynomials_have_unit_norm_and_no_laplacian(degree):
    coefficients = frame_polynomials(degree).numpy()
    exponents = np.array(monomials(degree))
    weights = 1 / np.array([arrangements(tuple(e)) for e in exponents.tolist()])
    np.testing.assert_allclose((coefficients * weights) @ coefficients.T, np.eye(2 * degree + 1), atol=1e-12)
    lower = {e: k for k, e in enumerate(monomials(degree - 2))} if degree >= 2 else {}
    laplacian = np.zeros((2 * degree + 1, len(lower)))
    for column, e in enumerate(exponents):
        for axis in range(3):
            if e[axis] >= 2:
                reduced = e.copy()
                reduced[axis] -= 2
                laplacian[:, lower[tuple(reduced.tolist())]] += (
                    e[axis] * (e[axis] - 1) * coefficients[:, column]
                )
    np.testing.assert_allclose(laplacian, 0, atol=1e-7 * max(1, np.abs(coefficients).max()))


@given(st.integers(0, 8), st.integers(0, 2**32 - 1))
def test_the_frame_is_that_of_e3nn(degree, seed):
    e3nn = pytest.importorskip("e3nn.o3")
    torch = pytest.importorskip("torch")
    vectors = np.random.default_rng(seed).normal(size=(4, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    powers = np.prod(vectors[:, None, :] ** np.array(monomials(degree)), axis=-1)
    ours = powers @ frame_polynomials(degree).numpy().T
    theirs = e3nn.spherical_harmonics(degree, torch.from_numpy(vectors), False, normalization="norm").numpy()
    np.testing.assert_allclose(ours / np.linalg.norm(ours, axis=1, keepdims=True), theirs, atol=1e-12)


def test_degree_one_is_x_y_z():
    assert frame(1) == identity(3)


def test_a_negative_degree_is_refused():
    with pytest.raises(ValueError, match="a harmonic has a degree >= 0, not -1"):
        frame_polynomials(-1)
