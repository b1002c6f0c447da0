import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cartesian.symbolic.chain import chain_degrees, chain_inverse, chain_matrix
from cartesian.symbolic.coupling import compact_coupling
from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import exact
from cartesian.symbolic.harmonics import frame

EPSILON = np.array(
    [[[(i - j) * (j - k) * (k - i) / 2 for k in range(3)] for j in range(3)] for i in range(3)]
)
degrees = st.integers(0, 8)
booleans = st.booleans()


def chain_vector(tensor, direction, out, rank, odd):
    """The definition written out on full Cartesian axes; compact components of the STF part."""
    while tensor.ndim > rank:
        tensor = tensor @ direction
    if odd:
        tensor = np.einsum("iab,a,b...->i...", EPSILON, direction, tensor)
    while tensor.ndim < out:
        tensor = np.multiply.outer(direction, tensor)
    return frame(out).numpy().reshape(2 * out + 1, -1) @ tensor.reshape(-1)


def path_vector(compact, direction, degree, out, left):
    power = np.ones(())
    for _ in range(degree):
        power = np.multiply.outer(power, direction)
    harmonic = frame(degree).numpy().reshape(2 * degree + 1, -1) @ power.reshape(-1)
    return np.einsum("abo,a,b->o", compact_coupling(left, degree, out).numpy(), compact, harmonic)


@settings(max_examples=60)
@given(st.integers(0, 4), st.integers(0, 4), booleans, st.integers(0, 99))
def test_the_chain_is_the_sum_of_paths(left, out, odd, seed):
    random = np.random.default_rng(seed)
    compact, direction = random.normal(size=2 * left + 1), random.normal(size=3)
    direction /= np.linalg.norm(direction)
    tensor = np.tensordot(compact, frame(left).numpy(), 1)
    ranks, path_degrees = chain_degrees(left, out, odd)
    paths = [path_vector(compact, direction, degree, out, left) for degree in path_degrees]
    matrix = chain_matrix(left, out, odd).numpy()
    for row, rank in enumerate(ranks):
        expected = chain_vector(tensor, direction, out, rank, odd)
        np.testing.assert_allclose(
            sum(m * p for m, p in zip(matrix[row], paths, strict=True)), expected, atol=1e-12
        )


@settings(max_examples=30)
@given(degrees, degrees, booleans, booleans)
def test_the_inverse_is_exact(left, out, odd, normalized):
    matrix, inverse = (f(left, out, odd, normalized) for f in (chain_matrix, chain_inverse))
    ranks, path_degrees = chain_degrees(left, out, odd)
    n = len(ranks)
    assert matrix.shape == inverse.shape == (n, len(path_degrees)) == (n, n)
    if n:
        identity = exact([[int(i == j) for j in range(n)] for i in range(n)])
        assert einsum("ij,jk->ik", matrix, inverse) == identity


@settings(max_examples=30)
@given(degrees, degrees, booleans)
def test_between_natural_paths_all_is_rational(left, out, odd):
    assert set(chain_matrix(left, out, odd).radicands) <= {1}
    assert set(chain_inverse(left, out, odd).radicands) <= {1}


@settings(max_examples=30)
@given(degrees, degrees, booleans)
def test_normalized_rows_are_unit_vectors(left, out, odd):
    matrix = chain_matrix(left, out, odd, normalized=True)
    for row in range(matrix.shape[0]):
        assert matrix[row].norm_squared() == 1


# chain.md, "Conditioning".
@pytest.mark.parametrize(
    ("odd", "published"), [(False, [1.9, 3.7, 7.5, 15, 32]), (True, [1.0, 1.6, 2.7, 4.9, 8.9])]
)
def test_condition_numbers_are_the_published_ones(odd, published):
    for degree, number in enumerate(published, start=1):
        ours = np.linalg.cond(chain_matrix(degree, degree, odd, normalized=True).numpy())
        assert ours == pytest.approx(number, rel=0.05 if number < 10 else 0.04)


def test_negative_degrees_are_refused():
    with pytest.raises(ValueError, match="degrees are integers >= 0, not -1 and 2"):
        chain_matrix(-1, 2)
