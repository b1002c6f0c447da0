"""EquiREANN against the published recursion of edge states, its size, the laws, and what REANN cannot see."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import layer_norm

from cartesian.nn import testing
from cartesian.nn.data import batch, to_graph
from cartesian.nn.heads import Potential
from cartesian.nn.models.equireann import PUBLISHED, EquiREANN, EquiREANNConfig

SMALL = EquiREANNConfig(
    ("H", "O"),
    cutoff=3.0,
    waves=3,
    orbitals=5,
    iterations=2,
    hidden=(6, 7),
    coefficients_hidden=(5,),
    neighbors=4.0,
)
TARGETS = ("dipole", "polarizability")


def trained(config, seed=0):
    """A model in float64 whose weights are not those of the start, of which many are zero."""
    torch.manual_seed(seed)
    model = EquiREANN(config).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def molecules(seed=1, sizes=(3, 5)):
    torch.manual_seed(seed)
    parts = [(1.4 * torch.rand(n, 3), [1, 8, 1, 1, 8][:n]) for n in sizes]
    return batch([to_graph(positions, z, 3.0, dtype=torch.float64) for positions, z in parts])


def network(module, x, species):
    """The network of each atom's element, atom by atom."""

    def stages(parts, row, z):
        for part in parts:
            kind = type(part).__name__
            if kind == "SpeciesActivation":
                inner = part.slopes[z] * row
                row = part.amplitudes[z] * inner / (1 + torch.exp(-inner))
            elif kind == "SpeciesLayerNorm":
                row = layer_norm(row, row.shape) * part.weight[z] + part.bias[z]
            else:
                row = row @ part.weight[:, z] + part.bias[z]
        return row

    rows = []
    for row, z in zip(x, species.tolist(), strict=True):
        row = row @ module.first.weight[:, z] + module.first.bias[z]
        for block in module.blocks:
            row = row + stages(block.parts, row, z)
        rows.append(stages(module.last.parts, row, z))
    return torch.stack(rows)


def transcribed(model, graph):
    """The published recursion: a state of every edge, and all 3ⁿ components of every power."""
    config, n = model.config, graph.nodes
    species = torch.tensor([{1: 0, 8: 1}[int(z)] for z in graph.atomic_numbers])
    r = graph.vectors
    d = r.norm(dim=1)
    fc = (0.5 * torch.cos(torch.pi * d / config.cutoff) + 0.5) ** 2
    power, ranked = torch.ones(len(r), 1, dtype=r.dtype), []
    for _ in range(config.max_rank + 1):
        ranked.append(power)
        power = torch.einsum("ea,eb->eab", power, r).flatten(1)
    rank = torch.cat([torch.full((p.shape[1],), k) for k, p in enumerate(ranked)])
    j = species[graph.senders]
    alpha, s = model.radial.exponents[j], model.radial.centres[j]
    phi = torch.einsum("ea,ew->eaw", torch.cat(ranked, 1), torch.exp(-alpha * (d[:, None] - s) ** 2))
    phi = phi * fc[:, None, None]
    x, p = (d / config.cutoff).clamp(max=1), config.power
    if p:
        fc = 1 - (p + 1) * (p + 2) / 2 * x**p + p * (p + 2) * x ** (p + 1) - p * (p + 1) / 2 * x ** (p + 2)
    c = model.coefficients[species]
    for t in range(config.iterations + 1):
        messages = torch.einsum("eaw,ew->eaw", phi, c[graph.senders])
        W = messages.new_zeros(n, *messages.shape[1:]).index_add(0, graph.receivers, messages)
        gamma = model.densities[0 if config.shared else t].weight[rank]
        rho = torch.einsum("naw,awm->nam", W, gamma).square().sum(1)
        if config.standardize:
            standard = model.standards[t]
            rho = (rho - standard.means[species]) / standard.deviations[species]
        if t < config.iterations:
            c = c + network(model.updates[t], rho, species)
            if config.equivariant:
                phi = phi + fc[:, None, None] * W[graph.senders]
    energies = network(model.values, rho, species)[:, 0]
    return energies, W, rho


