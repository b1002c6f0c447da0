import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import silu

from cartesian.nn import testing
from cartesian.nn.data import batch, to_graph
from cartesian.nn.heads import Potential
from cartesian.nn.layers.matrix import to_matrices
from cartesian.nn.models.tensornet import TensorNet, TensorNetConfig

ELEMENTS, CUTOFF = ["H", "O"], 3.0
SMALL = {"cutoff": CUTOFF, "channels": 4, "radial_functions": 5}


def small(seed=0, heads=False, **options):
    torch.manual_seed(seed)
    targets = ("dipole", "polarizability") if heads else ()
    return TensorNet(TensorNetConfig(ELEMENTS, targets=targets, **{**SMALL, **options})).double().eval()


def random_graph(seed, atoms=4, charge=0.0):
    rng = np.random.default_rng(seed)
    positions = rng.uniform(0, 2.5, (atoms, 3))
    return to_graph(positions, rng.choice([1, 8], atoms), CUTOFF, charge=charge, dtype=torch.float64)


def recorded(model):
    """A list to which every run of the model adds its last matrices."""
    kept = []

    def keep(module, inputs, out):
        kept.append(to_matrices(out))

    model.interactions[-1].register_forward_hook(keep)
    return kept


def transcribed(model, graph):
    """The published equations with 3×3 matrices `(nodes, channels, 3, 3)` and a loop over edges."""
    config, n = model.config, graph.nodes
    unit = torch.eye(3, dtype=torch.float64)
    c_of = lambda d: 0.5 * (torch.cos(torch.pi * d / config.cutoff) + 1)  # noqa: E731
    mu = torch.linspace(np.exp(-config.cutoff), 1, config.radial_functions, dtype=torch.float64)
    beta = (2 / config.radial_functions * (1 - np.exp(-config.cutoff))) ** -2
    pairs = [
        (int(j), int(i), v) for j, i, v in zip(graph.senders, graph.receivers, graph.vectors, strict=True)
    ]
    if config.self_loops:
        pairs += [(i, i, torch.zeros(3, dtype=torch.float64)) for i in range(n)]

    def radial(d):
        values = torch.exp(-beta * (torch.exp(-5 / config.cutoff * d) - mu) ** 2)
        return c_of(d) * values if config.envelope_twice else values

    def split(X):
        I = X.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None] * unit
        A, S = (X - X.mT) / 2, (X + X.mT) / 2 - I
        return I, A, S

    def linear(layer, parts):
        return [
            torch.einsum("nfab,gf->ngab", x, part.weight) for x, part in zip(parts, layer.parts, strict=True)
        ]

    def norm(X):
        return (X**2).sum((-2, -1))

    def perceptron(layers, x):
        for layer in layers:
            if isinstance(layer, torch.nn.Linear):
                x = (
                    silu(layer.weight @ x + layer.bias)
                    if x.ndim == 1
                    else silu(x @ layer.weight.T + layer.bias)
                )
        return x

    table, embedding = model.embedding.elements.weight, model.embedding
    X = torch.zeros(n, config.channels, 3, 3, dtype=torch.float64)
    for j, i, r in pairs:
        d = r.norm()
        u = r / d if d > 0 else r
        Z = embedding.pairs(torch.cat([table[graph.atomic_numbers[i]], table[graph.atomic_numbers[j]]]))
        x, y, z = u
        zero = torch.zeros_like(x)
        skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero]).reshape(3, 3)
        parts = (unit, skew, torch.outer(u, u) - unit * (u @ u) / 3)
        p = c_of(d) * model.embedding_filters(radial(d)).reshape(3, -1)
        X[i] += sum((Z * p[k])[:, None, None] * part for k, part in enumerate(parts))
    layer_norm = embedding.gates[0]
    gates = perceptron(embedding.gates[1:], layer_norm(norm(X))).reshape(n, 3, -1)
    X = sum(gates[:, k, :, None, None] * part for k, part in enumerate(linear(embedding.mix, split(X))))

    q = (1 + config.charge_factor * graph.charges[graph.systems])[:, None, None, None]
    for layer, filters in zip(model.interactions, model.filters, strict=True):
        X = X / (norm(X) + 1)[..., None, None]
        parts = linear(layer.before, split(X))
        Y, M = sum(parts), torch.zeros_like(X)
        for j, i, r in pairs:
            f = c_of(r.norm()) * perceptron(filters, radial(r.norm())).reshape(3, -1)
            M[i] += sum(f[k][:, None, None] * part[j] for k, part in enumerate(parts))
        P = q * (Y @ M + M @ Y) if config.group == "O(3)" else 2 * Y @ M
        D = sum(linear(layer.after, split(P / (norm(P) + 1)[..., None, None])))
        X = X + D + q * D @ D
    invariants = torch.cat([norm(part) for part in split(X)], dim=1)
    scalars = perceptron(model.invariants.scalars[1:], model.invariants.scalars[0](invariants))
    hidden = silu(scalars @ model.values[0].weight.T + model.values[0].bias)
    energies = hidden @ model.values[2].weight.T + model.values[2].bias
    return X, graph.sum_systems(energies[:, 0])


@pytest.mark.parametrize(
    ("layers", "options", "count"),
    [
        (0, {}, 301_441),
        (1, {}, 535_681),
        (2, {}, 769_921),
        (3, {"channels": 256}, 3_925_249),
        (2, {"radial_functions": 64}, 790_401),
    ],
)
def test_parameters_are_as_many_as_published(layers, options, count):
    with torch.device("meta"):
        model = TensorNet(TensorNetConfig(ELEMENTS, layers=layers, **options))
    assert sum(parameter.numel() for parameter in model.parameters()) == count


