"""Norms and inner products of features."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cartesian.ops.norms import inner_products, norms, squared_norms
from cartesian.ops.storage import to_full
from cartesian.spec import Irreps

IRREPS = Irreps("2x0e + 3x1o + 1x2e")
features = arrays(np.float64, (2, IRREPS.dim), elements=st.floats(-10, 10, width=32))


@given(features, features)
def test_inner_products_are_those_of_the_full_tensors(x, y):
    expected = []
    for block, part in zip(IRREPS, IRREPS.slices, strict=True):
        shape = (2, block.irrep.dim, block.channels)
        a, b = (to_full(z[:, part].reshape(shape), block.irrep.degree, axis=-2) for z in (x, y))
        expected.append((a * b).sum(axis=tuple(range(1, a.ndim - 1))))
    np.testing.assert_allclose(inner_products(x, y, IRREPS), np.concatenate(expected, 1), atol=1e-10)
    np.testing.assert_allclose(
        inner_products(torch.from_numpy(x), torch.from_numpy(y), IRREPS), inner_products(x, y, IRREPS)
    )


@given(features)
def test_norms_are_roots_of_squared_norms(x):
    np.testing.assert_allclose(norms(x, IRREPS) ** 2, squared_norms(x, IRREPS), atol=1e-12)


def test_norms_of_zero_have_finite_derivatives():
    x = torch.zeros(IRREPS.dim, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(norms(x, IRREPS).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad((first * torch.ones_like(first)).sum(), x)
    assert torch.equal(first, torch.zeros_like(first))
    assert torch.equal(second, torch.zeros_like(second))


def test_a_wrong_length_is_named():
    with pytest.raises(ValueError, match="features of 1x1o have length 3, not 4"):
        norms(np.ones(4), "1o")
