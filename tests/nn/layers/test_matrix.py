import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cartesian.nn.graph import Graph
from cartesian.nn.layers.filter_message import DirectionMessage, FilterMessage, scale_channels
from cartesian.nn.layers.matrix import (
    MatrixLinear,
    MatrixProduct,
    from_directions,
    from_matrices,
    matrix_irreps,
    matrix_norms,
    rescale_matrices,
    to_matrices,
)
from cartesian.nn.layers.matrix_network import MatrixReadout
from cartesian.ops.harmonics import harmonics
from cartesian.testing.strategies import orthogonals

CHANNELS = 3
seeds = st.integers(0, 2**32 - 1)


def drawn(seed, count=1, nodes=2):
    rng = np.random.default_rng(seed)
    return [torch.from_numpy(rng.standard_normal((nodes, 9 * CHANNELS))) for _ in range(count)]


def close(found, wanted):
    return torch.allclose(found, wanted, rtol=1e-12, atol=1e-12)


def multiply(left, right):
    return torch.einsum("nijc,njkc->nikc", left, right)


@given(seeds)
def test_storage_is_an_isometry_of_all_matrices(seed):
    (x,) = drawn(seed)
    matrices = to_matrices(x)
    assert close(from_matrices(matrices), x)
    assert close(matrix_norms(x), matrices.square().sum((1, 2)))
    assert close(
        to_matrices(rescale_matrices(x)), matrices / (matrices.square().sum((1, 2), keepdim=True) + 1)
    )


@given(seeds)
def test_parts_are_trace_antisymmetric_and_symmetric_trace_free(seed):
    (x,) = drawn(seed)
    parts = [
        to_matrices(scale_channels(x, f, matrix_irreps(CHANNELS)))
        for f in torch.eye(3, dtype=x.dtype).repeat_interleave(CHANNELS, 1)
    ]
    matrices, unit = to_matrices(x), torch.eye(3, dtype=x.dtype)[None, :, :, None]
    trace = unit * torch.einsum("niic->nc", matrices)[:, None, None] / 3
    transposed = matrices.transpose(1, 2)
    assert close(parts[0], trace)
    assert close(parts[1], (matrices - transposed) / 2)
    assert close(parts[2], (matrices + transposed) / 2 - trace)


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=3).filter(lambda v: np.linalg.norm(v) > 1e-3))
def test_directions_are_unit_matrix_cross_product_and_square(vector):
    r = torch.tensor(vector, dtype=torch.float64)
    u, unit = r / r.norm(), torch.eye(3, dtype=r.dtype)
    parts = torch.diag_embed(from_directions(r)[None])[0]
    found = [
        to_matrices(parts[:, where].sum(1)[:, None].flatten())[..., 0]
        for where in ([0], [1, 2, 3], range(4, 9))
    ]
    assert close(found[0], unit)
    assert close(found[1] @ r.flip(0), torch.linalg.cross(u, r.flip(0)))
    assert close(found[1], -found[1].T)
    assert close(found[2], torch.outer(u, u) - unit / 3)


def test_no_direction_leaves_the_unit_matrix():
    assert close(
        to_matrices(from_directions(torch.zeros(3, dtype=torch.float64)))[..., 0], torch.eye(3).double()
    )


@given(seeds, st.floats(-2, 2))
def test_products_are_those_of_full_matrices(seed, factor):
    x, y = drawn(seed, 2)
    X, Y = to_matrices(x), to_matrices(y)
    both, one = MatrixProduct(CHANNELS, factor), MatrixProduct(CHANNELS, factor, parity=1)
    assert close(to_matrices(both(x, y)), factor * (multiply(X, Y) + multiply(Y, X)) / 2)
    assert close(to_matrices(one(x, y)), factor * multiply(X, Y))


@given(seeds, orthogonals(reflections=True))
def test_matrices_turn_as_their_parts_and_inversion_transposes_them(seed, matrix):
    # With a polar vector part X ↦ R X Rᵀ for rotations, and X ↦ Xᵀ for the inversion.
    x, y = drawn(seed, 2)
    R, proper = torch.from_numpy(matrix), np.linalg.det(matrix) > 0

    def act(features):
        full = torch.einsum("ij,njkc,lk->nilc", R, to_matrices(features), R)
        return from_matrices(full if proper else full.transpose(1, 2))

    product, linear = MatrixProduct(CHANNELS), MatrixLinear(CHANNELS).double()
    assert close(product(act(x), act(y)), act(product(x, y)))
    assert close(linear(act(x)), act(linear(x)))
    u = torch.from_numpy(np.random.default_rng(seed).standard_normal((2, 3)))
    full = torch.einsum("ij,njkc,lk->nilc", R, to_matrices(from_directions(u)), R)
    assert close(to_matrices(from_directions(u @ R.T)), full if proper else full.transpose(1, 2))


def test_products_of_one_order_have_no_parity():
    x, y = drawn(0, 2)
    turn = lambda features: from_matrices(to_matrices(features).transpose(1, 2))  # noqa: E731
    product = MatrixProduct(CHANNELS, parity=1)
    assert not close(product(turn(x), turn(y)), turn(product(x, y)))


def test_linear_layers_act_on_each_part():
    layer = MatrixLinear(CHANNELS).double()
    (x,) = drawn(1)
    wanted = [
        torch.einsum("noc,dc->nod", x.reshape(2, 9, CHANNELS)[:, where], part.weight)
        for where, part in zip((slice(0, 1), slice(1, 4), slice(4, 9)), layer.parts, strict=True)
    ]
    assert close(layer(x), torch.cat(wanted, 1).flatten(1))


@given(seeds)
def test_messages_are_sums_over_edges(seed):
    rng = np.random.default_rng(seed)
    nodes, edges = 3, 5
    graph = Graph.from_edges(
        rng.standard_normal((nodes, 3)), [1] * nodes, *rng.integers(0, nodes, (2, edges))
    )
    (x,) = drawn(seed, nodes=nodes)
    scalars, filters = (
        torch.from_numpy(rng.standard_normal((n, k * CHANNELS))) for n, k in ((nodes, 1), (edges, 3))
    )
    irreps = matrix_irreps(CHANNELS)
    Y = harmonics(graph.vectors, 2)
    wanted = [torch.zeros(nodes, irreps.dim, dtype=torch.float64) for _ in range(2)]
    for e, (j, i) in enumerate(zip(graph.senders, graph.receivers, strict=True)):
        wanted[0][i] += scale_channels(x[j], filters[e], irreps)
        wanted[1][i] += scale_channels(torch.outer(Y[e], scalars[j]).flatten(), filters[e], irreps)
    assert close(FilterMessage(irreps)(x, filters, graph), wanted[0])
    assert close(DirectionMessage(CHANNELS, "0e + 1o + 2e")(scalars, filters, Y, graph), wanted[1])


def test_irreps_out_of_order_are_refused():
    with pytest.raises(ValueError, match=r"give 2x0e\+2x1o, not 2x1o\+2x0e"):
        FilterMessage("2x1o + 2x0e")
    with pytest.raises(ValueError, match="one channel each, not 2x1o"):
        DirectionMessage(3, "2x1o")
    with pytest.raises(ValueError, match="9 numbers per channel; 10 is no multiple"):
        matrix_norms(torch.zeros(10))
    with pytest.raises(ValueError, match=r"hold 1x0e\+1x1o\+1x2e, from which 3o cannot be read"):
        MatrixReadout(2, "0e + 3o")
