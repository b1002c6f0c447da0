"""Attention: its weights against a softmax written out, invariance, smoothness at the cutoff, sizes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cartesian.nn import Radial, to_graph
from cartesian.nn.layers.attention import Attention, shares
from cartesian.nn.layers.blocks import to_blocks
from cartesian.nn.radial import tabulate
from cartesian.testing import Positions, assert_equivariant, assert_gradients

CUTOFF = 3.0
IRREPS, OUT = "2x0e + 4x1o + 2x1e", "2x0e + 1x0o + 1x1o + 1x1e"
POSITIONS = [[0.0, 0.1, 0.2], [1.5, 0.0, 0.0], [0.3, 1.4, 0.0], [0.0, 0.0, 9.0]]
seeds = st.integers(0, 2**32 - 1)


def made(irreps=IRREPS, out=OUT, edge_degree=1, **options):
    torch.manual_seed(0)
    radial = Radial(4, CUTOFF, hidden=(8,))
    return Attention(irreps, edge_degree, out, radial, **{"heads": 2, **options}).double()


def molecule(positions=POSITIONS, cutoff=CUTOFF):
    return to_graph(positions, [8, 1, 1, 1][: len(positions)], cutoff, dtype=torch.float64)


def drawn(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


@given(seeds, st.floats(0.1, 300.0))
def test_shares_are_the_softmax_over_neighbours_and_the_atom_itself(seed, size):
    graph = molecule()
    edges = len(graph.senders)
    scores, envelope = size * drawn(seed, edges, 2), drawn(seed + 1, edges, 1).sigmoid()
    found = shares(scores, envelope, graph)
    for i in range(graph.nodes):
        own = graph.receivers == i
        # The envelope as a part of the exponent, and the atom itself with the score zero.
        logits = torch.cat([torch.zeros(1, 2, dtype=torch.float64), scores[own] + envelope[own].log()])
        assert torch.allclose(found[own], logits.softmax(0)[1:], rtol=1e-11, atol=1e-300)


def test_scores_of_any_size_give_numbers():
    graph = molecule()
    scores = torch.tensor([[1e30], [-1e30]]).repeat(len(graph.senders) // 2, 1).requires_grad_()
    envelope = torch.tensor([[0.0], [1e-30], [1.0]]).repeat(len(graph.senders) // 3, 1)
    found = shares(scores, envelope, graph)
    (slope,) = torch.autograd.grad(found.sum(), scores)
    assert found.isfinite().all()
    assert slope.isfinite().all()
    assert not found[envelope == 0].any()


@given(seeds)
def test_scores_are_inner_products_of_the_channels_of_a_head(seed):
    layer, graph = made(), molecule()
    features = drawn(seed, graph.nodes, layer.irreps.dim)
    queries, keys = (to_blocks(part(features), layer.irreps) for part in (layer.queries, layer.keys))
    found = layer.scores(features, graph)
    for h in range(2):
        total = torch.zeros(())
        for q, k, block in zip(queries, keys, layer.irreps, strict=True):
            own = slice(h * block.channels // 2, (h + 1) * block.channels // 2)
            total = total + (q[graph.receivers, :, own] * k[graph.senders, :, own]).sum((1, 2))
        assert torch.allclose(found[:, h], total / (layer.irreps.dim / 2) ** 0.5, rtol=1e-12, atol=1e-12)


def test_scores_are_invariant_and_messages_equivariant_with_reflections():
    layer, graph = made(), molecule()

    def scores(features):
        return layer.scores(features, graph)

    def run(features, positions):
        return layer(features, graph.replace(positions=positions))

    assert_equivariant(scores, IRREPS, "2x0e", batch=4, dtype=torch.float64, examples=10)
    assert_equivariant(run, [IRREPS, Positions()], OUT, batch=4, dtype=torch.float64, examples=10)
    assert_gradients(run, [IRREPS, Positions()], batch=4, examples=2)


@settings(max_examples=5)
@given(seeds, st.permutations(range(4)))
def test_the_order_of_atoms_does_not_matter(seed, order):
    layer = made()
    features, positions = drawn(seed, 4, layer.irreps.dim), drawn(seed + 1, 4, 3)
    found = layer(features[list(order)], molecule(positions[list(order)].tolist()))
    assert torch.allclose(found, layer(features, molecule(positions.tolist()))[list(order)], atol=1e-12)


@pytest.mark.parametrize("others", [0, 1])
def test_neighbours_come_and_go_smoothly(others):
    layer = made()
    features = drawn(0, 2 + others, layer.irreps.dim)

    def run(distance, cutoff=CUTOFF):
        positions = [[0.0, 0.0, 0.0], [0.0, 0.0, distance], [0.0, 1.0, 0.0]]
        return layer(features, molecule(positions[: 2 + others], cutoff)).detach()[0]

    gone = run(CUTOFF + 1e-4)
    assert bool(gone.any()) == bool(others)
    near, nearer = ((run(CUTOFF - step) - gone).abs().max() for step in (1e-2, 1e-3))
    # Alone the neighbour is weighted by the envelope twice; beside others it moves their shares, once.
    assert nearer < 2e-3 * near
    # Edges beyond the cutoff, as in a list with a skin, change nothing.
    assert torch.equal(run(CUTOFF + 1e-4, CUTOFF + 1), gone)


def test_an_atom_alone_hears_nothing():
    layer, alone = made(), molecule(POSITIONS[:1])
    assert not layer(torch.ones(1, layer.irreps.dim, dtype=torch.float64), alone).any()
    assert not layer(torch.ones(4, layer.irreps.dim, dtype=torch.float64), molecule())[3].any()


@pytest.mark.parametrize("heads", [1, 4])
def test_the_second_moment_is_about_one(heads):
    irreps, neighbors, moments = "16x0e + 16x1o + 16x2e", 24, []
    for seed in range(20):
        torch.manual_seed(seed)
        layer = Attention(irreps, 2, irreps, Radial(8, CUTOFF), heads, neighbors)
        directions = torch.nn.functional.normalize(torch.randn(neighbors, 3), dim=-1)
        around = directions * torch.rand(neighbors, 1).add(0.5)
        graph = to_graph([[0.0, 0, 0], *around.tolist()], [1] * (neighbors + 1), CUTOFF)
        messages = layer(torch.randn(graph.nodes, layer.irreps.dim), graph).detach()
        moments.append([float(b[0].square().mean()) for b in to_blocks(messages, layer.irreps)])
    assert all(0.5 < moment < 2 for moment in torch.tensor(moments).mean(0).tolist())


def test_its_networks_can_be_tabulated():
    layer, graph = made(), molecule()
    features = drawn(0, graph.nodes, layer.irreps.dim)
    found, wanted = tabulate(layer)(features, graph), layer(features, graph)
    assert torch.allclose(found, wanted, rtol=1e-6, atol=1e-6)
    assert not torch.equal(found, wanted)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="2 channels of 0e are not divided by 4 heads"):
        made(heads=4)
    with pytest.raises(ValueError, match="2 channels of 0e are not divided by 0 heads"):
        made(heads=0)
    with pytest.raises(ValueError, match="positive number of neighbours, not 0"):
        made(neighbors=0)
    with pytest.raises(ValueError, match="no path leads"):
        made(out="1x3e")
