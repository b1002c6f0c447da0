import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from torch import nn

from cartesian.spec import Irreps
from cartesian.testing.arguments import Full, Positions
from cartesian.testing.laws import assert_equivariant, assert_gradients, assert_same


class Mix(nn.Module):
    """Scalars of `2x0e+2x1o` gate its vectors, whose channels are mixed: obeys the law for any weights."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(2, 2))

    def forward(self, features):
        scalars, vectors = features[:, :2], features[:, 2:].unflatten(1, (3, 2))
        vectors = torch.sigmoid(scalars)[:, None] * (vectors @ self.weight)
        return torch.cat([(vectors**2).sum(1), vectors.flatten(1)], dim=1)


def norm(x):
    return (x * x).sum(-1, keepdims=True)


def cross_of_rows(x):
    return np.cross(x, np.roll(x, 1, axis=0))


# --- functions that obey


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_module_is_tested_in_its_own_dtype(dtype):
    assert_equivariant(Mix().to(dtype), "2x0e+2x1o", "2x0e+2x1o")


@pytest.mark.parametrize("dtype", ["float32", "float64", torch.float32, torch.float64])
def test_functions_of_numpy_and_torch_arrays_pass(dtype):
    assert_equivariant(norm, "1o", "0e", dtype=dtype)
    assert_equivariant(lambda x: x**3, "0o", "0o", dtype=dtype)


def test_several_arguments_and_results_are_handed_on():
    def products(x, y):
        return norm(x * y[:, :1]), np.cross(x, y[:, 1:])

    assert_equivariant(products, ["1o", "0o+1o"], ["0e", "1e"])


def test_cartesian_tensors_of_any_rank_pass_in_any_shape():
    assert_equivariant(lambda x, y: np.einsum("nij,njk->ik", x, y), [2, 2], 2)
    assert_equivariant(lambda x: np.einsum("nijj->ni", x), 3, 1)
    epsilon = np.cross(np.eye(3)[:, None], np.eye(3)[None])
    assert_equivariant(lambda x: np.einsum("ijk,njk->ni", epsilon, x), 2, Full(1, axial=True))


def test_positions_follow_translations():
    assert_equivariant(lambda x: x - x.mean(0), Positions(), "1o")
    assert_equivariant(lambda x: x.mean(0), Positions(), Positions())


def test_without_parity_a_cross_product_may_be_called_a_vector():
    assert_equivariant(cross_of_rows, "1o", "1o", parity=False)


def test_extra_arguments_are_handed_on_and_drawn():
    def gathered(x, indices, factor):
        return factor * x[indices]

    indices = np.array([0, 2, 2, 1])
    for dtype in ("float64", torch.float32):
        assert_equivariant(gathered, "1o", "1o", extra=[indices, st.floats(-2, 2)], dtype=dtype)


@pytest.mark.parametrize("batch", [0, 1])
def test_one_row_and_none_are_possible(batch):
    assert_equivariant(norm, "1o", "0e", batch=batch)


def test_cancellation_at_large_scale_is_no_broken_law():
    assert_equivariant(
        lambda x, y: norm(x) ** 2 * norm(y) - (x * y).sum(-1, keepdims=True) ** 3, ["1o", "1o"], "0e"
    )


# --- functions that do not


def broken(match, *arguments, **options):
    with pytest.raises(AssertionError, match=match):
        assert_equivariant(*arguments, **options)


def test_a_wrong_parity_is_reported_with_the_inversion():
    broken(
        r"(?s)cross_of_rows is not equivariant under O\(3\): 1x1o at 0:3 deviates.*"
        r"determinant -1\s+\[\[-1\.\s+-?0\.\s+-?0\.\]",
        cross_of_rows,
        "1o",
        "1o",
    )


def test_mixed_components_are_reported_with_a_rotation():
    broken(
        r"(?s)1x1o at 1:4 deviates.*determinant \+1",
        lambda x: x * [1, 1, 1, 1.001],
        "0e+1o",
        "0e+1o",
        parity=False,
    )


def test_only_the_broken_block_is_named():
    def mixed(x):
        return np.concatenate([norm(x), x, x**2], axis=-1)

    with pytest.raises(AssertionError) as caught:
        assert_equivariant(mixed, "1o", "0e+1o+1o")
    assert "1x1o at 4:7" in str(caught.value)
    assert "at 1:4" not in str(caught.value)


@pytest.mark.parametrize("size", [1e-8, 1.0])
def test_a_small_constant_vector_is_found(size):
    broken("1x1o", lambda x: x + size, "1o", "1o")


def test_wrong_irreps_of_the_same_length_are_found():
    broken("not equivariant", Mix(), "2x0e+2x1o", "2x0e+2x1e")
    broken("not equivariant", Mix(), "2x0e+2x1o", "8x0e")


def test_channels_and_components_may_not_be_exchanged():
    def transposed(x):
        return x.reshape(-1, 3, 2).swapaxes(1, 2).reshape(-1, 6)

    broken("2x1o", transposed, "2x1o", "2x1o")


def test_a_translation_is_noticed():
    broken("(?s)positions.*and the translation", lambda x: norm(x) * x, Positions(), Positions())
    broken("1x0e", norm, Positions(), "0e")


def test_a_float32_constant_in_float64_is_found():
    third = float(np.float32(1 / 3))

    def trace_free(x):
        return x - third * np.trace(x, axis1=1, axis2=2)[:, None, None] * np.eye(3)

    with pytest.raises(AssertionError, match="differs"):
        assert_same(trace_free, lambda x: x - np.trace(x, axis1=1, axis2=2)[:, None, None] * np.eye(3) / 3, 2)


def test_results_that_are_not_finite_or_misshaped_are_named():
    def unit(x):
        with np.errstate(invalid="ignore"):
            return x / np.sqrt(norm(x))

    broken("unit returned values that are not finite", unit, "1o", "1o")
    broken(r"shape \(3, 3\), but Features\(irreps=1x2e\) ends in \(5,\)", lambda x: x, "1o", "2e")
    broken("returned 1 arrays, where 2 were named", lambda x: x, "1o", ["1o", "1o"])


def test_a_torch_function_without_dtype_is_told_how_to_be_tested():
    with pytest.raises((TypeError, AttributeError)) as caught:
        assert_equivariant(lambda x: torch.sum(x, 1, keepdim=True), "0e", "0e")
    assert "dtype=torch.float64" in caught.value.__notes__[0]


# --- sameness and gradients


def test_a_kernel_is_compared_with_its_reference():
    def reference(x, y):
        return np.einsum("ni,nj->ij", x, y)

    for dtype in ("float32", torch.float32, torch.float64):
        assert_same(lambda x, y: x.T @ y, reference, ["1o", "2x0e"], dtype=dtype)
    with pytest.raises(AssertionError, match=r"result 0 deviates by .* where .* is allowed"):
        assert_same(lambda x, y: (1 + 1e-9) * (x.T @ y), reference, ["1o", "2x0e"])
    with pytest.raises(AssertionError, match=r"shapes \[\(2, 3\)\], reference returned \[\(3, 2\)\]"):
        assert_same(lambda x, y: y.T @ x, reference, ["1o", "2x0e"])


def test_gradients_of_a_module_are_checked():
    assert_gradients(Mix().double(), "2x0e+2x1o")
    with pytest.raises(ValueError, match=r"Mix has parameters in torch.float32.*call \.double\(\)"):
        assert_gradients(Mix(), "2x0e+2x1o")


class Cube(torch.autograd.Function):
    """x³ whose second derivative is wrong, and whose first is if `factor` is not 3."""

    factor = 3.0

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * Cube.factor * (x**2).detach()


def test_wrong_first_and_second_derivatives_are_found(monkeypatch):
    assert_gradients(Cube.apply, "2x0e", second=False)
    with pytest.raises(AssertionError, match="derivatives of apply are wrong"):
        assert_gradients(Cube.apply, "2x0e")
    monkeypatch.setattr(Cube, "factor", 2.0)
    with pytest.raises(AssertionError, match="derivatives of apply are wrong"):
        assert_gradients(Cube.apply, "2x0e", second=False)


def test_every_irrep_is_told_from_its_neighbours():
    irreps = Irreps("0e+0o+1e+1o+2e+2o")
    assert_equivariant(lambda x: x, irreps, irreps)
    for name in ("0o+0e+1e+1o+2e+2o", "0e+0o+1o+1e+2e+2o", "0e+0o+1e+1o+2o+2e"):
        broken("not equivariant", lambda x: x, irreps, name)
