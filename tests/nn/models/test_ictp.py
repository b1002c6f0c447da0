"""ICTP against its equations on full tensors 3×…×3, its published size, and the laws."""

import math
from dataclasses import replace
from functools import cache, partial
from itertools import permutations

import e3nn.o3
import numpy as np
import pytest
import torch

from cartesian.nn import testing
from cartesian.nn.data import to_graph
from cartesian.nn.heads import Potential
from cartesian.nn.layers.basis import ProductBasis
from cartesian.nn.layers.latent_products import LatentProducts
from cartesian.nn.models.ictp import ICTP, PUBLISHED, ICTPConfig
from cartesian.ops.storage import to_full
from cartesian.programs.slots import slot_matrix, slots
from cartesian.symbolic.trees import trees
from tests.nn.models.equations import assert_written_out, mixed, normalized, radial_weights

SMALL = ICTPConfig(
    ("H", "O"),
    cutoff=3.0,
    channels=2,
    max_degree=1,
    edge_degree=2,
    products="full",
    functions=4,
    radial=(8,),
    readout=4,
    neighbors=3.0,
    scale=0.7,
    isolated={"H": -13.6, "O": -2042.0},
)
VARIANTS = {
    "full": SMALL,
    "sym": replace(SMALL, products="sym", correlation=2, max_degree=2),
    "latent": replace(SMALL, products="sym", latent=3),
    "latent full": replace(SMALL, latent=3, correlation=2),
}


def made(config):
    torch.manual_seed(0)
    return ICTP(config).double().eval()


def published_product(a, b, degree):
    r"""$(A \circ B)_{l_3}$ without $\varepsilon$, where $T_{l_1}(u) \circ T_{l_2}(u) = T_{l_3}(u)$."""
    degrees = a.ndim - 2, b.ndim - 2, degree
    q, letters = (degrees[0] + degrees[1] - degree) // 2, "abdefg"
    shared, own = letters[:q], letters[q:]
    left, right = own[: degrees[0] - q], own[degrees[0] - q : degree]
    product = torch.einsum(f"nc{left}{shared},nc{shared}{right}->nc{left}{right}", a, b)
    placements = math.comb(degree, degrees[0] - q)
    return norm(*degrees) * placements * trace_free(product)


def trace_free(x):
    """The symmetric trace-free part of (nodes, channels, 3, …), up to rank 2."""
    rank = x.ndim - 2
    x = sum(x.permute(0, 1, *(2 + i for i in p)) for p in permutations(range(rank))) / math.factorial(rank)
    if rank < 2:
        return x
    return x - torch.einsum("ncaa,bd->ncbd", x, torch.eye(3, dtype=x.dtype)) / 3


