"""The product basis against coupling trees written out with e3nn's couplings, published numbers, moments."""

from functools import partial

import e3nn.o3
import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cartesian.nn.layers.basis import ProductBasis
from cartesian.nn.layers.blocks import from_blocks, to_blocks
from cartesian.programs.slots import normalized, slot_matrix, slots
from cartesian.spec import Irreps
from cartesian.symbolic.trees import trees
from cartesian.testing import assert_equivariant

ICTP_FULL = partial(trees, contractions=True, max_degree=3)
ICTP_SYMMETRIC = partial(trees, contractions=True, max_degree=3, ordered=False)
few = settings(max_examples=5, phases=[Phase.generate])


def drawn(nodes, irreps, seed):
    return torch.randn(
        nodes, Irreps(irreps).dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )


def value(tree, blocks):
    """A coupling tree factor by factor, each coupling with components of variance one: `(nodes, 2L+1, c)`."""
    result = blocks[tree.factors[0].position]
    for left, factor, out in zip(tree.partials[:-1], tree.factors[1:], tree.partials[1:], strict=True):
        table = e3nn.o3.wigner_3j(left.degree, factor.irrep.degree, out.degree, dtype=torch.float64)
        table = (2 * out.degree + 1) ** 0.5 * table
        result = torch.einsum("abo,nac,nbc->noc", table, result, blocks[factor.position])
    return result


@few
@given(
    st.sampled_from(["2x0e + 2x1o", "2x1o + 2x1e", "2x0o + 2x1o"]),
    st.integers(1, 3),
    st.sampled_from([trees, ICTP_SYMMETRIC]),
    st.integers(0, 99),
)
def test_slots_of_trees_are_products_written_out(irreps, correlation, kind, seed):
    irreps, out = Irreps(irreps), Irreps("2x1o + 2x0e") if "0e" in irreps else Irreps("2x1o")
    torch.manual_seed(seed)
    basis = ProductBasis(irreps, correlation, out, species=2, trees=kind).double()
    features, species = drawn(4, irreps, seed), torch.tensor([1, 0, 0, 1])
    factors = slot_matrix(basis.power, kind)
    norms = np.linalg.norm(basis.matrix, axis=1) / np.where(
        factors.any(1), np.linalg.norm(factors, axis=1), 1
    )
    blocks = to_blocks(features, irreps)
    found: dict = dict.fromkeys((block.irrep for block in out), 0.0)
    for s, tree in enumerate(slots(basis.power, kind)):
        weight = norms[s] * basis.weight[species, s]
        found[tree.out] = found[tree.out] + weight[:, None] * value(tree, blocks)
    wanted = from_blocks(found[block.irrep] for block in out)
    torch.testing.assert_close(basis(features, species), wanted, rtol=0, atol=1e-12)


def test_the_independent_basis_spans_what_all_trees_do():
    for correlation, irrep, count in [(2, "1o", 3), (2, "0e", 4), (3, "0e", 8), (3, "1o", 12), (3, "2e", 14)]:
        basis = ProductBasis("0e + 1o + 2e + 3o", correlation, irrep)
        chosen = [k for k, c, _ in _weights(basis.power) if c == correlation]
        published = slot_matrix(basis.power, trees)
        of_order = [tree.correlation == correlation for tree in slots(basis.power, trees)]
        assert len(chosen) == count == np.linalg.matrix_rank(published[of_order])
        # Nothing of the published trees is outside of the basis: their squared norms are what they should be.
        for tree, row in zip(slots(basis.power, trees), published, strict=True):
            if len(set(tree.factors)) == 1 and tree.correlation == 2:
                assert np.linalg.norm(row) == pytest.approx(1.0) or not row.any()


def _weights(power):
    k = 0
    for correlation, irrep, count in power.copies:
        for _ in range(count):
            yield k, correlation, irrep
            k += 1


