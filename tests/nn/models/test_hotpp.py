"""HotPP against its equations written out with full tensors on edges, its published sizes, and the laws."""

import json
from dataclasses import asdict, replace
from itertools import product

import e3nn.o3
import pytest
import torch
from torch.nn.functional import silu

from cartesian.nn import testing
from cartesian.nn.data import batch, to_graph
from cartesian.nn.heads import Potential
from cartesian.nn.models.hotpp import PUBLISHED, HotPP, HotPPConfig
from cartesian.testing.arguments import Full

SMALL = HotPPConfig(
    ("H", "O"),
    cutoff=3.0,
    layers=3,
    channels=3,
    functions=4,
    radial=(6, 5, 4),
    neighbors=3.0,
    scale=2.0,
    targets=("dipole", "polarizability"),
)
VARIANTS = {
    "published": {},
    "envelope first": {"envelope": "first"},
    "a filter for each path": {"sharing": "path"},
    "products": {"factors": 3},
    "tanh": {"gate": "tanh"},
    "jilu": {"gate": "jilu"},
    "relu": {"gate": "relu"},
    "rank 3": {"rank": 3, "edge_rank": 3, "layers": 2},
    "few powers": {"rank": 2, "edge_rank": 1},
    "irreducible": {"project": "irreducible"},
}
GATES = {
    "silu": (torch.sigmoid, torch.sigmoid),
    "jilu": (torch.sigmoid, torch.tanh),
    "tanh": (lambda s: torch.tanh(s) / s, lambda s: torch.tanh(s) / s),
    "relu": (lambda s: (s > 0).double(), lambda s: (s > 0).double()),
}


def made(**changes):
    """A small model in which no weight has the value it starts from."""
    torch.manual_seed(0)
    model = HotPP(replace(SMALL, **changes)).double().eval()
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return model


def molecules():
    torch.manual_seed(1)
    parts = [(1.3 * torch.rand(n, 3), [1, 8, 1, 1, 8][:n]) for n in (3, 5)]
    return batch([to_graph(positions, z, 3.0, dtype=torch.float64) for positions, z in parts])


def normalized_silu(values):
    x = torch.linspace(-12, 12, 20001, dtype=torch.float64)
    weight = torch.exp(-x.square() / 2)
    return silu(values) * float(((silu(x).square() * weight).sum() / weight.sum()).rsqrt())


def linear(layer, x):
    """One linear map on the channels of `(nodes, channels, 3, ..., 3)`."""
    (weight,) = layer.weights
    y = torch.einsum("nc...,cd->nd...", x, weight / len(weight) ** 0.5)
    return y + layer.biases[0] if len(layer.biases) else y


def ranked(layer, rank, x):
    """The linear map of one rank."""
    weight = layer.weight[sum(layer.inputs[:rank]) :][: layer.inputs[rank]]
    y = torch.einsum("nc...,cd->nd...", x, weight / len(weight) ** 0.5)
    return y if rank else y + layer.bias


def gated(layer, x, gate):
    """The tensor activation, of tensors with their squared Frobenius norm."""
    extra = [1] * (x.ndim - 2)
    invariant = x.square().flatten(2).sum(2) if extra else x
    values = gate(layer.weight * invariant + layer.bias)
    return layer.factor * values.reshape(*values.shape, *extra) * x


def envelope(d, config):
    x, p = d / config.cutoff, config.power
    return 1 - (p + 1) * (p + 2) / 2 * x**p + p * (p + 2) * x ** (p + 1) - p * (p + 1) / 2 * x ** (p + 2)


def filters(layer, d, config):
    """One filter after the other, `(edges, channels)` each; the radial network layer by layer."""
    w = layer.basis.frequencies
    x = torch.sin(w * d) / (w * d)
    if config.envelope == "first":
        x = x * envelope(d, config)
    for weight, bias in zip(layer.inner.weights, layer.inner.biases, strict=True):
        x = normalized_silu(x @ (weight / len(weight) ** 0.5) + bias)
    x = linear(layer.last, x)
    (weight,), (bias,) = layer.filters.weights, layer.filters.biases
    for own, shift in zip(weight.split(config.channels, 1), bias.split(config.channels), strict=True):
        f = x @ (own / len(weight) ** 0.5) + shift
        yield f if config.envelope == "first" else f * envelope(d, config)


