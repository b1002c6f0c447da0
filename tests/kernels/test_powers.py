import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cartesian.kernels.powers import evaluate
from cartesian.spec import Irrep, Irreps
from cartesian.symbolic.powers import symmetric_power
from cartesian.tables import frame

unit = st.floats(-1, 1, width=32)
irrep = st.builds(Irrep, st.integers(0, 3), st.sampled_from([1, -1]))
sums = st.lists(st.tuples(st.integers(1, 2), irrep), min_size=1, max_size=2).map(Irreps)
orthogonals = st.builds(
    lambda matrix, sign: sign * np.linalg.qr(matrix).Q,
    arrays(np.float64, (3, 3), elements=unit),
    st.sampled_from([1.0, -1.0]),
)


def representation(irrep, matrix):
    """What an orthogonal matrix does to an irrep, from the full tensors of the frame."""
    full = frame(irrep.degree)
    for axis in range(1, irrep.degree + 1):
        full = np.moveaxis(np.tensordot(full, matrix, axes=([axis], [0])), -1, axis)
    determinant = 1 if irrep.is_natural else round(np.linalg.det(matrix))
    return determinant * full.reshape(irrep.dim, -1) @ frame(irrep.degree).reshape(irrep.dim, -1).T


def act(matrix, features, irreps):
    blocks = []
    for (channels, irrep), where in zip(irreps, irreps.slices, strict=True):
        block = features[..., where, :].reshape(*features.shape[:-2], irrep.dim, channels, -1)
        moved = np.einsum("ab,...bcn->...acn", representation(irrep, matrix), block)
        blocks.append(moved.reshape(*features.shape[:-2], irrep.dim * channels, -1))
    return np.concatenate(blocks, axis=-2)


@settings(max_examples=25)
@given(sums, st.integers(1, 3), orthogonals, st.data())
def test_powers_commute_with_o3(irreps, correlation, orthogonal, data):
    power = symmetric_power(irreps, correlation)
    x = data.draw(arrays(np.float64, (2, irreps.dim, 3), elements=unit))
    turned = evaluate(power, act(orthogonal, x, irreps))
    for out, values in evaluate(power, x).items():
        expected = np.einsum("ab,...bc->...ac", representation(out, orthogonal), values)
        np.testing.assert_allclose(turned[out], expected, atol=1e-12)


@settings(max_examples=15)
@given(sums, st.integers(1, 3), st.data())
def test_trees_have_the_values_of_their_polynomials(irreps, correlation, data):
    power = symmetric_power(irreps, correlation)
    x = data.draw(arrays(np.float64, (irreps.dim, 2), elements=unit))
    monomials = np.array([np.prod(x[list(monomial)], axis=0) for monomial in power.monomials])
    for out, values in evaluate(power, x).items():
        expected = np.einsum("kmj,jc->kmc", power.coefficients(out).numpy(), monomials)
        np.testing.assert_allclose(values, expected, atol=1e-12)


def test_torch_gives_the_values_of_numpy_and_a_gradient():
    power = symmetric_power("0e+1o+2e", 3, "0e+1o")
    x = torch.randn(2, 9, 2, dtype=torch.float64, requires_grad=True)
    reference = evaluate(power, x.detach().numpy())
    for out, values in evaluate(power, x).items():
        np.testing.assert_allclose(values.detach().numpy(), reference[out], atol=1e-12)
    assert torch.autograd.gradcheck(lambda y: tuple(evaluate(power, y).values()), (x,))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_keep_the_dtype_and_the_leading_axes(dtype):
    values = evaluate(symmetric_power("1o", 2), np.ones((4, 0, 3, 5), dtype))
    assert values[Irrep("2e")].shape == (4, 0, 1, 5, 5)
    assert values[Irrep("2e")].dtype == dtype


def test_features_of_another_size_are_refused():
    with pytest.raises(
        ValueError, match=r"features of 1x1o have shape \(..., 3, channels\), not \(2, 4, 1\)"
    ):
        evaluate(symmetric_power("1o", 2), np.zeros((2, 4, 1)))
