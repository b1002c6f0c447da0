import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cartesian.ops import coupling_chain
from cartesian.ops.coupling_chain import CouplingChain
from cartesian.spec.symmetry import IndexSymmetry
from cartesian.symbolic.decomposition import embedding
from cartesian.testing.strategies import index_symmetries


def columns(symmetry: IndexSymmetry) -> np.ndarray:
    """Exact embeddings as one matrix `(3^n, dim)` in the layout of the irreps."""
    blocks = [np.zeros((3**symmetry.rank, 0))]
    for count, irrep in symmetry.irreps:
        parts = [embedding(symmetry, irrep, s).numpy() for s in range(1, count + 1)]
        blocks.append(np.stack(parts, -1).reshape(3**symmetry.rank, -1))
    return np.concatenate(blocks, 1)


@settings(max_examples=30)
@given(index_symmetries(max_rank=4), st.integers(1, 2**8), st.integers(0, 3))
def test_the_chain_computes_what_the_exact_embeddings_say(symmetry, chunk, batch):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coupling_chain, "_DENSE", 0)
        patch.setattr(coupling_chain, "_CHUNK", chunk)
        chain = CouplingChain(symmetry)
        assert chain.dense is None or symmetry.dim == 0
        rng = np.random.default_rng(chunk)
        tensor = rng.normal(size=(batch, *[3] * symmetry.rank))
        flat = chain.forward(tensor)
        expected = columns(symmetry)
        np.testing.assert_allclose(flat, tensor.reshape(-1, 3**symmetry.rank) @ expected, atol=1e-12)
        np.testing.assert_allclose(
            chain.backward(flat).reshape(-1, 3**symmetry.rank), flat @ expected.T, atol=1e-12
        )


@given(index_symmetries(max_rank=4))
def test_the_matrix_of_a_small_space_is_the_exact_one(symmetry):
    np.testing.assert_allclose(CouplingChain(symmetry).dense, columns(symmetry), atol=1e-13)


@pytest.mark.parametrize("symbol", ["[V2]V5", "[[V2]4]", "[V3]2V2", "{[V2]2}V4", "{V3}V5"])
def test_long_chains_are_isometries(symbol):
    symmetry = IndexSymmetry.jahn(symbol)
    chain = CouplingChain(symmetry)
    assert chain.dense is None
    flat = np.random.default_rng(0).normal(size=(2, symmetry.dim))
    tensor = chain.backward(flat)
    np.testing.assert_allclose(chain.forward(tensor), flat, atol=1e-12)
    np.testing.assert_allclose((tensor.reshape(2, -1) ** 2).sum(1), (flat**2).sum(1), rtol=1e-12)
    for permutation, sign in symmetry.generators:
        moved = tensor.transpose(0, *(i + 1 for i in permutation))
        np.testing.assert_allclose(sign * moved, tensor, atol=1e-12)


def test_the_operator_of_rank_nine_is_small():
    assert CouplingChain(IndexSymmetry.parse("abcdefghi")).nbytes < 1e6
