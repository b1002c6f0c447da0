import numpy as np
import pytest
import torch
from e3nn import o3
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cartesian.spec import Irrep, Irreps
from cartesian.symbolic.characters import symmetric_irreps
from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import exact
from cartesian.symbolic.powers import symmetric_power
from cartesian.symbolic.trees import trees
from cartesian.tables import coupling

HARMONICS = "0e+1o+2e+3o"
irrep = st.builds(Irrep, st.integers(0, 2), st.sampled_from([1, -1]))
sums = st.lists(irrep, min_size=1, max_size=3).map(Irreps)


def matrix(power, out):
    """Coefficients of all copies, one row each."""
    coefficients = power.coefficients(out)
    return coefficients.numpy().reshape(coefficients.shape[0], -1)


@settings(max_examples=30)
@given(sums, st.integers(1, 4))
def test_there_are_as_many_copies_as_characters_count(irreps, correlation):
    assert symmetric_power(irreps, correlation).out == symmetric_irreps(irreps, correlation)


@pytest.mark.parametrize(("max_degree", "correlation"), [(4, 3), (3, 4)])
def test_large_powers_are_complete(max_degree, correlation):
    irreps = Irreps.harmonics(max_degree)
    assert symmetric_power(irreps, correlation).out == symmetric_irreps(irreps, correlation)


@settings(max_examples=15)
@given(sums, st.integers(1, 3))
def test_copies_are_independent_in_floats_too(irreps, correlation):
    power = symmetric_power(irreps, correlation)
    for copies, out in power.out:
        assert np.linalg.matrix_rank(matrix(power, out)) == copies


@pytest.mark.parametrize("out", ["0e", "1o", "2e", "3o", "1e"])
def test_redundant_trees_span_the_same_space(out):
    power = symmetric_power("0e+1o+2e", 3, out)
    every = type(power)(power.irreps, 3, trees("0e+1o+2e", 3, out))
    both = np.concatenate([matrix(power, out), matrix(every, out)])
    assert np.linalg.matrix_rank(both) == len(power[out])


@pytest.mark.parametrize("out", ["0e", "1o", "2e", "3o"])
def test_natural_results_need_no_levi_civita_and_no_intermediate_above_two(out):
    for tree in symmetric_power(HARMONICS, 3, out)[out]:
        largest, crosses, _ = tree.cost
        assert largest <= 2
        assert crosses == 0


@settings(max_examples=20)
@given(sums, st.integers(1, 3), st.data())
def test_coefficients_and_tensors_are_the_same_polynomials(irreps, correlation, data):
    power = symmetric_power(irreps, correlation)
    x = data.draw(arrays(np.float64, irreps.dim, elements=st.floats(-1, 1, width=32)))
    values = np.array([np.prod(x[list(monomial)]) for monomial in power.monomials])
    for _, out in power.out:
        tensor = power.tensor(out).numpy()
        for _ in range(correlation):
            tensor = np.einsum("ci...,i->c...", tensor, x)
        np.testing.assert_allclose(power.coefficients(out).numpy() @ values, tensor, atol=1e-12)


def value(tree, x):
    """A tree of components `x`, one coupling after the other."""
    right = x[list(tree.factors[-1].components)]
    if tree.correlation == 1:
        return right
    return np.einsum("a,b,abo->o", value(tree.head, x), right, coupling(*tree.paths[-1].degrees))


@settings(max_examples=15)
@given(sums, st.integers(1, 3), st.data())
def test_trees_have_the_values_of_their_polynomials(irreps, correlation, data):
    power = symmetric_power(irreps, correlation)
    x = data.draw(arrays(np.float64, irreps.dim, elements=st.floats(-1, 1, width=32)))
    values = np.array([np.prod(x[list(monomial)]) for monomial in power.monomials])
    for _, out in power.out:
        actual = power.coefficients(out).numpy() @ values
        np.testing.assert_allclose(actual, [value(tree, x) for tree in power[out]], atol=1e-12)