def contract(left, right, pairs):
    """The last indices of the left with the first of the right, in order; both `(rows, channels, 3, ...)`."""
    a, b = "abdfg"[: left.ndim - 2], "hijkl"[: right.ndim - 2]
    a = a[: len(a) - pairs] + b[:pairs]
    free = a[: len(a) - pairs] + b[pairs:]
    return torch.einsum(f"nc{a},nc{b}->nc{free}", left, right)


def products(tensors, config):
    """Products of up to `factors` tensors, those of one rank side by side."""
    every = {o: [x] for o, x in tensors.items()}
    last = every
    for _ in range(config.factors - 1):
        new: dict = {o: [] for o in tensors}
        for o3, o2, o1 in product(tensors, tensors, tensors):
            z, odd = divmod(o1 + o2 - o3, 2)
            if o1 <= o2 and not odd and 0 <= z <= o1:
                new[o3] += [contract(x, tensors[o2], z) for x in last[o1]]
        last = new
        every = {o: every[o] + new[o] for o in every}
    return {o: torch.cat(values, 1) for o, values in every.items()}


def transcribed(model, graph):
    """The published equations: tensors on edges, one contraction after the other."""
    config, (gate0, gate) = model.config, GATES[model.config.gate]
    vectors = graph.vectors
    d = vectors.norm(dim=1)[:, None]
    u = vectors / d
    powers = [torch.ones_like(d)]
    for _ in range(config.edge_rank):
        powers.append(torch.einsum("e...,ea->e...a", powers[-1], u))
    powers = [power.reshape(len(d), 1, *[3] * r) for r, power in enumerate(powers)]
    species = torch.tensor([{1: 0, 8: 1}[int(z)] for z in graph.atomic_numbers])
    h = {0: model.embedding.weight[species]}
    for layer in model.layers:
        m, f = layer.message, list(filters(layer.filters, d, config))
        out, number = len(m.mix.inputs), 0
        sums: dict = {}
        up = {i: ranked(m.up, i, x) for i, x in h.items()}
        for o, r, i in product(range(out), range(config.edge_rank + 1), h):
            z, odd = divmod(i + r - o, 2)
            if odd or not 0 <= z <= min(i, r):
                continue
            own = f[r] if config.sharing == "rank" else f[number]
            number += 1
            edges = contract(up[i][graph.senders], powers[r].to(d).expand(-1, config.channels, *[3] * r), z)
            edges = edges * own.reshape(*own.shape, *[1] * o)
            old = sums.get(o, edges.new_zeros(graph.nodes, *edges.shape[1:]))
            sums[o] = old.index_add(0, graph.receivers, edges)
        sums = products({o: x / config.neighbors for o, x in sums.items()}, config)
        new = {o: ranked(m.mix, o, x) for o, x in sums.items()}
        new = {o: gated(layer.gate.ranks[o], x, gate if o else gate0) for o, x in new.items()}
        h = {o: x + h[o] if o in h else x for o, x in new.items()}

    def read(branch, x):
        first, middle, last = branch
        return linear(last, gated(middle, linear(first, x), torch.sigmoid))[:, 0]

    results = {}
    if model.readout is not None:
        results["energies"] = config.scale * read(model.readout.branches["0"], h[0])
    if "dipole" in model.readouts:
        results["dipole"] = graph.sum_systems(read(model.readouts["dipole"].branches["1"], h[1]))
    if "polarizability" in model.readouts:
        branches = model.readouts["polarizability"].branches
        matrices = read(branches["2"], h[2])
        # The scalar is the coefficient of the normalised identity.
        scalars = read(branches["0"], h[0])[:, None, None] * torch.eye(3, dtype=d.dtype) / 3**0.5
        results["polarizability"] = graph.sum_systems(scalars + (matrices + matrices.mT) / 2)
    return results


def mixed(layer, x):
    """A linear map of {degree: (nodes, channels, 2l+1)}."""
    out = {}
    for part in layer.mixings:
        degree = layer.out[part.target].irrep.degree
        matrix = layer.weight[part.weights].unflatten(0, part.shape) / part.shape[0] ** 0.5
        out[degree] = torch.einsum("ncm,cd->ndm", x[degree], matrix)
    if layer.bias is not None:
        out[0] = out[0] + layer.bias[:, None]
    return out


