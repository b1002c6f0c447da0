"""Parts of published equations, written out densely: dictionaries of irreps, couplings of e3nn, sums by edge.

Features are `{(degree, parity): (nodes, channels, 2 degree + 1)}`.
"""

import e3nn.o3
import torch
from torch.nn.functional import silu

from cartesian.nn.data import batch, to_graph


def molecules():
    """Two molecules of hydrogen and oxygen."""
    torch.manual_seed(1)
    parts = [(1.3 * torch.rand(n, 3), [1, 8, 1, 1, 8][:n]) for n in (3, 5)]
    return batch([to_graph(positions, z, 3.0, dtype=torch.float64) for positions, z in parts])


def geometry(graph, max_degree):
    """Lengths `(edges, 1)` and harmonics of the edges by degree, and the species of the atoms."""
    vectors = graph.positions[graph.receivers] - graph.positions[graph.senders]
    y = [
        e3nn.o3.spherical_harmonics(degree, vectors, normalize=True, normalization="component")
        for degree in range(max_degree + 1)
    ]
    species = torch.tensor([{1: 0, 8: 1}[int(z)] for z in graph.atomic_numbers])
    return vectors.norm(dim=1)[:, None], y, species


def mixed(layer, x, species=None):
    """A linear map, e3nn's normalisation."""
    out: dict = {}
    weight = layer.weight if species is None else layer.weight[species]
    for part in sorted(layer.mixings, key=lambda part: part.target):
        irrep = layer.out[part.target].irrep
        key = irrep.degree, irrep.parity
        matrix = weight[..., part.weights].unflatten(-1, part.shape) / part.shape[0] ** 0.5
        formula = "ncm,cd->ndm" if species is None else "ncm,ncd->ndm"
        out.setdefault(key, []).append(torch.einsum(formula, x[key], matrix))
    return {key: torch.cat(values, 1) for key, values in out.items()}


def normalized(values, function=silu):
    """A function divided by the root of its second moment."""
    x = torch.linspace(-12, 12, 20001, dtype=torch.float64)
    weight = torch.exp(-x.square() / 2)
    return function(values) * ((function(x).square() * weight).sum() / weight.sum()).rsqrt()


def radial_weights(radial, config, d, senders=None):
    """Of a network of Bessel functions with the envelope, or of a table for the species of the senders."""
    x, p = d / config.cutoff, config.power
    waves = torch.arange(1, config.functions + 1, dtype=torch.float64) * torch.pi / config.cutoff
    waves = dict(radial.named_parameters()).get("basis.frequencies", waves)
    envelope = 1 - (p + 1) * (p + 2) / 2 * x**p + p * (p + 2) * x ** (p + 1) - p * (p + 1) / 2 * x ** (p + 2)
    w = envelope * (2 / config.cutoff) ** 0.5 * torch.sin(waves * d) / d
    if config.radial is None:
        return torch.einsum("en,enk->ek", w, radial.weight[senders]) / config.functions**0.5
    *hidden, last = radial.perceptron.weights
    for matrix in hidden:
        w = normalized(w @ matrix / len(matrix) ** 0.5)
    return w @ last / len(last) ** 0.5


def coupling(l1, l2, l3):
    """Component normalisation."""
    return (2 * l3 + 1) ** 0.5 * e3nn.o3.wigner_3j(l1, l2, l3, dtype=torch.float64)


def order(key):
    """By degree, natural parity before the other."""
    degree, parity = key
    return degree, parity != (-1) ** degree


def messages(graph, x, y, w, kept):
    """Sums over neighbours of products with harmonics, all paths into what is kept side by side."""
    found: dict = {}
    for key in sorted(kept, key=order):
        for (l1, p1), value in sorted(x.items(), key=lambda item: order(item[0])):
            for l2 in range(len(y)):
                if not abs(l1 - l2) <= key[0] <= l1 + l2 or p1 * (-1) ** l2 != key[1]:
                    continue
                own, w = w[:, : value.shape[1]], w[:, value.shape[1] :]
                table = coupling(l1, l2, key[0])
                edges = torch.einsum("abm,eca,eb,ec->ecm", table, value[graph.senders], y[l2], own)
                sums = edges.new_zeros(graph.nodes, *edges.shape[1:])
                found.setdefault(key, []).append(sums.index_add(0, graph.receivers, edges))
    assert w.shape[1] == 0
    return {key: torch.cat(value, 1) for key, value in found.items()}


def assert_written_out(model, energies):
    """Check energies of atoms, and of both molecules, against those of the published equations."""
    graph = molecules()
    with torch.no_grad():
        found, wanted = model(graph), energies(model, graph)
    torch.testing.assert_close(found["energies"], wanted, rtol=0, atol=1e-11)
    totals = torch.stack([wanted[:3].sum(), wanted[3:].sum()])
    torch.testing.assert_close(found["energy"], totals, rtol=0, atol=1e-11)
