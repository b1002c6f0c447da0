"""Layers of full tensors: what one index does under O(3), moments at first, and what cannot be read out."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cartesian.kernels.edges import sort_edges
from cartesian.nn.layers.gate import step, tanh_ratio
from cartesian.nn.layers.reducible import (
    RankGate,
    RankGates,
    RankLinear,
    RankMessage,
    RankReadout,
    from_ranks,
    to_ranks,
)
from cartesian.ops.action import act
from cartesian.ops.spaces import TensorSpace
from cartesian.testing.strategies import orthogonals

seeds = st.integers(0, 2**32 - 1)


def acted(matrix, features, channels):
    """One matrix per index of tensors of ranks 0 to 2."""
    matrix = torch.from_numpy(matrix)
    scalars, vectors, tensors = to_ranks(features, (channels,) * 3)
    vectors = torch.einsum("ab,nbc->nac", matrix, vectors)
    tensors = tensors.unflatten(1, (3, 3))
    tensors = torch.einsum("ai,bj,nijc->nabc", matrix, matrix, tensors).flatten(1, 2)
    return from_ranks([scalars, vectors, tensors])


def random(module, seed):
    torch.manual_seed(seed)
    for parameter in module.parameters():
        parameter.data = torch.randn_like(parameter)
    return module.double()


@given(orthogonals(), seeds)
def test_every_layer_commutes_with_o3(matrix, seed):
    torch.manual_seed(seed)
    features = torch.randn(4, 13 * 3, dtype=torch.float64)
    moved = acted(matrix, features, 3)
    for layer in (RankLinear([3, 3, 3], 3), RankGates(3, 2), RankGates(3, 2, tanh_ratio, torch.tanh)):
        random(layer, seed)
        assert torch.allclose(layer(moved), acted(matrix, layer(features), 3), rtol=1e-11, atol=1e-11)
    message = random(RankMessage(3, 2, 2, 2, factors=2, neighbors=2.0), seed)
    edges = sort_edges(torch.tensor([0, 1, 2, 2]), torch.tensor([1, 0, 1, 3]), 4)
    directions, weights = (torch.randn(4, n, dtype=torch.float64) for n in (3, message.weights))
    turned = directions @ torch.from_numpy(matrix).T
    wanted = acted(matrix, message(features, directions, weights, edges), 3)
    found = message(moved, turned, weights, edges)
    assert torch.allclose(found, wanted, rtol=1e-11, atol=1e-11 * float(wanted.detach().abs().max()))


@given(orthogonals(), seeds, st.sampled_from(["i", "ij=ji", "ij", "ij=-ji"]))
def test_readouts_transform_as_their_irreps(matrix, seed, formula):
    space = TensorSpace(formula)
    readout = random(RankReadout(3, 2, space.irreps, space), seed)
    torch.manual_seed(seed)
    features = torch.randn(4, 13 * 3, dtype=torch.float64)
    moved, wanted = readout(acted(matrix, features, 3)), act(matrix, readout(features), space.irreps)
    assert torch.allclose(moved, wanted, rtol=1e-11, atol=1e-11)


def test_a_symmetric_readout_is_a_scalar_and_a_symmetrised_matrix():
    space = TensorSpace("ij=ji")
    readout = random(RankReadout(3, 2, space.irreps, space), 0)
    features = torch.randn(4, 13 * 3, dtype=torch.float64)
    scalars, _, tensors = to_ranks(features, (3, 3, 3))
    matrices = readout.branches["2"](tensors).reshape(4, 3, 3)
    parts = (
        readout.branches["0"](scalars) * torch.eye(3, dtype=torch.float64) / 3**0.5
        + (matrices + matrices.mT) / 2
    )
    assert torch.allclose(space.from_irreps(readout(features)), parts, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("gate", [torch.sigmoid, torch.tanh, tanh_ratio, step])
@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_gates_and_linear_maps_keep_the_second_moment(rank, gate):
    torch.manual_seed(0)
    block = torch.randn(4000, 3**rank, 8)
    assert abs(float(RankGate(8, rank, gate)(block).detach().square().mean()) - 1) < 0.1
    counts = [8] * (rank + 1)
    features = torch.randn(500, sum(3**n * 8 for n in range(rank + 1)))
    mixed = [RankLinear(counts, 64)(features).detach() for _ in range(5)]
    for part in zip(*(to_ranks(x, [64] * (rank + 1)) for x in mixed), strict=True):
        assert abs(float(torch.stack(part).square().mean()) - 1) < 0.15


def test_scalars_through_the_gates_are_the_activations_of_that_name():
    x = torch.linspace(-3, 3, 7, dtype=torch.float64)[:, None, None]
    for gate, function in (
        (torch.sigmoid, torch.nn.functional.silu),
        (tanh_ratio, torch.tanh),
        (step, torch.relu),
    ):
        layer = RankGate(1, 0, gate).double()
        assert torch.allclose(layer(x), layer.factor * function(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("functions", [(torch.sigmoid, torch.sigmoid), (torch.sigmoid, torch.tanh)])
@pytest.mark.parametrize("rank", [0, 1, 2])
def test_all_gates_at_once_are_one_after_the_other(rank, functions):
    layer = random(RankGates(3, rank, *functions), 0)
    features = torch.randn(4, sum(3**n * 3 for n in range(rank + 1)), dtype=torch.float64)
    blocks = zip(layer.ranks, to_ranks(features, layer.channels), strict=True)
    wanted = from_ranks(gate(block) for gate, block in blocks)
    assert torch.allclose(layer(features), wanted, rtol=1e-12, atol=1e-12)


def test_no_atoms_are_no_problem():
    assert RankLinear([3, 3, 3], 2)(torch.zeros(0, 39)).shape == (0, 26)
    assert RankReadout(3, 2, "0e")(torch.zeros(0, 39)).shape == (0, 1)


def test_what_cannot_be_is_said():
    with pytest.raises(ValueError, match=r"ranks 0 to 1 with \[2, 2\] channels have 8 numbers, not 9"):
        to_ranks(torch.zeros(1, 9), [2, 2])
    with pytest.raises(ValueError, match=r"positive number of neighbours .* not 0 and 1"):
        RankMessage(2, 1, 1, 1, neighbors=0)
    with pytest.raises(ValueError, match=r"at least one factor, not 1.0 and 0"):
        RankMessage(2, 1, 1, 1, factors=0)
    space = TensorSpace("ijk=jik=ikj")
    with pytest.raises(ValueError, match=r"3o is read from tensors of rank 3, .* end with rank 2"):
        RankReadout(2, 2, space.irreps, space)
    with pytest.raises(ValueError, match="1e is no part of tensors of natural parity"):
        RankReadout(2, 2, "1e")
    with pytest.raises(ValueError, match="1e is no part of tensors of natural parity that are not axial"):
        RankReadout(2, 2, "1e", TensorSpace("i", axial=True))