def norm_gated(layer, x):
    """Scalars through SiLU, tensors scaled by the logistic function of their squared norm."""
    weights, biases = layer.weight, layer.bias
    out = {0: layer.factors[0] * silu(x[0])}
    for degree in range(1, len(x)):
        count = x[degree].shape[1]
        norms = weights[:count] * x[degree].square().sum(2) + biases[:count]
        out[degree] = layer.factors[degree] * torch.sigmoid(norms)[..., None] * x[degree]
        weights, biases = weights[count:], biases[count:]
    return out


def transcribed_irreducible(model, graph):
    """The same with trace-free tensors, coupled by the tables of e3nn, one filter for each path."""
    config, vectors = model.config, graph.vectors
    d = vectors.norm(dim=1)[:, None]
    y = [
        e3nn.o3.spherical_harmonics(degree, vectors, normalize=True, normalization="component")
        for degree in range(config.edge_rank + 1)
    ]
    species = torch.tensor([{1: 0, 8: 1}[int(z)] for z in graph.atomic_numbers])
    h = {0: model.embedding.weight[species][:, :, None]}
    for layer in model.layers:
        f, up = filters(layer.filters, d, config), mixed(layer.message.up, h)
        sums: dict = {}
        for l3, l1, l2 in product(range(len(layer.message.out)), h, range(config.edge_rank + 1)):
            if not abs(l1 - l2) <= l3 <= l1 + l2 or (l1 + l2 + l3) % 2:
                continue
            table = (2 * l3 + 1) ** 0.5 * e3nn.o3.wigner_3j(l1, l2, l3, dtype=torch.float64)
            edges = torch.einsum("abm,eca,eb,ec->ecm", table, up[l1][graph.senders], y[l2], next(f))
            old = sums.get(l3, edges.new_zeros(graph.nodes, *edges.shape[1:]))
            sums[l3] = old.index_add(0, graph.receivers, edges)
        m = mixed(layer.message.mix, {degree: x / config.neighbors for degree, x in sums.items()})
        h = {degree: x + h.get(degree, 0) for degree, x in norm_gated(layer.gate, m).items()}

    hidden = {0: 1.6765324703310907 * silu(mixed(model.readout.first, h)[0])}
    energies = config.scale * mixed(model.readout.last, hidden)[0].flatten()
    branch = model.readouts["dipole"]
    (vector,) = mixed(branch.first, h).values()
    gates = torch.sigmoid(branch.gate.weight * vector.square().sum(2) + branch.gate.bias)[..., None]
    (dipoles,) = mixed(branch.last, {1: branch.gate.factors[0] * gates * vector}).values()
    return {"energies": energies, "dipole": graph.sum_systems(dipoles[:, 0])}


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_computes_the_published_equations(variant):
    model, graph = made(**VARIANTS[variant]), molecules()
    write = transcribed_irreducible if variant == "irreducible" else transcribed
    with torch.no_grad():
        found, wanted = model(graph), write(model, graph)
    for name, value in wanted.items():
        torch.testing.assert_close(
            found[name], value, rtol=1e-12, atol=1e-12 * (1 + float(value.abs().max()))
        )
    torch.testing.assert_close(found["energy"], graph.sum_systems(found["energies"]), rtol=0, atol=0)


def test_published_settings_have_the_published_number_of_parameters():
    counts = {name: sum(p.numel() for p in HotPP(config).parameters()) for name, config in PUBLISHED.items()}
    assert counts == {"carbon": 220_521, "water dipole": 178_336, "water polarizability": 186_913}


@pytest.mark.parametrize("variant", ["published", "products", "irreducible", "rank 3"])
def test_it_obeys_the_laws_of_potentials(variant):
    model = Potential(made(**VARIANTS[variant])).eval()
    testing.assert_potential(model, [1, 8], 3.0, reach=9.0, examples=1 + (variant == "published"))


def test_with_the_envelope_first_neighbours_come_with_a_jump():
    model = Potential(made(envelope="first")).eval()
    with pytest.raises(AssertionError, match=r"energy deviates by .* as an atom crosses the cutoff"):
        testing.assert_smooth(model, [1, 8], 3.0)
    testing.assert_euclidean(model, [1, 8], 3.0, examples=1)


