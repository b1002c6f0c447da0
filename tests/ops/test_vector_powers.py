import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cartesian.ops.spaces import TensorSpace
from cartesian.ops.vector_powers import power_irreps, power_parts, vector_powers
from cartesian.testing import assert_equivariant, assert_same

vectors = arrays(np.float64, (2, 3), elements=st.floats(-2, 2, width=32))


@given(vectors, st.integers(0, 5))
def test_inner_products_are_powers_of_inner_products(pair, max_rank):
    parts = vector_powers(pair, max_rank)
    irreps = power_irreps(max_rank)
    assert parts.shape == (2, irreps.dim)
    sums = np.zeros(max_rank + 1)
    for (_, rank), where in zip(power_parts(max_rank), irreps.slices, strict=True):
        sums[rank] += parts[0, where] @ parts[1, where]
    wanted = (pair[0] @ pair[1]) ** np.arange(max_rank + 1)
    assert np.allclose(sums, wanted, rtol=1e-13, atol=1e-11)


@given(vectors)
def test_the_second_power_is_that_of_its_components(pair):
    found = vector_powers(pair, 2)[:, [1, 5, 6, 7, 8, 9]]
    wanted = TensorSpace("ij=ji").to_irreps(np.einsum("na,nb->nab", pair, pair))
    assert np.allclose(found, wanted, rtol=1e-14, atol=1e-14)


def test_powers_are_equivariant_and_the_same_in_torch():
    irreps = power_irreps(4)
    assert_equivariant(lambda r: vector_powers(r, 4), "1o", irreps)
    assert_same(lambda r: vector_powers(r, 4), lambda r: vector_powers(torch.as_tensor(r), 4).numpy(), ["1o"])


def test_zero_has_finite_derivatives():
    r = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda r: vector_powers(r, 3), r)


def test_a_negative_rank_is_refused():
    with pytest.raises(ValueError, match="an integer >= 0, not -1"):
        vector_powers(np.ones(3), -1)
