"""TensorNet2 against its equations with full matrices and a loop over edges; its size, charges and laws."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import linear, silu

from cartesian.nn import testing
from cartesian.nn.data import batch, to_graph
from cartesian.nn.heads import ZBL, Potential
from cartesian.nn.layers.matrix import from_matrices
from cartesian.nn.models.tensornet2 import TensorNet2, TensorNet2Config

ELEMENTS, CUTOFF, FAR = ["H", "O"], 3.0, 4.0
SMALL = {"cutoff": CUTOFF, "channels": 4, "radial_functions": 5, "charge_channels": 3, "coulomb_cutoff": FAR}


def small(seed=0, **options):
    torch.manual_seed(seed)
    return TensorNet2(TensorNet2Config(ELEMENTS, **{**SMALL, **options})).double().eval()


def random_graph(seed, atoms=4, charge=0.0, cutoff=FAR):
    rng = np.random.default_rng(seed)
    positions = rng.uniform(0, 3.0, (atoms, 3))
    return to_graph(positions, rng.choice([1, 8], atoms), cutoff, charge=charge, dtype=torch.float64)


def split(X):
    I = X.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None] * torch.eye(3, dtype=X.dtype)
    return I, (X - X.mT) / 2, (X + X.mT) / 2 - I


def norm(X):
    return (X**2).sum((-2, -1))


def mixed(layer, parts):
    return [torch.einsum("nfab,gf->ngab", x, p.weight) for x, p in zip(parts, layer.parts, strict=True)]


def perceptron(layers, x):
    for layer in layers:
        if isinstance(layer, torch.nn.Linear):
            x = linear(x, layer.weight, layer.bias)
        elif isinstance(layer, torch.nn.LayerNorm):
            deviation = x - x.mean(-1, keepdim=True)
            x = deviation / (deviation.square().mean(-1, keepdim=True) + 1e-5).sqrt()
            x = x * layer.weight + layer.bias
        else:
            x = silu(x)
    return x


def charges_of(network, X, graph, conserve):
    I, A, S = split(X)
    n = torch.cat([I[..., 0, 0], norm(A), norm(S)], 1)
    q, f = perceptron(network, n).chunk(2, dim=1)
    shifted = q.clone()
    for system, total in enumerate(graph.charges):
        own = graph.systems == system
        squares = f[own] ** 2 + (1e-6 if conserve else 0)
        parts = squares / (squares.sum(0) + (0 if conserve else 1e-6))
        shifted[own] = q[own] + parts * (total - q[own].sum(0))
    return shifted


def coulomb(config, q, graph, weights):
    """Energy of each system, pair by pair."""
    energy, eps, far = (
        torch.zeros(len(graph.charges), dtype=q.dtype),
        config.permittivity,
        config.coulomb_cutoff,
    )
    for i in range(graph.nodes):
        for j in range(i):
            d = (graph.positions[i] - graph.positions[j]).norm()
            if graph.systems[i] != graph.systems[j]:
                continue
            if config.coulomb == "reaction field":
                if d > far:
                    continue
                v = 1 / d + d**2 / far**3 * (eps - 1) / (2 * eps + 1) - 3 * eps / (2 * eps + 1) / far
            else:
                v = 1 / d
            g = torch.exp(1 - 1 / (1 - (d / config.damping) ** 2)) if d < config.damping else 0
            energy[graph.systems[i]] += 14.399645478 * (1 - g) * v * (weights * q[i] * q[j]).sum()
    return energy


def transcribed(model, graph):
    """The published equations with 3×3 matrices `(nodes, channels, 3, 3)` and a loop over edges."""
    config, n, one = model.config, graph.nodes, torch.eye(3, dtype=torch.float64)
    c_of = lambda d: 0.5 * (torch.cos(torch.pi * d / config.cutoff) + 1)  # noqa: E731
    mu = torch.linspace(np.exp(-config.cutoff), 1, config.radial_functions, dtype=torch.float64)
    beta = (2 / config.radial_functions * (1 - np.exp(-config.cutoff))) ** -2
    pairs = [
        (int(j), int(i), v) for j, i, v in zip(graph.senders, graph.receivers, graph.vectors, strict=True)
    ]
    pairs = [(j, i, v) for j, i, v in pairs if v.norm() < config.cutoff]
    if config.self_loops:
        pairs += [(i, i, torch.zeros(3, dtype=torch.float64)) for i in range(n)]

    def radial(d):
        values = torch.exp(-beta * (torch.exp(-5 / config.cutoff * d) - mu) ** 2)
        return c_of(d) * values if config.envelope_twice else values

    embedding = model.embedding
    table, X = embedding.elements.weight, torch.zeros(n, config.channels, 3, 3, dtype=torch.float64)
    for j, i, r in pairs:
        d = r.norm()
        x, y, z = u = r / d if d > 0 else r
        Z = embedding.pairs(torch.cat([table[graph.atomic_numbers[i]], table[graph.atomic_numbers[j]]]))
        o = torch.zeros_like(x)
        skew = torch.stack([o, -z, y, z, o, -x, -y, x, o]).reshape(3, 3)
        p = c_of(d) * perceptron([model.embedding_filters], radial(d)).reshape(3, -1)
        for k, part in enumerate((one, skew, torch.outer(u, u) - one * (u @ u) / 3)):
            X[i] += (Z * p[k])[:, None, None] * part
    gates = perceptron(embedding.gates, norm(X)).reshape(n, 3, -1)
    X = sum(gates[:, k, :, None, None] * part for k, part in enumerate(mixed(embedding.mix, split(X))))

    stages = [charges_of(model.charges[0].network, X, graph, config.conserve)]
    for t, layer in enumerate(model.interactions):
        filters, q = model.filters[t], stages[-1]
        X = X / (norm(X) + 1)[..., None, None]
        parts = mixed(layer.before, split(X))
        Y, M = sum(parts), torch.zeros_like(X)
        for j, i, r in pairs:
            inputs = torch.cat([radial(r.norm()), q[i], q[j]])
            f = c_of(r.norm()) * perceptron([filters.first, *filters.further], inputs).reshape(3, -1)
            M[i] += sum(f[k][:, None, None] * part[j] for k, part in enumerate(parts))
        P = Y @ M + M @ Y if config.group == "O(3)" else 2 * Y @ M
        D = sum(mixed(layer.after, split(P / (norm(P) + 1)[..., None, None])))
        X = X + D + D @ D
        stages.append(charges_of(model.charges[t + 1].network, X, graph, config.conserve))
    q, weights = torch.cat(stages, 1), torch.tensor(config.stage_weights or (1.0,) * len(stages))
    weights = weights.double().repeat_interleave(config.charge_channels)
    weights = weights / weights.sum()
    I, A, S = split(X)
    scalars = perceptron(model.invariants.scalars, torch.cat([norm(I), norm(A), norm(S)], dim=1))
    energy = graph.sum_systems(perceptron(model.values, scalars)[:, 0])
    if config.coulomb != "none":
        energy = energy + coulomb(config, q, graph, weights)
    return energy, q @ weights


@settings(max_examples=8, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["none", "pairs", "reaction field"]),
    st.sampled_from(["O(3)", "SO(3)"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([-1.0, 0.0, 2.0]),
)
def test_the_model_is_the_published_equations(seed, kind, group, flag, conserve, charge):
    options = {
        "self_loops": flag,
        "envelope_twice": not flag,
        "conserve": conserve,
        "readout_layers": int(flag),
    }
    weights = (0.5, 2.0, 1.0) if flag else ()
    model = small(seed % 7, coulomb=kind, group=group, layers=2, stage_weights=weights, **options)
    graph = batch([random_graph(seed, charge=charge), random_graph(seed + 1, 1, charge=1.0)])
    with torch.no_grad():
        found, (energy, charges) = model(graph), transcribed(model, graph)
    torch.testing.assert_close(found["energy"], energy, rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(found["charges"], charges, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("layers", "further", "count"), [(1, 0, 681_153), (1, 1, 685_313), (0, 0, 372_129)])
def test_parameters_are_as_many_as_published(layers, further, count):
    # With one more layer of the readout and a reference energy for 100 elements they are 685,413.
    with torch.device("meta"):
        model = TensorNet2(TensorNet2Config(ELEMENTS, layers=layers, readout_layers=further))
    assert sum(parameter.numel() for parameter in model.parameters()) == count


def test_it_obeys_the_laws_of_potentials():
    model = Potential(small(targets=("dipole", "polarizability"), repulsion=True))
    testing.assert_potential(model, [1, 8], CUTOFF, reach=2 * CUTOFF, examples=3)


def test_it_obeys_the_laws_with_charges_that_attract_each_other():
    model = Potential(small(coulomb="reaction field", permittivity=float("inf")))
    testing.assert_potential(model, [1, 8], FAR, reach=2 * FAR, examples=2)


def test_under_so3_rotations_are_symmetries_and_reflections_are_not():
    model = small(group="SO(3)", layers=2)
    testing.assert_euclidean(Potential(model), [1, 8], CUTOFF, parity=False, examples=3)
    graph = random_graph(3)
    mirrored = graph.replace(positions=-graph.positions)
    assert (model(graph)["energy"] - model(mirrored)["energy"]).abs() > 1e-9


@given(st.integers(0, 2**32 - 1), st.floats(-2, 2))
@settings(max_examples=10, deadline=None)
def test_charges_add_up_to_the_charge_of_the_system(seed, charge):
    graph = batch([random_graph(seed, charge=charge), random_graph(seed, 1, charge=-1.0)])
    charges = small(seed % 5)(graph)["charges"]
    totals = graph.sum_systems(charges[:, None])[:, 0]
    torch.testing.assert_close(totals, graph.charges, rtol=0, atol=1e-13)


def test_the_charge_of_a_system_matters():
    neutral, ion = (small()(random_graph(5, charge=q))["energy"] for q in (0.0, 1.0))
    assert (neutral - ion).abs() > 1e-6


def test_the_repulsion_of_nuclei_is_added():
    graph = random_graph(7, cutoff=CUTOFF)
    difference = small(repulsion={"cutoff": CUTOFF})(graph)["energies"] - small()(graph)["energies"]
    wanted = ZBL(cutoff=CUTOFF)(graph)
    assert wanted.sum() > 0.01
    torch.testing.assert_close(difference, wanted, rtol=0, atol=1e-12)


def test_energies_can_be_differentiated_twice():
    model = small(1, channels=2, radial_functions=3, coulomb="pairs")
    graph = random_graph(2, atoms=3)

    def energy(positions):
        return model(graph.replace(positions=positions))["energy"]

    positions = graph.positions.requires_grad_()
    assert torch.autograd.gradcheck(energy, (positions,))
    assert torch.autograd.gradgradcheck(energy, (positions,), atol=1e-6)


def test_float32_gives_the_numbers_of_float64():
    graph = random_graph(1)
    exact, rounded = Potential(small())(graph), Potential(small().float())(graph.to(dtype=torch.float32))
    for name in ("energy", "forces", "charges"):
        assert torch.allclose(rounded[name].double(), exact[name].double(), atol=1e-5)


def test_charges_come_from_the_trace_not_its_square():
    matrices = from_matrices(torch.eye(3).double()[..., None].expand(3, 3, 4))[None]
    network = small().charges[0]
    assert (network(matrices)[0] - network(-matrices)[0]).abs().max() > 1e-3


def test_settings_are_plain_values():
    config = TensorNet2Config(tuple(ELEMENTS), coulomb="pairs", stage_weights=(0.0, 1.0))
    read = TensorNet2Config(**json.loads(json.dumps(asdict(config))))
    assert json.dumps(asdict(read)) == json.dumps(asdict(config))
    assert config.graph_cutoff == 5.0
    assert TensorNet2Config(ELEMENTS, coulomb="reaction field").graph_cutoff == 12.0


def test_what_it_cannot_do_is_said():
    with pytest.raises(ValueError, match=r"under 'O\(3\)' or 'SO\(3\)', not 'O3'"):
        TensorNet2Config(ELEMENTS, group="O3")
    with pytest.raises(ValueError, match="the envelope is 'cosine' or 'polynomial', not 'flat'"):
        TensorNet2Config(ELEMENTS, envelope="flat")
    with pytest.raises(ValueError, match="coulomb is 'none', 'pairs' or 'reaction field', not 'ewald'"):
        TensorNet2Config(ELEMENTS, coulomb="ewald")
    with pytest.raises(ValueError, match=r"1 layers make charges at 2 stages.* not \[1.0\]"):
        TensorNet2Config(ELEMENTS, stage_weights=(1.0,))
    with pytest.raises(ValueError, match="H, O go beyond the largest atomic number of the embedding, 7"):
        small(max_atomic_number=7)
    with pytest.raises(ValueError, match="from which 1e cannot be read"):
        small(targets=[{"name": "gyration", "formula": "ij=-ji"}])
    crystal = testing.degenerate_structures([1])["a cubic crystal"].graph(CUTOFF)
    with pytest.raises(ValueError, match="take reaction_field_energies for periodic systems"):
        small(coulomb="pairs")(crystal)