@pytest.mark.parametrize(("irreps", "correlation"), [("0e+1o+2e", 2), ("1o+1e", 3), ("2x1o", 2)])
def test_tensors_do_not_change_when_factors_are_exchanged(irreps, correlation):
    power = symmetric_power(irreps, correlation)
    for _, out in power.out:
        tensor = power.tensor(out)
        first, *others = (tensor.ndim - 1 - correlation + k for k in range(correlation))
        for other in others:
            axes = list(range(tensor.ndim))
            axes[first], axes[other] = other, first
            assert tensor.transpose(*axes) == tensor


@pytest.mark.parametrize(
    ("irreps", "correlation", "formula"),
    [("0e+1o+2e", 2, "ij=ji"), ("1o+2o", 2, "ij=ji"), ("0e+1o", 3, "ijk=jik=ikj"), ("2e", 3, "ijk=jik=ikj")],
)
def test_e3nn_finds_the_same_spaces(irreps, correlation, formula):
    theirs = o3.ReducedTensorProducts(formula, i=str(irreps))
    power = symmetric_power(irreps, correlation)
    assert {str(block.irrep): block.channels for block in power.out} == {
        str(irrep): channels for channels, irrep in theirs.irreps_out.simplify()
    }
    for where, (channels, irrep) in zip(theirs.irreps_out.slices(), theirs.irreps_out, strict=True):
        rows = theirs.change_of_basis[where].double().reshape(channels, irrep.dim, -1)
        ours = torch.from_numpy(power.tensor(str(irrep)).numpy()).flatten(1, -2).transpose(1, 2)
        stacked = torch.cat([ours, rows]).flatten(1)
        # e3nn computes its basis in float32.
        assert torch.linalg.matrix_rank(stacked, rtol=1e-5) == len(ours)


@pytest.mark.parametrize("out", ["0e", "1o", "1e", "2e", "3o"])
def test_orthonormal_copies_are_orthonormal_exactly(out):
    power = symmetric_power("0e+1o+2e", 3, out)
    rows, tensor = power.orthonormal(out), power.tensor(out)
    basis = einsum("kc,cxyzm->kxyzm", rows, tensor)
    size = len(power[out])
    identity = exact([[int(a == b) for b in range(size)] for a in range(size)])
    assert einsum("kxyzm,lxyzm->kl", basis, basis) == identity * Irrep(out).dim
    assert all(column <= row for (row, column), _ in rows.entries())


def test_channels_are_different_tensors():
    power = symmetric_power("2x1o", 2)
    assert power.out == Irreps("3x0e+1x1e+3x2e")
    ((_, cross),) = [(k, tree) for k, tree in enumerate(power["1e"])]
    assert [factor.position for factor in cross.factors] == [0, 1]


def test_copies_come_cheapest_first_and_share_partial_products():
    power = symmetric_power(HARMONICS, 3, "0e+1o+2e")
    for _, out in power.out:
        costs = [tree.cost for tree in power[out]]
        assert costs == sorted(costs)
    alone = [symmetric_power(HARMONICS, 3, out).operations for out in ("0e", "1o", "2e")]
    assert power.operations < sum(alone)


def test_a_power_is_a_value():
    power = symmetric_power("0e+1o", 2, "0e")
    assert power == symmetric_power(Irreps("0e+1o"), 2, "0e")
    assert hash(power) == hash(symmetric_power("0e+1o", 2, "0e"))
    assert str(power).splitlines()[1] == "  0e: (0e x 0e)0e, (1o x 1o)0e"


def test_an_irrep_that_does_not_occur_has_no_copies():
    power = symmetric_power("1o", 2)
    assert power["1e"] == ()
    assert power.coefficients("1e").shape == (0, 3, 6)
    assert power.orthonormal("1e").shape == (0, 0)
    assert symmetric_power("1o", 2, "3o").out == Irreps("")


@pytest.mark.parametrize("correlation", [0, -2, 1.5, True])
def test_a_power_needs_factors(correlation):
    with pytest.raises(ValueError, match=f"integer number of factors >= 1, not {correlation!r}"):
        symmetric_power("1o", correlation)