@pytest.mark.parametrize(
    ("kind", "counts"),
    [(None, (8, 12, 14)), (trees, (23, 51, 65)), (ICTP_FULL, (23, 36, 42)), (ICTP_SYMMETRIC, (15, 23, 26))],
    ids=["independent", "MACE", "ICTP full", "ICTP symmetric"],
)
def test_there_are_as_many_slots_as_published(kind, counts):
    for irrep, count in zip(("0e", "1o", "2e"), counts, strict=True):
        three, two = (ProductBasis("0e + 1o + 2e + 3o", k, irrep, trees=kind) for k in (3, 2))
        assert three.weight.shape[1] - two.weight.shape[1] == count
        assert np.linalg.matrix_rank(three.matrix) == three.power.weights


@pytest.mark.parametrize("kind", [None, trees], ids=["independent", "MACE"])
def test_second_moments_are_one_at_first(kind):
    torch.manual_seed(0)
    irreps, out = Irreps("512x0e + 512x1o"), Irreps("512x0e + 512x1o")
    basis = ProductBasis(irreps, 3, out, trees=kind)
    with torch.no_grad():
        blocks = to_blocks(basis(torch.randn(2000, irreps.dim), torch.zeros(2000, dtype=torch.int64)), out)
    for block in blocks:
        assert float(block.square().mean()) == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("kind", [None, trees], ids=["independent", "MACE"])
def test_products_commute_with_rotations_and_reflections(kind):
    for irreps, out in (("2x0e + 2x1o", "2x0e + 2x1o"), ("2x1o + 2x1e", "2x1e + 2x0o")):
        basis = ProductBasis(irreps, 3, out, species=2, trees=kind).double()
        species = torch.tensor([0, 1, 1])
        assert_equivariant(basis, Irreps(irreps), Irreps(out), extra=[species], examples=10)


def test_redundant_weights_run_the_program_of_the_basis():
    own, published = (ProductBasis("4x0e + 4x1o", 3, "4x1o", trees=kind) for kind in (None, trees))
    assert own.power == published.power
    assert published.weight.shape[1] > own.weight.shape[1] == own.power.weights


def test_atoms_of_no_species_and_no_atoms_are_fine():
    basis = ProductBasis("2x0e + 2x1o", 2, "2x0e", species=3)
    assert basis(torch.zeros(0, 8), torch.zeros(0, dtype=torch.int64)).shape == (0, 2)
    features = torch.randn(2, 8, requires_grad=True)
    basis(features, torch.tensor([2, 2])).sum().backward()
    assert basis.weight.grad is not None
    assert not basis.weight.grad[:2].any()
    assert basis.weight.grad[2].any()


def test_it_computes_with_all_digits_after_a_visit_to_float32():
    basis = ProductBasis("1x0e + 1x1o", 3, "1x1o", trees=trees).double()
    features, species = drawn(3, "0e + 1o", 0), torch.zeros(3, dtype=torch.int64)
    basis.weight.data = basis.weight.data.float().double()
    before = basis(features, species)
    torch.testing.assert_close(basis.float().double()(features, species), before, rtol=0, atol=0)


def test_rows_are_scaled_by_their_moments_and_number():
    basis = ProductBasis("0e", 2, "0e")
    # <x²> = 1 and <x⁴> = 3, each half of the whole.
    np.testing.assert_allclose(basis.matrix, np.diag([0.5**0.5, 6**-0.5]), atol=1e-15)
    np.testing.assert_allclose(normalized(basis.power, np.array([[5.0, 0]])), [[1, 0]], atol=1e-15)


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"4x0e\+2x1o and 4x0e must have equal numbers of channels: mix"):
        ProductBasis("4x0e + 2x1o", 2, "4x0e")
    with pytest.raises(ValueError, match="has an irrep twice"):
        ProductBasis("2x0e + 2x0e", 2, "2x0e")
    with pytest.raises(ValueError, match="no product of up to 2 factors of 1x0e\\+1x1o contains 1e"):
        ProductBasis("2x0e + 2x1o", 2, "2x1e")
    with pytest.raises(ValueError, match="species run from 0 to 2, but there are weights for 2"):
        ProductBasis("2x0e", 2, "2x0e", species=2)(torch.ones(2, 2), torch.tensor([0, 2]))