@pytest.mark.parametrize("project", ["none", "irreducible"])
def test_tensors_of_any_symmetry_are_read_out(project):
    """Every target transforms as its indices say, under reflections too."""
    targets: tuple = (
        "dipole",
        "hyperpolarizability",
        {"name": "stress_of_atoms", "formula": "ij=ji", "pool": "none"},
    )
    if project == "none":
        targets += ("shielding", {"name": "spin", "formula": "ij=-ji"})
    model = made(project=project, rank=3, edge_rank=2, layers=2, targets=targets)
    outputs = {
        "energy": ("system", Full(0)),
        "dipole": ("system", Full(1)),
        "hyperpolarizability": ("system", Full(3)),
        "stress_of_atoms": ("atom", Full(2)),
        "shielding": ("atom", Full(2)),
        "spin": ("system", Full(2)),
    }
    testing.assert_euclidean(model, [1, 8], 3.0, outputs=outputs, examples=3)
    with torch.no_grad():
        results = model(molecules())
    assert all(float(value.abs().max()) > 1e-6 for value in results.values())
    assert len(results) == 2 + len(targets)


def test_without_an_energy_there_are_the_targets_alone():
    model = made(energy=False)
    assert list(model(molecules())) == ["dipole", "polarizability"]
    assert model.readout is None


@pytest.mark.parametrize("project", ["none", "irreducible"])
def test_filters_are_interpolated_with_a_small_error(project):
    exact, close = (Potential(made(project=project, knots=knots)).eval() for knots in (0, 128))
    graph = molecules()
    wanted, found = exact(graph), close(graph)
    for name in ("energy", "forces", "dipole", "polarizability"):
        difference = float((found[name] - wanted[name]).abs().max())
        assert 0 < difference < 1e-4 * (1 + float(wanted[name].abs().max()))
    testing.assert_conservative(close, [1, 8], 3.0, examples=1)
    testing.assert_smooth(close, [1, 8], 3.0, examples=1)


def test_second_derivatives_of_all_results_are_right():
    torch.manual_seed(0)
    model = HotPP(replace(SMALL, layers=2, channels=1)).double()
    graph = to_graph(1.3 * torch.rand(3, 3), [1, 8, 1], 3.0, dtype=torch.float64)

    def results(positions):
        found = model(graph.replace(positions=positions))
        return found["energy"], found["dipole"], found["polarizability"]

    assert torch.autograd.gradgradcheck(results, graph.positions.requires_grad_())


def test_every_parameter_is_trained_by_energies_forces_and_tensors():
    model = Potential(made()).train()
    results = model(molecules())
    sum(results[name].square().sum() for name in ("energy", "forces", "dipole", "polarizability")).backward()
    assert all(p.grad is not None and float(p.grad.abs().max()) > 0 for p in model.parameters())


def test_float32_gives_the_numbers_of_float64():
    torch.manual_seed(0)
    model, graph = Potential(HotPP(SMALL)).eval(), molecules()
    rounded = model(graph.to(dtype=torch.float32))
    exact = model.double()(graph)
    assert rounded["forces"].dtype == torch.float32
    for name in ("energy", "forces", "dipole", "polarizability"):
        assert torch.allclose(rounded[name].double(), exact[name], atol=1e-5, rtol=1e-5)


def test_settings_survive_json():
    for config in (SMALL, *PUBLISHED.values()):
        read = HotPPConfig(**json.loads(json.dumps(asdict(config))))
        assert [p.shape for p in HotPP(read).parameters()] == [p.shape for p in HotPP(config).parameters()]


def test_what_it_cannot_do_is_said():
    with pytest.raises(ValueError, match="gate is one of silu, jilu, tanh, relu, not 'gelu'"):
        HotPPConfig(["H"], gate="gelu")
    with pytest.raises(ValueError, match="products of messages are made of all components"):
        HotPPConfig(["H"], project="irreducible", factors=2)
    with pytest.raises(
        ValueError, match=r"2x0e\+2x2e\+1x4e is read from tensors of rank 4, .* end with rank 2"
    ):
        HotPP(HotPPConfig(["H"], targets=("stiffness",)))
    with pytest.raises(ValueError, match="at least one layer, not 0"):
        HotPPConfig(["H"], layers=0)


@pytest.mark.parametrize("variant", ["products", "interpolated"])
def test_it_can_be_exported(variant):
    model = made(**({"knots": 64} if variant == "interpolated" else VARIANTS[variant]))
    graph = molecules()
    exported = torch.export.export(model, (graph,), strict=False).module()
    found, wanted = exported(graph), model(graph)
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, rtol=1e-12, atol=1e-12)


def test_without_an_energy_there_is_no_repulsion():
    with pytest.raises(ValueError, match="a repulsion is part of the energy, which this model does not tell"):
        made(energy=False, repulsion=True)