@settings(max_examples=8, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.booleans(),
    st.booleans(),
    st.integers(0, 3),
    st.integers(0, 2),
    st.integers(0, 3),
    st.sampled_from([0, 3, 12]),
    st.booleans(),
)
def test_no_state_of_edges_is_needed(
    seed, equivariant, shared, iterations, blocks, max_rank, power, standardize
):
    config = replace(
        SMALL,
        equivariant=equivariant,
        shared=shared,
        iterations=iterations,
        blocks=blocks,
        max_rank=max_rank,
        power=power,
        standardize=standardize,
    )
    model, graph = trained(config, seed % 97), molecules(seed)
    with torch.no_grad():
        found, (wanted, _, _) = model(graph)["energies"], transcribed(model, graph)
    assert (found - wanted).abs().max() < 1e-13 * (1 + wanted.abs().max())


def test_settled_networks_see_densities_of_mean_zero_and_deviation_one():
    model, graph = trained(replace(SMALL, standardize=True)), molecules(sizes=(5, 5, 5))
    model.settle(graph)
    seen = []
    for network in (*model.updates, model.values):
        network.register_forward_pre_hook(lambda *called: seen.append(called[1][0]))
    with torch.no_grad():
        model(graph)
    assert len(seen) == SMALL.iterations + 1
    for density in seen:
        for z in (1, 8):
            part = density[graph.atomic_numbers == z]
            assert part.mean(0).abs().max() < 1e-10
            assert torch.allclose(part.std(0, correction=0), torch.ones(5).double(), rtol=1e-10)
    plain = trained(SMALL)
    before = plain(graph)["energies"]
    plain.settle(graph)
    assert torch.equal(plain(graph)["energies"], before)


def test_densities_are_those_of_the_edge_states():
    model, graph = trained(replace(SMALL, max_rank=3)), molecules()
    kept = []
    model.densities[-1].register_forward_hook(lambda *called: kept.append(called[-1]))
    with torch.no_grad():
        model(graph)
        _, orbitals, wanted = transcribed(model, graph)
    assert torch.allclose(kept[0], wanted, rtol=1e-13, atol=0)
    assert orbitals.shape[1] == 1 + 3 + 9 + 27
    assert model.message.irreps.dim == 3 * (1 + 3 + 6 + 10)


def test_published_settings_have_the_published_number_of_parameters():
    counts = {
        name: sum(p.numel() for p in EquiREANN(config).parameters()) for name, config in PUBLISHED.items()
    }
    assert counts["default"] == 298_275
    species, waves, orbitals, width, iterations = 3, 7, 84, 64, 3
    stage = 2 * width + 2 * width + width * width + width

    def one_network(outputs):
        return orbitals * width + width + 2 * stage + 2 * width + width * outputs + outputs

    networks = iterations * one_network(waves) + one_network(1)
    wanted = 3 * species * waves + (iterations + 1) * 3 * waves * orbitals + species * networks
    assert counts["CO2/Ni(100)"] == wanted


@pytest.mark.parametrize(
    "options",
    [{}, {"equivariant": False, "shared": True}, {"power": 6, "standardize": True}],
    ids=["EquiREANN", "REANN", "power"],
)
def test_it_obeys_the_laws_of_potentials(options):
    model = Potential(trained(replace(SMALL, targets=TARGETS, **options)))
    testing.assert_potential(model, [1, 8], 3.0, reach=9.0, examples=2)


def test_any_tensor_that_orbitals_hold_is_a_target():
    octupole = {"name": "octupole", "formula": "ijk=jik=ikj", "pool": "none"}
    model = trained(replace(SMALL, max_rank=3, targets=(octupole,)))
    found = model(molecules())["octupole"]
    assert found.shape == (8, 3, 3, 3)
    assert found.abs().max() > 1e-6
    with pytest.raises(ValueError, match="cannot give 3o"):
        EquiREANN(replace(SMALL, targets=(octupole,)))
    with pytest.raises(ValueError, match="cannot give 1e"):
        EquiREANN(replace(SMALL, targets=({"name": "gyration", "formula": "i", "axial": True},)))


