"""NequIP against its equations written out with dense couplings, its published size, and the laws."""

from dataclasses import replace

import pytest
import torch

from cartesian.nn import testing
from cartesian.nn.data import to_graph
from cartesian.nn.heads import Potential
from cartesian.nn.models.nequip import PUBLISHED, NequIP, NequIPConfig
from tests.nn.models.equations import (
    assert_written_out,
    geometry,
    messages,
    mixed,
    molecules,
    normalized,
    radial_weights,
)

SMALL = NequIPConfig(
    ("H", "O"),
    cutoff=3.0,
    layers=3,
    hidden="2x0e + 2x0o + 2x1o + 2x1e",
    max_degree=1,
    functions=4,
    radial=(8,),
    readout=(4,),
    neighbors=3.0,
    isolated={"H": -13.6, "O": -2042.0},
)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return NequIP(SMALL).double().eval()


def transcribed(model, graph):
    """The published equations."""
    config = model.config
    d, y, species = geometry(graph, config.max_degree)
    h = {(0, 1): model.embedding.weight[species][:, :, None]}
    for layer in model.layers:
        w = radial_weights(layer.radial, config, d)
        kept = {(b.irrep.degree, b.irrep.parity) for b in layer.gate.out}
        m = mixed(layer.message.mix, messages(graph, mixed(layer.message.up, h), y, w, kept))
        own = mixed(layer.update.linear, h, species)
        m = {key: value / config.neighbors + own.get(key, 0) for key, value in m.items()}
        even = layer.gate.out.count("0e")
        scalars, gates = m[0, 1][:, :even], normalized(m[0, 1][:, even:])
        h = {(0, 1): normalized(scalars)}
        if (0, -1) in m:
            h[0, -1] = normalized(m[0, -1], torch.tanh)
        for block in layer.gate.out:
            key = block.irrep.degree, block.irrep.parity
            if key[0]:
                h[key], gates = m[key] * gates[:, : block.channels], gates[:, block.channels :]
        assert gates.shape[1] == 0
    for layer in model.readout:
        h = mixed(layer, h)
    return h[0, 1].flatten() + torch.tensor([-13.6, -2042.0], dtype=torch.float64)[species]


def test_it_computes_the_published_equations(model):
    assert_written_out(model, transcribed)


def test_published_settings_have_the_published_number_of_parameters():
    assert sum(p.numel() for p in NequIP(PUBLISHED["AcAc"]).parameters()) == 3_190_488


def test_it_obeys_the_laws_of_potentials(model):
    testing.assert_potential(Potential(model).eval(), [1, 8], 3.0, reach=9.0, examples=3)


def test_pruning_keeps_the_energy_and_trains_every_parameter():
    torch.manual_seed(0)
    pruned = NequIP(replace(SMALL, prune=True)).double()
    results = Potential(pruned).train()(molecules())
    (results["energy"].sum() + results["forces"].square().sum()).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in pruned.parameters())


def test_second_derivatives_of_the_energy_are_right():
    torch.manual_seed(0)
    model = NequIP(replace(SMALL, layers=2, hidden="1x0e + 1x1o + 1x1e")).double()
    graph = to_graph(1.3 * torch.rand(3, 3), [1, 8, 1], 3.0, dtype=torch.float64)

    def energy(positions):
        return model(graph.replace(positions=positions))["energy"]

    positions = graph.positions.requires_grad_()
    assert torch.autograd.gradgradcheck(energy, positions)


def test_interpolated_networks_are_close_to_the_networks():
    exact, splines = (NequIP(replace(SMALL, knots=knots)).double().eval() for knots in (0, 128))
    given = {
        name.replace(".radial.", ".radial.function."): value for name, value in exact.state_dict().items()
    }
    splines.load_state_dict(given)
    graph = molecules()
    torch.testing.assert_close(splines(graph)["energies"], exact(graph)["energies"], rtol=0, atol=1e-5)