def norm(l1, l2, l3):
    def odd(n):
        return math.prod(range(n, 0, -2))

    total = l1 + l2 + l3
    j1, j2, j3 = (total - 2 * degree - 1 for degree in (l1, l2, l3))
    above = math.factorial(l1) * math.factorial(l2) * odd(2 * l3 - 1)
    above *= math.factorial((j1 + 1) // 2) * math.factorial((j2 + 1) // 2)
    return above / (math.factorial(l3) * odd(j1) * odd(j2) * odd(j3) * math.factorial(total // 2))


@cache
def ratio(l1, l2, l3):
    """Our coupling of full tensors over the published one, from what both make of one direction."""
    y = [
        e3nn.o3.spherical_harmonics(degree, torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64), False)
        for degree in (l1, l2, l3)
    ]
    table = e3nn.o3.wigner_3j(l1, l2, l3, dtype=torch.float64) * (2 * l3 + 1) ** 0.5
    ours = torch.einsum("abo,a,b,o->", table, *y) / (y[2] @ y[2])
    lengths = [math.sqrt(math.prod(range(2 * n - 1, 0, -2)) / math.factorial(n)) for n in (l1, l2, l3)]
    unit = [float(v.norm()) / length for v, length in zip(y, lengths, strict=True)]
    return float(ours) * unit[2] / (unit[0] * unit[1])


def couple(a, b, degree):
    return ratio(a.ndim - 2, b.ndim - 2, degree) * published_product(a, b, degree)


def full(values):
    """{(degree, parity): (nodes, channels, 2l+1)} to {degree: (nodes, channels, 3, …)}."""
    return {degree: to_full(value, degree) for (degree, _), value in values.items()}


def compact(values):
    """The inverse of `full`: its frames are orthonormal."""
    found = {}
    for degree, value in values.items():
        frame = to_full(torch.eye(2 * degree + 1, dtype=value.dtype), degree).reshape(2 * degree + 1, -1)
        found[degree, (-1) ** degree] = value.reshape(*value.shape[:2], -1) @ frame.T
    return found


def products(basis, config, a, species):
    chosen = partial(
        trees, ordered=config.products == "full", contractions=True, max_degree=config.edge_degree
    )
    matrix = slot_matrix(basis.power, chosen)
    factors = np.linalg.norm(basis.matrix, axis=1) / np.where(
        matrix.any(1), np.linalg.norm(matrix, axis=1), 1
    )
    out: dict = {}
    for s, tree in enumerate(slots(basis.power, chosen)):
        result = a[tree.factors[0].irrep.degree]
        for factor, partial_product in zip(tree.factors[1:], tree.partials[1:], strict=True):
            result = couple(result, a[factor.irrep.degree], partial_product.degree)
        weight = factors[s] * basis.weight[species, s]
        weighted = weight.reshape(*weight.shape, *[1] * tree.out.degree) * result
        out[tree.out.degree] = out.get(tree.out.degree, 0) + weighted
    return out


def latent_products(layer, config, a, species):
    wanted = sorted({block.irrep.degree for block in layer.out})
    power, total = {degree: [value] for degree, value in a.items()}, {d: [a[d]] for d in wanted}
    for order in range(2, config.correlation + 1):
        found: dict = {}
        for l1 in sorted(power):
            for l3 in wanted if order == config.correlation else sorted(a):
                for l2 in sorted(a):
                    possible = abs(l1 - l2) <= l3 <= l1 + l2 and (l1 + l2 + l3) % 2 == 0
                    if possible and (order > 2 or l2 <= l1 or config.products == "full"):
                        found.setdefault(l3, []).extend(couple(slot, a[l2], l3) for slot in power[l1])
        power = found
        for degree in wanted:
            total[degree] += found[degree]
    stacked = compact({degree: torch.cat(values, 1) for degree, values in total.items()})
    return full(mixed(layer.mix, stacked, species))


def transcribed(model, graph):
    """The published equations on full tensors: states of edges, products slot by slot."""
    config = model.config
    vectors = graph.positions[graph.receivers] - graph.positions[graph.senders]
    d = vectors.norm(dim=1)[:, None]
    u = vectors / d
    y: list = [torch.ones_like(d[:, :1]), u[:, None]]
    y.append(1.5 * trace_free(torch.einsum("ea,eb->eab", u, u)[:, None]))
    lengths = [1.0, 1.0, 1.5**0.5]
    y = [(2 * n + 1) ** 0.5 / lengths[n] * value for n, value in enumerate(y)]
    species = torch.tensor([{1: 0, 8: 1}[int(z)] for z in graph.atomic_numbers])
    h = {(0, 1): model.embedding.weight[species][:, :, None]}
    readings = torch.zeros(graph.nodes, dtype=torch.float64)
    for t, (layer, energy) in enumerate(zip(model.layers, model.energies, strict=True)):
        w = radial_weights(layer.radial, config, d, species[graph.senders])
        up = full(mixed(layer.message.up, h))
        messages: dict = {}
        for l3 in range(config.edge_degree + 1):
            for l1, value in sorted(up.items()):
                for l2 in range(config.edge_degree + 1):
                    if not abs(l1 - l2) <= l3 <= l1 + l2 or (l1 + l2 + l3) % 2:
                        continue
                    own, w = w[:, : value.shape[1]], w[:, value.shape[1] :]
                    tensors = y[l2].expand(-1, value.shape[1], *[3] * l2)
                    edges = couple(value[graph.senders], tensors, l3)
                    edges = own.reshape(*own.shape, *[1] * l3) * edges
                    sums = edges.new_zeros(graph.nodes, *edges.shape[1:]).index_add(0, graph.receivers, edges)
                    messages.setdefault(l3, []).append(sums / config.neighbors)
        assert w.shape[1] == 0
        messages = {degree: torch.cat(values, 1) for degree, values in messages.items()}
        a = full(mixed(layer.message.mix, compact(messages)))
        if config.latent is None:
            assert isinstance(layer.product, ProductBasis)
            p = products(layer.product, config, a, species)
        else:
            p = latent_products(layer.product, config, a, species)
        new, own = mixed(layer.linear, compact(p)), mixed(layer.update.linear, h, species)
        h = {key: value + own.get(key, 0) for key, value in new.items()}
        if t < config.layers - 1:
            readings = readings + mixed(energy, h)[0, 1].flatten()
        else:
            hidden = {(0, 1): normalized(mixed(energy.first, h)[0, 1])}
            readings = readings + mixed(energy.last, hidden)[0, 1].flatten()
    isolated = torch.tensor(list(config.isolated.values()), dtype=torch.float64)
    return config.scale * readings + isolated[species]


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_it_computes_the_published_equations(config):
    assert_written_out(made(config), transcribed)


def test_published_settings_have_the_published_number_of_parameters():
    def count(config):
        return sum(p.numel() for p in ICTP(config).parameters())

    assert [count(config) for config in PUBLISHED.values()] == [2_944_272, 2_893_072, 3_184_912]
    assert count(replace(PUBLISHED["3BPA sym+lt"], latent=32)) == 1_763_600
    assert count(replace(PUBLISHED["3BPA sym+lt"], latent=16)) == 1_357_072


@pytest.mark.parametrize("latent", [None, 2])
def test_it_obeys_the_laws_of_potentials(latent):
    config = replace(SMALL, products="independent", correlation=2, latent=latent)
    model = made(replace(config, targets=("dipole", "polarizability")))
    testing.assert_potential(Potential(model).eval(), [1, 8], 3.0, reach=6.0, examples=2)


def test_latent_products_have_as_many_slots_as_published():
    irreps = "1x0e + 1x1o + 1x2e + 1x3o"
    full_slots = LatentProducts(irreps, 3, "0e + 1o + 2e").products
    sym_slots = LatentProducts(irreps, 3, "0e + 1o + 2e", ordered=False).products
    assert [full_slots.count(irrep) for irrep in ("0e", "1o", "2e")] == [1 + 4 + 23, 1 + 6 + 36, 1 + 7 + 42]
    assert [sym_slots.count(irrep) for irrep in ("0e", "1o", "2e")] == [1 + 4 + 15, 1 + 3 + 23, 1 + 5 + 26]


def test_second_derivatives_of_the_energy_are_right():
    model = made(replace(SMALL, channels=1, edge_degree=1, latent=1, correlation=2))
    torch.manual_seed(1)
    graph = to_graph(1.3 * torch.rand(3, 3), [1, 8, 1], 3.0, dtype=torch.float64)

    def energy(positions):
        return model(graph.replace(positions=positions))["energy"]

    assert torch.autograd.gradgradcheck(energy, graph.positions.requires_grad_())


def test_settings_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="'independent', 'full' or 'sym', not 'ordered'"):
        replace(SMALL, products="ordered")
    with pytest.raises(ValueError, match=r"no product of up to 1 factors of .* contains 3o"):
        ICTP(replace(SMALL, correlation=1, targets=("hyperpolarizability",)))
    with pytest.raises(ValueError, match=r"no product of up to 1 factors of .* contains 3o"):
        ICTP(replace(SMALL, correlation=1, latent=2, targets=("hyperpolarizability",)))
    with pytest.raises(ValueError, match="must have each irrep once, all with the same number"):
        LatentProducts("2x0e + 3x1o", 2, "0e")