@settings(max_examples=8, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["O(3)", "SO(3)"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([-1.0, 0.0, 2.0]),
)
def test_the_model_is_the_published_equations(seed, group, self_loops, twice, charge):
    model = small(seed % 7, group=group, self_loops=self_loops, envelope_twice=twice)
    graph = batch([random_graph(seed, charge=charge), random_graph(seed + 1, 1)])
    kept = recorded(model)
    with torch.no_grad():
        energy = model(graph)["energy"]
        matrices, wanted = transcribed(model, graph)
    assert torch.allclose(energy, wanted, rtol=1e-12, atol=1e-12)
    assert torch.allclose(kept[0].movedim(-1, 1), matrices, rtol=1e-12, atol=1e-12)


def test_it_obeys_the_laws_of_potentials():
    model = Potential(small(heads=True))
    testing.assert_potential(model, [1, 8], CUTOFF, reach=2 * CUTOFF, examples=3)


def test_under_so3_rotations_are_symmetries_and_reflections_are_not():
    model = Potential(small(heads=True, group="SO(3)"))
    testing.assert_euclidean(model, [1, 8], CUTOFF, parity=False)
    graph = random_graph(3)
    mirrored = graph.replace(positions=-graph.positions)
    energy, other = (model(g)["energy"] for g in (graph, mirrored))
    # Handedness enters through products of three matrices, which are small at first; rounding is 10⁻¹⁴.
    assert (energy - other).abs() > 1e-9
    energy, other = (small()(g)["energy"] for g in (graph, mirrored))
    assert torch.allclose(energy, other, rtol=1e-12, atol=1e-12)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=5, deadline=None)
def test_inversion_transposes_every_matrix(seed):
    model, graph = small(), random_graph(seed)
    kept = recorded(model)
    with torch.no_grad():
        model(graph)
        model(graph.replace(positions=-graph.positions))
    assert kept[0].abs().max() > 1e-3
    assert (kept[0] - kept[0].transpose(1, 2)).abs().max() > 1e-6
    assert torch.allclose(kept[1], kept[0].transpose(1, 2), rtol=1e-12, atol=1e-12)


def test_messages_to_oneself_can_be_left_out():
    graph = random_graph(5)
    with_own, without = (small(self_loops=flag)(graph)["energy"] for flag in (True, False))
    assert (with_own - without).abs() > 1e-6


def test_the_charge_of_a_system_matters():
    model = small()
    neutral, ion = (model(random_graph(5, charge=q))["energy"] for q in (0.0, 1.0))
    assert (neutral - ion).abs() > 1e-6


@pytest.mark.parametrize(("envelope", "is_smooth"), [("cosine", False), ("polynomial", True)])
def test_second_derivatives_at_the_cutoff_are_those_of_the_envelope(envelope, is_smooth):
    model = small(envelope=envelope, envelope_twice=False)

    def curvature(distance):
        d = torch.tensor(distance, dtype=torch.float64, requires_grad=True)
        graph = to_graph(np.array([[0.0, 0, 0], [0, 0, 1.0]]), [1, 8], CUTOFF + 1, dtype=torch.float64)
        positions = torch.stack([torch.zeros_like(d), torch.zeros_like(d), d])
        graph = graph.replace(positions=torch.stack([torch.zeros(3, dtype=d.dtype), positions]))
        (slope,) = torch.autograd.grad(model(graph)["energy"].sum(), d, create_graph=True)
        return torch.autograd.grad(slope, d)[0]

    jump = (curvature(CUTOFF - 1e-6) - curvature(CUTOFF + 1e-6)).abs()
    assert (jump < 1e-5) == is_smooth


def test_energies_can_be_differentiated_twice():
    model = small(1, layers=1, channels=2, radial_functions=3)
    graph = random_graph(2, atoms=3)

    def energy(positions):
        return model(graph.replace(positions=positions))["energy"]

    positions = graph.positions.requires_grad_()
    assert torch.autograd.gradcheck(energy, (positions,))
    assert torch.autograd.gradgradcheck(energy, (positions,), atol=1e-6)


def test_float32_gives_the_numbers_of_float64():
    graph = random_graph(1)
    exact, rounded = Potential(small())(graph), Potential(small().float())(graph.to(dtype=torch.float32))
    assert rounded["forces"].dtype == torch.float32
    for name in ("energy", "forces"):
        assert torch.allclose(rounded[name].double(), exact[name], atol=1e-5)


def test_polarizabilities_are_symmetric():
    polarizability = small(heads=True)(random_graph(4))["polarizability"]
    assert polarizability.abs().max() > 1e-6
    assert torch.allclose(polarizability, polarizability.mT, rtol=0, atol=1e-14)


def test_what_it_cannot_do_is_said():
    with pytest.raises(ValueError, match=r"under 'O\(3\)' or 'SO\(3\)', not 'O3'"):
        TensorNetConfig(ELEMENTS, group="O3")
    with pytest.raises(ValueError, match="H, O go beyond the largest atomic number of the embedding, 7"):
        small(max_atomic_number=7)
    with pytest.raises(ValueError, match="from which 1e cannot be read"):
        TensorNet(TensorNetConfig(ELEMENTS, targets=[{"name": "gyration", "formula": "ij=-ji"}]))
