"""Orbitals against sums over edges with all components of the powers."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cartesian.nn.graph import Graph
from cartesian.nn.layers.orbitals import Density, OrbitalMessage
from cartesian.ops.vector_powers import power_parts, vector_powers


def edges(seed, nodes=4, count=9):
    torch.manual_seed(seed)
    indices = torch.randint(nodes, (2, count))
    return Graph.from_edges(torch.randn(nodes, 3).double(), [1] * nodes, *indices)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 999), st.integers(0, 4), st.integers(1, 3), st.integers(0, 9))
def test_densities_are_those_of_all_components(seed, max_rank, waves, count):
    graph = edges(seed, count=count)
    message = OrbitalMessage(waves, max_rank)
    density = Density(waves, max_rank, 5).double()
    torch.nn.init.normal_(density.weight)
    c, f = torch.randn(4, waves).double(), torch.randn(count, waves).double()
    powers = vector_powers(graph.vectors, max_rank)
    found = density(message(c, powers, message.spread(f), torch.zeros(()), None, graph))
    wanted, power = torch.zeros(4, 5).double(), torch.ones(count, 1).double()
    for rank in range(max_rank + 1):
        held = graph.sum_receivers(torch.einsum("ea,ew,ew->eaw", power, f, c[graph.senders]))
        wanted += torch.einsum("naw,wm->nam", held, density.weight[rank]).square().sum(1)
        power = torch.einsum("ea,eb->eab", power, graph.vectors).flatten(1)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_what_an_atom_holds_is_passed_on_unturned():
    graph, message = edges(0), OrbitalMessage(2, 2)
    c, held = torch.randn(4, 2).double(), torch.randn(4, message.irreps.dim).double()
    f, u = torch.zeros(9, message.irreps.channels).double(), torch.randn(9, 1).double()
    powers = vector_powers(graph.vectors, 2)
    found = message(c, powers, f, message.spread(u), held, graph)
    rows = held.reshape(4, 10, 2) * c[:, None]
    wanted = graph.sum_receivers(u[:, :, None] * rows[graph.senders]).flatten(1)
    torch.testing.assert_close(found, wanted, rtol=1e-13, atol=1e-13)


def test_all_ranks_start_with_the_same_mixing():
    weight = Density(3, 2, 7).weight
    assert torch.equal(weight, weight[:1].expand_as(weight))
    assert len(power_parts(2)) == 4
