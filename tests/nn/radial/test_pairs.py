import pytest
import torch
from hypothesis import given

from cartesian.nn import testing
from cartesian.nn.graph import Graph
from cartesian.nn.radial.pairs import Pairs

CUTOFF = 3.0


@given(testing.graphs([1, 8], CUTOFF))
def test_every_edge_shares_its_pair_with_its_opposite(graph):
    pairs = Pairs.of(graph)
    if not len(graph.senders):
        assert pairs == Pairs()
        return
    assert pairs.first is not None
    assert pairs.pair is not None
    assert pairs.pair.bincount().tolist() == [2] * len(pairs.first)
    # Sorted by pair, edges stand beside their opposites.
    i, j = pairs.pair.argsort(stable=True).reshape(-1, 2).T
    assert torch.equal(graph.senders[i], graph.receivers[j])
    assert torch.equal(graph.receivers[i], graph.senders[j])
    assert torch.equal(graph.shifts[i], -graph.shifts[j])
    lengths = graph.vectors.norm(dim=1)
    assert torch.equal(pairs.expand(pairs.reduce(lengths)), lengths)


@pytest.mark.parametrize(
    ("senders", "receivers"), [([0], [1]), ([0, 1, 0], [1, 0, 1]), ([0, 1, 0, 1], [1, 0, 1, 0]), ([], [])]
)
def test_where_edges_have_no_opposite_of_their_own_each_stands_for_itself(senders, receivers):
    graph = Graph.from_edges(torch.eye(3)[:2], [1, 1], senders, receivers)
    pairs, values = Pairs.of(graph), torch.rand(len(senders))
    assert pairs == Pairs()
    assert pairs.expand(pairs.reduce(values)) is values


def test_an_edge_from_an_atom_to_itself_is_a_pair():
    graph = Graph.from_edges(torch.eye(3)[:2], [1, 1], [0, 0, 1], [0, 1, 0])
    values = torch.arange(2)
    assert Pairs.of(graph).expand(values).bincount().tolist() == [1, 2]
