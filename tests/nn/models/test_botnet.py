"""BOTNet against its equations written out with dense couplings, its published size, and the laws."""

from dataclasses import replace
from itertools import combinations

import pytest
import torch

from cartesian.nn import testing
from cartesian.nn.data import to_graph
from cartesian.nn.heads import Potential
from cartesian.nn.models.botnet import PUBLISHED, BOTNet, BOTNetConfig
from tests.nn.models.equations import (
    assert_written_out,
    geometry,
    messages,
    mixed,
    normalized,
    radial_weights,
)

ISOLATED = {"H": -13.6, "O": -2042.0}
SMALL = BOTNetConfig(
    ("H", "O"),
    cutoff=3.0,
    layers=3,
    hidden="2x0e + 2x0o + 2x1o + 2x1e",
    max_degree=1,
    functions=4,
    readout=4,
    neighbors=3.0,
    isolated=ISOLATED,
)


@pytest.fixture(params=[None, (8,)], ids=["tables", "networks"])
def model(request):
    torch.manual_seed(0)
    return BOTNet(replace(SMALL, radial=request.param)).double().eval()


def transcribed(model, graph):
    """The published equations."""
    config = model.config
    d, y, species = geometry(graph, config.max_degree)
    h = {(0, 1): model.embedding.weight[species][:, :, None]}
    energies = torch.tensor(list(ISOLATED.values()), dtype=torch.float64)[species]
    for t, (layer, readout) in enumerate(zip(model.layers, model.readouts, strict=True)):
        w = radial_weights(layer.radial, config, d, species[graph.senders])
        kept = {(b.irrep.degree, b.irrep.parity) for b in layer.out}
        m = mixed(layer.message.mix, messages(graph, mixed(layer.message.up, h), y, w, kept))
        m = {key: value / config.neighbors for key, value in m.items()}
        if t == 0:
            h = mixed(layer.update, m, species)
        else:
            own = mixed(layer.update.linear, h, species)
            h = {key: value + own.get(key, 0) for key, value in m.items()}
        if t < config.layers - 1:
            energies = energies + mixed(readout, h)[0, 1].flatten()
        else:
            hidden = {(0, 1): normalized(mixed(readout.first, h)[0, 1])}
            energies = energies + mixed(readout.last, hidden)[0, 1].flatten()
    return energies


def test_it_computes_the_published_equations(model):
    assert_written_out(model, transcribed)


def test_published_settings_have_the_published_number_of_parameters():
    assert sum(p.numel() for p in BOTNet(PUBLISHED["AcAc"]).parameters()) == 2_756_416


def test_it_obeys_the_laws_of_potentials(model):
    testing.assert_potential(Potential(model).eval(), [1, 8], 3.0, reach=9.0, examples=2)


def test_an_isolated_atom_has_its_own_energy(model):
    graph = to_graph(torch.zeros(1, 3), [8], 3.0, dtype=torch.float64)
    assert model(graph)["energy"].tolist() == [-2042.0]


def test_the_features_of_layer_t_have_body_order_t_plus_one(model):
    """Over the subsets of more neighbours than that, the alternating sum vanishes."""
    torch.manual_seed(2)
    positions = torch.vstack([torch.zeros(1, 3), 0.6 * torch.randn(3, 3)]).double()
    for t, vanishes in ((0, True), (1, True), (2, False)):
        found: list = []
        hook = model.layers[t].register_forward_hook(lambda *call, found=found: found.append(call[-1][0]))
        signs = []
        for count in range(4):
            for others in combinations((1, 2, 3), count):
                rows = [0, *others]
                model(to_graph(positions[rows], [8] * len(rows), 3.0, dtype=torch.float64))
                signs.append((-1) ** count)
        hook.remove()
        total = torch.stack([sign * value for sign, value in zip(signs, found, strict=True)]).sum(0)
        assert (float(total.detach().abs().max()) < 1e-10) == vanishes


def test_second_derivatives_of_the_energy_are_right():
    torch.manual_seed(0)
    model = BOTNet(replace(SMALL, layers=2, hidden="1x0e + 1x1o + 1x1e")).double()
    graph = to_graph(1.3 * torch.rand(3, 3), [1, 8, 1], 3.0, dtype=torch.float64)

    def energy(positions):
        return model(graph.replace(positions=positions))["energy"]

    positions = graph.positions.requires_grad_()
    assert torch.autograd.gradgradcheck(energy, positions)
