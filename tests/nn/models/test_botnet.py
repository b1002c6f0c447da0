"""BOTNet against its equations written out with dense couplings, its published size, and the laws."""

from dataclasses import replace
from itertools import combinations

import e3nn.o3
import pytest
import torch
from torch.nn.functional import silu

from cartesian.nn import testing
from cartesian.nn.data import batch, to_graph
from cartesian.nn.heads import Potential
from cartesian.nn.models.botnet import PUBLISHED, BOTNet, BOTNetConfig

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


def molecules():
    torch.manual_seed(1)
    parts = [(1.3 * torch.rand(n, 3), [1, 8, 1, 1, 8][:n]) for n in (3, 5)]
    return batch([to_graph(positions, z, 3.0, dtype=torch.float64) for positions, z in parts])


def mixed(layer, x, species=None):
    """A linear map of {(degree, parity): (nodes, channels, 2l+1)}, e3nn's normalisation, by einsum."""
    out = {}
    weight = layer.weight if species is None else layer.weight[species]
    for part in layer.mixings:
        irrep = layer.out[part.target].irrep
        key = irrep.degree, irrep.parity
        matrix = weight[..., part.weights].unflatten(-1, part.shape) / part.shape[0] ** 0.5
        out[key] = torch.einsum("ncm,cd->ndm" if species is None else "ncm,ncd->ndm", x[key], matrix)
    return out


def normalized_silu(values):
    x = torch.linspace(-12, 12, 20001, dtype=torch.float64)
    weight = torch.exp(-x.square() / 2)
    return silu(values) * ((silu(x).square() * weight).sum() / weight.sum()).rsqrt()


def radial_weights(radial, config, d, senders):
    n, x, p = torch.arange(1, config.functions + 1, dtype=torch.float64), d / config.cutoff, config.power
    envelope = 1 - (p + 1) * (p + 2) / 2 * x**p + p * (p + 2) * x ** (p + 1) - p * (p + 1) / 2 * x ** (p + 2)
    w = envelope * (2 / config.cutoff) ** 0.5 * torch.sin(n * torch.pi * x) / d
    if config.radial is None:
        return torch.einsum("en,enk->ek", w, radial.weight[senders]) / config.functions**0.5
    *hidden, last = radial.perceptron.weights
    for matrix in hidden:
        w = normalized_silu(w @ matrix / len(matrix) ** 0.5)
    return w @ last / len(last) ** 0.5


def transcribed(model, graph):
    """The published equations: states of edges, dense couplings of e3nn, dictionaries of irreps."""
    config = model.config
    vectors = graph.positions[graph.receivers] - graph.positions[graph.senders]
    d = vectors.norm(dim=1)[:, None]
    y = [
        e3nn.o3.spherical_harmonics(degree, vectors, normalize=True, normalization="component")
        for degree in range(config.max_degree + 1)
    ]
    species = torch.tensor([{1: 0, 8: 1}[int(z)] for z in graph.atomic_numbers])
    h = {(0, 1): model.embedding.weight[species][:, :, None]}
    energies = torch.tensor(list(ISOLATED.values()), dtype=torch.float64)[species]
    for t, (layer, readout) in enumerate(zip(model.layers, model.readouts, strict=True)):
        w = radial_weights(layer.radial, config, d, species[graph.senders])
        up = mixed(layer.message.up, h)
        messages: dict = {}
        keep = {(b.irrep.degree, b.irrep.parity) for b in layer.out}
        for key in sorted(keep, key=lambda k: (k[0], k[1] != (-1) ** k[0])):
            for (l1, p1), value in up.items():
                for l2 in range(config.max_degree + 1):
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
        m = {key: value / config.neighbors for key, value in m.items()}
        if t == 0:
            h = mixed(layer.update, m, species)
        else:
            own = mixed(layer.update.linear, h, species)
            h = {key: value + own.get(key, 0) for key, value in m.items()}
        if t < config.layers - 1:
            energies = energies + mixed(readout, h)[0, 1].flatten()
        else:
            hidden = {(0, 1): normalized_silu(mixed(readout.first, h)[0, 1])}
            energies = energies + mixed(readout.last, hidden)[0, 1].flatten()
    return energies


def test_it_computes_the_published_equations(model):
    graph = molecules()
    with torch.no_grad():
        found, wanted = model(graph), transcribed(model, graph)
    torch.testing.assert_close(found["energies"], wanted, rtol=0, atol=1e-11)
    totals = torch.stack([wanted[:3].sum(), wanted[3:].sum()])
    torch.testing.assert_close(found["energy"], totals, rtol=0, atol=1e-11)


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
