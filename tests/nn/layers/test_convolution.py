"""The self-contained convolution: its message, its laws, and what it says about bad input."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cartesian.nn import Radial, to_graph
from cartesian.nn.layers.convolution import Convolution
from cartesian.nn.radial import tabulate
from cartesian.ops.convolution import convolution
from cartesian.ops.harmonics import harmonics
from cartesian.testing import Positions, assert_equivariant, assert_gradients

CUTOFF = 3.0
IRREPS, OUT = "2x0e + 2x1o", "2x0e + 1x1o + 1x1e"
POSITIONS = [[0.0, 0.1, 0.2], [1.5, 0.0, 0.0], [0.3, 1.4, 0.0], [0.0, 0.0, 9.0]]


def made(**options):
    torch.manual_seed(0)
    return Convolution(IRREPS, 1, OUT, Radial(4, CUTOFF, hidden=(8,)), **options).double()


def molecule(positions=POSITIONS):
    return to_graph(positions, [8, 1, 1, 1][: len(positions)], CUTOFF, dtype=torch.float64)


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_it_is_the_sum_over_edges_by_the_reference(seed):
    layer, graph = made(neighbors=2.5), molecule()
    features = torch.randn(
        graph.nodes, layer.irreps.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )
    up, total = layer.message.up(features).detach().numpy(), 0.0
    for j, i, vector in zip(graph.senders, graph.receivers, graph.vectors, strict=True):
        weights = layer.radial(vector.norm()[None]).detach().numpy()
        y, edge = harmonics(vector.numpy()[None], 1), (j.numpy()[None], i.numpy()[None])
        total = total + convolution(layer.message.program, up, y, weights, edge)
    wanted, found = layer.message.mix(torch.from_numpy(total)), layer(features, graph)
    assert torch.allclose(found, wanted, rtol=1e-12, atol=1e-12)
    assert found[:3].all()
    assert not found[3].any()


@pytest.mark.parametrize("kind", ["separate", "summed"])
def test_it_is_equivariant_with_reflections_and_gradients_of_both_orders(kind):
    layer, graph = made(kind=kind), molecule()

    def run(features, positions):
        return layer(features, graph.replace(positions=positions))

    laws = [IRREPS, Positions()]
    assert_equivariant(run, laws, OUT, batch=4, dtype=torch.float64, examples=10)
    assert_gradients(run, laws, batch=4, examples=2)


def test_neighbours_come_and_go_smoothly():
    layer = made()
    x = torch.ones(2, layer.irreps.dim, dtype=torch.float64)
    inside, edge = (
        layer(x, molecule([[0.0, 0, 0], [0, 0, CUTOFF - step]])).detach().abs().max() for step in (1e-2, 1e-4)
    )
    # The envelope falls with the third power, the Bessel functions with the first.
    assert 0 < edge < 1e-5 * inside
    assert not layer(x, molecule([[0.0, 0, 0], [0, 0, CUTOFF + 1e-4]])).any()


def test_its_network_can_be_tabulated():
    layer, graph = made(), molecule()
    features = torch.ones(graph.nodes, layer.irreps.dim, dtype=torch.float64)
    found, wanted = tabulate(layer)(features, graph), layer(features, graph)
    assert torch.allclose(found, wanted, rtol=1e-6, atol=1e-6)
    assert not torch.equal(found, wanted)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"no path leads from 4x0e .* to 0o"):
        Convolution("4x0e", 2, "4x0o", Radial(4, CUTOFF))
    with pytest.raises(ValueError, match="positive number of neighbours, not -1"):
        made(neighbors=-1)