def cumulene(angle, carbons=5):
    """Carbons in a row along z with two hydrogens at each end, one end turned by an angle."""
    chain = torch.stack([torch.tensor([0.0, 0.0, 1.3 * k]) for k in range(carbons)]).double()

    def end(at, outwards, turn):
        angles = torch.tensor([turn, turn + torch.pi], dtype=torch.float64)
        x, y = 0.93 * angles.cos(), 0.93 * angles.sin()
        return torch.stack([x, y, torch.full_like(x, at + 0.55 * outwards)], dim=1)

    positions = torch.cat([chain, end(0.0, -1, 0.0), end(1.3 * (carbons - 1), 1, angle)])
    return to_graph(positions, [6] * carbons + [1] * 4, 2.0, dtype=torch.float64)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 99), st.floats(0.3, 1.2), st.integers(4, 5))
def test_the_twist_of_a_cumulene_is_seen_by_equivariant_messages_alone(seed, angle, carbons):
    config = EquiREANNConfig(("H", "C"), cutoff=2.0, waves=3, iterations=4, hidden=(8, 8), neighbors=4.0)
    seen, blind = trained(config, seed), trained(replace(config, equivariant=False), seed)
    with torch.no_grad():
        for model, is_blind in ((seen, False), (blind, True)):
            flat, turned = (model(cumulene(a, carbons))["energy"] for a in (0.0, angle))
            assert ((flat - turned).abs() < 1e-13 * (1 + flat.abs())) == is_blind


def test_the_twist_pulls_at_the_hydrogens():
    model = trained(EquiREANNConfig(("H", "C"), cutoff=2.0, waves=3, iterations=4, hidden=(8, 8)))
    angle = torch.tensor(0.5, dtype=torch.float64)
    positions = cumulene(float(angle)).positions
    forces = Potential(model).eval()(cumulene(float(angle)))["forces"]
    tangents = torch.linalg.cross(torch.tensor([[0.0, 0, 1]], dtype=torch.float64), positions)
    assert (forces * tangents)[-2:].sum().abs() > 1e-9


def test_second_derivatives_of_the_energy_are_right():
    model, graph = trained(replace(SMALL, orbitals=3)), molecules(2, (3,))

    def energy(positions):
        return model(graph.replace(positions=positions))["energy"]

    positions = graph.positions.requires_grad_()
    assert torch.autograd.gradgradcheck(energy, positions)


def test_training_on_forces_reaches_every_parameter():
    model = Potential(trained(replace(SMALL, targets=TARGETS))).train()
    results = model(molecules())
    sum(results[name].square().sum() for name in ("energy", "forces", *TARGETS)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_float32_gives_the_numbers_of_float64():
    model, graph = trained(replace(SMALL, targets=TARGETS)), molecules()
    exact = Potential(model).eval()(graph)
    rounded = Potential(model.float()).eval()(graph.to(dtype=torch.float32))
    for name in ("energy", "forces", *TARGETS):
        assert torch.allclose(rounded[name].double(), exact[name], rtol=1e-4, atol=1e-4)


def test_it_can_be_exported():
    model, graph = trained(replace(SMALL, iterations=1, blocks=0, targets=TARGETS)), molecules()
    program = torch.export.export(model, (graph,))
    found, wanted = program.module()(graph), model(graph)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_settings_that_make_no_model_are_refused():
    with pytest.raises(ValueError, match=r"positive number of neighbours, not max_rank=2, .*neighbors=0"):
        replace(SMALL, neighbors=0.0)
    with pytest.raises(ValueError, match=r"at least one hidden layer, not \[5, 1\] for 2 species"):
        EquiREANN(replace(SMALL, hidden=()))
