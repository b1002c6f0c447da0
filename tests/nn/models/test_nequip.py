"""NequIP against its equations written out with dense couplings, its published size, and the laws."""

from dataclasses import replace

import e3nn.o3
import pytest
import torch
from torch.nn.functional import silu

from cartesian.nn import testing
from cartesian.nn.data import batch, to_graph
from cartesian.nn.heads import Potential
from cartesian.nn.models.nequip import PUBLISHED, NequIP, NequIPConfig

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


def molecules():
    torch.manual_seed(1)
    parts = [(1.3 * torch.rand(n, 3), [1, 8, 1, 1, 8][:n]) for n in (3, 5)]
    return batch([to_graph(positions, z, 3.0, dtype=torch.float64) for positions, z in parts])


def mixed(layer, x, species=None):
    """A linear map of {(degree, parity): (nodes, channels, 2l+1)}, e3nn's normalisation, by einsum."""
    out: dict = {}
    weight = layer.weight if species is None else layer.weight[species]
    for target, block in enumerate(layer.out):
        key = block.irrep.degree, block.irrep.parity
        parts = [part for part in layer.mixings if part.target == target]
        if not parts:
            continue
        (part,) = parts
        matrix = weight[..., part.weights].unflatten(-1, part.shape) / part.shape[0] ** 0.5
        out.setdefault(key, []).append(
            torch.einsum("ncm,cd->ndm" if species is None else "ncm,ncd->ndm", x[key], matrix)
        )
    return {key: torch.cat(values, 1) for key, values in out.items()}


def normalized(function, values):
    x = torch.linspace(-12, 12, 20001, dtype=torch.float64)
    weight = torch.exp(-x.square() / 2)
    return function(values) * ((function(x).square() * weight).sum() / weight.sum()).rsqrt()


def transcribed(model, graph):
    """The published equations: states of edges, dense couplings of e3nn, dictionaries of irreps."""
    config, y_max = model.config, model.config.max_degree
    vectors = graph.positions[graph.receivers] - graph.positions[graph.senders]
    d = vectors.norm(dim=1)[:, None]
    y = [
        e3nn.o3.spherical_harmonics(degree, vectors, normalize=True, normalization="component")
        for degree in range(y_max + 1)
    ]
    x, p = d / config.cutoff, config.power
    envelope = 1 - (p + 1) * (p + 2) / 2 * x**p + p * (p + 2) * x ** (p + 1) - p * (p + 1) / 2 * x ** (p + 2)
    species = torch.tensor([{1: 0, 8: 1}[int(z)] for z in graph.atomic_numbers])
    h = {(0, 1): model.embedding.weight[species][:, :, None]}
    for layer in model.layers:
        frequencies = layer.radial.basis.frequencies
        w = envelope * (2 / config.cutoff) ** 0.5 * torch.sin(frequencies * d) / d
        *hidden, last = layer.radial.perceptron.weights
        for matrix in hidden:
            w = normalized(silu, w @ matrix / len(matrix) ** 0.5)
        w = w @ last / len(last) ** 0.5
        up = mixed(layer.message.up, h)
        messages: dict = {}
        keep = {(b.irrep.degree, b.irrep.parity) for b in layer.gate.out}
        for key in sorted(keep, key=lambda k: (k[0], k[1] != (-1) ** k[0])):
            for (l1, p1), value in up.items():
                for l2 in range(y_max + 1):
                    if not abs(l1 - l2) <= key[0] <= l1 + l2 or p1 * (-1) ** l2 != key[1]:
                        continue
                    own, w = w[:, : value.shape[1]], w[:, value.shape[1] :]
                    table = e3nn.o3.wigner_3j(l1, l2, key[0], dtype=torch.float64)
                    table = (2 * key[0] + 1) ** 0.5 * table
                    edges = torch.einsum("abm,eca,eb,ec->ecm", table, value[graph.senders], y[l2], own)
                    sums = edges.new_zeros(graph.nodes, *edges.shape[1:])
                    messages.setdefault(key, []).append(sums.index_add(0, graph.receivers, edges))
        assert w.shape[1] == 0
        m = mixed(layer.message.mix, {key: torch.cat(value, 1) for key, value in messages.items()})
        own = mixed(layer.update.linear, h, species)
        m = {key: value / config.neighbors + own.get(key, 0) for key, value in m.items()}
        even = layer.gate.out.count("0e")
        scalars, gates = m[0, 1][:, :even], normalized(silu, m[0, 1][:, even:])
        h = {(0, 1): normalized(silu, scalars)}
        if (0, -1) in m:
            h[0, -1] = normalized(torch.tanh, m[0, -1])
        for block in layer.gate.out:
            key = block.irrep.degree, block.irrep.parity
            if key[0]:
                h[key], gates = m[key] * gates[:, : block.channels], gates[:, block.channels :]
        assert gates.shape[1] == 0
    for layer in model.readout:
        h = mixed(layer, h)
    return h[0, 1].flatten() + torch.tensor([-13.6, -2042.0], dtype=torch.float64)[species]


def test_it_computes_the_published_equations(model):
    graph = molecules()
    with torch.no_grad():
        found, wanted = model(graph), transcribed(model, graph)
    torch.testing.assert_close(found["energies"], wanted, rtol=0, atol=1e-11)
    totals = torch.stack([wanted[:3].sum(), wanted[3:].sum()])
    torch.testing.assert_close(found["energy"], totals, rtol=0, atol=1e-11)


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
