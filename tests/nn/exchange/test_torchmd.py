"""Weights of torchmd-net: its equations by its names, old layouts, and the package itself where installed."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import linear, silu

from cartesian.nn.data import batch, to_graph
from cartesian.nn.exchange.torchmd import from_torchmd
from cartesian.nn.heads import Potential

ELEMENTS = ["H", "C", "O"]
SETTINGS = {
    "model": "tensornet",
    "embedding_dimension": 4,
    "num_layers": 2,
    "num_rbf": 5,
    "rbf_type": "expnorm",
    "trainable_rbf": False,
    "activation": "silu",
    "cutoff_lower": 0.0,
    "cutoff_upper": 3.0,
    "max_z": 9,
    "equivariance_invariance_group": "O(3)",
    "output_model": "Scalar",
    "reduce_op": "sum",
    "prior_model": None,
}


def make(seed=0, **options):
    """Settings, and random weights with the names and shapes of torchmd-net."""
    given = {**SETTINGS, "q_dim": 3, **options}
    F, R, d = given["embedding_dimension"], given["num_rbf"], given["q_dim"]
    second = given["model"] == "tensornet2"
    layers: dict = {f"tensor_embedding.distance_proj{k}": (F, R) for k in (1, 2, 3)}
    layers |= {"tensor_embedding.emb2": (F, 2 * F), "tensor_embedding.init_norm": (F,)}
    scalar: dict = {"tensor_embedding": ((2 * F, F), (3 * F, 2 * F))}
    tensor = {"tensor_embedding": 3}
    for t in range(given["num_layers"]):
        inputs = R + 2 * d if second else R
        scalar[f"layers.{t}"] = (F, inputs), (2 * F, F), (3 * F, 2 * F)
        tensor[f"layers.{t}"] = 6
    for prefix, shapes in scalar.items():
        layers |= {f"{prefix}.linears_scalar.{k}": shape for k, shape in enumerate(shapes)}
    stages = ["charge_predict_0", *(f"charge_predicts.{t}" for t in range(given["num_layers"]))]
    for stage in stages if second else ():
        layers[f"{stage}.q_norm"] = (3 * F,)
        perceptron = (F, 3 * F), (F, F), (2 * d, F)
        layers |= {f"{stage}.q_mlp.layers.{2 * k}": shape for k, shape in enumerate(perceptron)}
    layers |= {"linear": (F, 3 * F), "out_norm": (3 * F,)}
    torch.manual_seed(seed)
    normal = lambda shape: torch.randn(shape, dtype=torch.float64) * shape[-1] ** -0.5  # noqa: E731
    state = {}
    for name, shape in layers.items():
        state[f"{name}.weight"], state[f"{name}.bias"] = normal(shape), normal((shape[0],))
    for prefix, count in tensor.items():
        state |= {f"{prefix}.linears_tensor.{k}.weight": normal((F, F)) for k in range(count)}
    state["tensor_embedding.emb.weight"] = normal((given["max_z"], F))
    state["distance_expansion.means"] = torch.rand(R, dtype=torch.float64)
    state["distance_expansion.betas"] = 1 + torch.rand(R, dtype=torch.float64)
    state["distance.box"] = torch.zeros(3, 3)
    state = {f"representation_model.{name}": value for name, value in state.items()}
    for k, shape in ((0, (F // 2, F)), (2, (1, F // 2))):
        name = f"output_model.output_network.layers.{k}"
        state |= {f"{name}.weight": normal(shape), f"{name}.bias": normal(shape[:1])}
    return given, {**state, "mean": torch.tensor(0.0), "std": torch.tensor(1.7)}


def norm(X):
    return X.square().sum((-2, -1))


def split(X):
    I = X.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None] * torch.eye(3, dtype=X.dtype)
    return [I, (X - X.mT) / 2, (X + X.mT) / 2 - I]


def transcribed(given, state, numbers, positions, charge):
    """Energy of one molecule, with matrices `(atoms, channels, 3, 3)` and all pairs of atoms."""
    state = {name.replace("representation_model.", ""): value for name, value in state.items()}
    rc, F, n = given["cutoff_upper"], given["embedding_dimension"], len(numbers)

    def apply(name, x, active=True):
        x = linear(x, state[f"{name}.weight"], state[f"{name}.bias"])
        return silu(x) if active else x

    def normed(name, x):
        return torch.nn.functional.layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"])

    def mixed(prefix, first, parts):
        names = [f"{prefix}.linears_tensor.{first + k}.weight" for k in range(3)]
        return [torch.einsum("gf,nfab->ngab", state[name], x) for name, x in zip(names, parts, strict=True)]

    r = positions[:, None] - positions
    d = torch.sqrt(r.square().sum(-1) + torch.eye(n)) * (1 - torch.eye(n, dtype=r.dtype))
    u = r / (d + torch.eye(n))[..., None]
    c = (torch.cos(torch.pi * d / rc) + 1) / 2 * (d < rc)
    means, betas = state["distance_expansion.means"], state["distance_expansion.betas"]
    rbf = c[..., None] * torch.exp(-betas * (torch.exp(-5 / rc * d)[..., None] - means) ** 2)
    e = state["tensor_embedding.emb.weight"][numbers]
    Z = apply("tensor_embedding.emb2", torch.cat([e[:, None].expand(n, n, F), e.expand(n, n, F)], -1), False)
    one, epsilon = torch.eye(3, dtype=r.dtype), torch.zeros(3, 3, 3, dtype=r.dtype)
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        epsilon[i, j, k], epsilon[j, i, k] = 1.0, -1.0
    square = torch.einsum("ija,ijb->ijab", u, u)
    made = [one.expand(n, n, 3, 3), torch.einsum("acb,ijc->ijab", epsilon, u)]
    made.append(square - square.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None] * one / 3)
    parts = []
    for k, matrix in enumerate(made):
        p = apply(f"tensor_embedding.distance_proj{k + 1}", rbf, False)
        parts.append(torch.einsum("ij,ijf,ijf,ijab->ifab", c, Z, p, matrix))
    g = normed("tensor_embedding.init_norm", norm(sum(parts)))
    for k in range(2):
        g = apply(f"tensor_embedding.linears_scalar.{k}", g)
    g = g.reshape(n, 3, F, 1, 1)
    X = sum(g[:, k] * part for k, part in enumerate(mixed("tensor_embedding", 0, parts)))

    def charges(stage):
        I, A, S = split(X)
        q = normed(f"{stage}.q_norm", torch.cat([I[..., 0, 0], norm(A), norm(S)], 1))
        for k in range(3):
            q = apply(f"{stage}.q_mlp.layers.{2 * k}", q, k < 2)
        q, f = q.chunk(2, 1)
        return q + f**2 / ((f**2).sum(0) + 1e-6) * (charge - q.sum(0))

    second = given["model"] == "tensornet2"
    q = charges("charge_predict_0") if second else torch.zeros(n, 0)
    factor = 1.0 if second else 1 + 0.1 * charge
    for t in range(given["num_layers"]):
        f = rbf
        if second:
            f = torch.cat([rbf, q[:, None].expand(n, n, -1), q.expand(n, n, -1)], -1)
        for k in range(3):
            f = apply(f"layers.{t}.linears_scalar.{k}", f)
        f = (c[..., None] * f).reshape(n, n, 3, F)
        parts = mixed(f"layers.{t}", 0, split(X / (norm(X) + 1)[..., None, None]))
        X, Y = X / (norm(X) + 1)[..., None, None], sum(parts)
        M = sum(torch.einsum("ijf,jfab->ifab", f[:, :, k], part) for k, part in enumerate(parts))
        P = factor * (Y @ M + M @ Y) if given["equivariance_invariance_group"] == "O(3)" else 2 * Y @ M
        D = sum(mixed(f"layers.{t}", 3, split(P / (norm(P) + 1)[..., None, None])))
        X = X + D + factor * D @ D
        q = charges(f"charge_predicts.{t}") if second else q
    x = apply("linear", normed("out_norm", torch.cat([norm(part) for part in split(X)], 1)))
    x = apply("output_model.output_network.layers.0", x)
    return (apply("output_model.output_network.layers.2", x, False) * state["std"]).sum()


def molecule(seed, atoms=4):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.uniform(0, 2.5, (atoms, 3))), torch.from_numpy(rng.choice([1, 6, 8], atoms))


@settings(max_examples=10, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["tensornet", "tensornet2"]),
    st.sampled_from(["O(3)", "SO(3)"]),
    st.integers(0, 2),
    st.sampled_from([-1.0, 0.0, 1.0]),
)
def test_the_model_has_the_energies_of_the_equations_of_torchmd_net(seed, name, group, layers, charge):
    given, state = make(seed % 9, model=name, equivariance_invariance_group=group, num_layers=layers)
    model = from_torchmd(state, given, ELEMENTS)
    positions, numbers = molecule(seed)
    graph = to_graph(positions, numbers, 3.0, charge=charge, dtype=torch.float64)
    found = Potential(model, stress=False).eval()(graph)
    wanted = transcribed(given, state, numbers, positions.requires_grad_(), charge)
    torch.testing.assert_close(found["energy"][0], wanted.detach(), rtol=1e-11, atol=1e-11)
    (gradient,) = torch.autograd.grad(wanted, positions)
    torch.testing.assert_close(found["forces"], -gradient, rtol=0, atol=1e-10)


def energy(model, seed=0):
    positions, numbers = molecule(seed)
    return model(to_graph(positions, numbers, 3.0, dtype=torch.float64))["energy"]


@pytest.mark.parametrize("name", ["tensornet", "tensornet2"])
def test_old_layouts_and_names_are_read(name):
    given, state = make(model=name)
    old = {}
    for key, value in state.items():
        is_gate = "tensor_embedding.linears_scalar.1" in key
        if is_gate or (name == "tensornet" and ".linears_scalar.2" in key):
            value = value.unflatten(0, (3, -1)).transpose(0, 1).flatten(0, 1)
        old["model." + key.replace("output_network.layers", "output_network")] = value
    read = from_torchmd(old, {**given, "check_errors": True}, ELEMENTS)
    torch.testing.assert_close(energy(read), energy(from_torchmd(state, given, ELEMENTS)))


def test_reference_energies_and_means_are_added():
    given, state = make()
    bare = energy(from_torchmd(state, given, ELEMENTS))
    table = torch.arange(9.0)[:, None]
    state |= {"prior_model.0.atomref.weight": table, "prior_model.0.initial_atomref": table}
    total = energy(from_torchmd(state, given, ELEMENTS))
    torch.testing.assert_close(total - bare, table[molecule(0)[1]].sum(0).double())
    torch.testing.assert_close(energy(from_torchmd(state, given, ELEMENTS, references=False)), bare)
    state["mean"] = torch.tensor(8.0)
    torch.testing.assert_close(
        energy(from_torchmd(state, given, ELEMENTS, atoms=4)) - total, torch.tensor([8.0]).double()
    )


def test_radial_functions_are_trained_if_they_were():
    for flag in (False, True):
        given, state = make(trainable_rbf=flag)
        model = from_torchmd(state, given, ELEMENTS)
        assert [parameter.requires_grad for parameter in model.basis.parameters()] == [flag, flag]


@pytest.mark.parametrize(
    ("options", "change", "message"),
    [
        ({"activation": "tanh"}, {}, "activation='tanh'; readable are 'silu'"),
        ({"cutoff_lower": 0.5}, {}, "cutoff_lower=0.5; readable are 0.0"),
        ({"output_model": "DipoleMoment"}, {}, "output_model='DipoleMoment'"),
        ({"num_layers": 3}, {}, "lack what becomes filters.2.0.weight"),
        ({"num_rbf": 6}, {}, r"basis.centres has shape \(6,\) by the settings, and the weights have \(5,\)"),
        ({}, {"mean": torch.tensor(2.0)}, "the mean 2, which is added once for each system: give the number"),
        ({}, {"prior_model.0.distance_scale": torch.ones(1)}, "does not have: prior_model.0.distance_scale"),
        (
            {"output_model": "ScalarPlusWeightedCoulomb", "model": "tensornet2", "q_weights": [[1.0]]},
            {},
            "one number",
        ),
    ],
)
def test_what_cannot_be_read_is_said(options, change, message):
    given, state = make()
    with pytest.raises(ValueError, match=message):
        from_torchmd({**state, **change}, {**given, **options}, ELEMENTS)


def test_missing_weights_are_named():
    given, state = make()
    del state["representation_model.distance_expansion.means"]
    with pytest.raises(ValueError, match=r"the weights lack distance_expansion\.means; are the settings"):
        from_torchmd(state, given, ELEMENTS)


CHARGED = {
    "model": "tensornet2",
    "q_dim": 3,
    "output_model": "ScalarPlusWeightedCoulomb",
    "q_weights": [0.0, 2.0, 1.0],
}


def test_its_repulsion_is_scaled_with_the_other_energies():
    plain, repelled = (make(model="tensornet2", repulsion=repulsion) for repulsion in (False, True))
    graph = to_graph(torch.tensor([[0.0, 0, 0], [0.6, 0, 0]]), [1, 8], 3.0, dtype=torch.float64)
    before, after = (
        from_torchmd(state, given, ELEMENTS)(graph)["energies"] for given, state in (plain, repelled)
    )
    # Each atom has half of the published function, whose constants are these; 1.7 is `std`.
    x = 0.6 * (1 + 8**0.3) / (0.4543 / 1.8897261258369282)
    screening = (0.1818, 3.2), (0.5099, 0.9423), (0.2802, 0.4029), (0.02817, 0.2016)
    phi = sum(factor * np.exp(-rate * x) for factor, rate in screening)
    r = 0.6 / (0.31 + 0.66)
    envelope = 1 - 28 * r**6 + 48 * r**7 - 21 * r**8
    wanted = 1.7 * 0.5 * 14.399645 * 8 / 0.6 * phi * envelope
    torch.testing.assert_close(after - before, torch.full((2,), float(wanted)).double(), rtol=1e-6, atol=0)


@pytest.fixture
def create(monkeypatch):
    """Its maker of models, without Warp and default dtype, which round factors and tables to float32."""
    operations = pytest.importorskip("torchmdnet.extensions.warp_ops")
    made = pytest.importorskip("torchmdnet.models.model").create_model
    # It takes its plain operations where it does not find this one.
    monkeypatch.delattr(operations, "fn_tensor_norm3")
    torch.set_default_dtype(torch.float64)
    yield made
    torch.set_default_dtype(torch.float32)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"equivariance_invariance_group": "SO(3)", "trainable_rbf": True},
        {"model": "tensornet2", "q_dim": 3, "repulsion": True},
        CHARGED | {"output_mlp_num_layers": 1},
        CHARGED | {"coulomb_cutoff": 4.0, "coulomb_max_num_neighbors": 9},
    ],
)
def test_the_model_has_the_energies_and_forces_of_torchmd_net(create, options):
    given = {
        **SETTINGS,
        "max_num_neighbors": 16,
        "precision": 64,
        "atom_filter": -1,
        "derivative": True,
        **options,
    }
    torch.manual_seed(0)
    theirs = create(dict(given)).double()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    ours = from_torchmd(theirs.state_dict(), given, ELEMENTS)
    cutoff = getattr(ours.config, "graph_cutoff", ours.config.cutoff)
    parts = [molecule(seed, atoms) for seed, atoms in ((0, 6), (1, 4), (2, 1))]
    graph = batch(
        [
            to_graph(x, z, cutoff, charge=q, dtype=torch.float64)
            for (x, z), q in zip(parts, (1, 0, -1), strict=True)
        ]
    )
    energies, forces = theirs(graph.atomic_numbers, graph.positions.clone(), graph.systems, q=graph.charges)
    found = Potential(ours, stress=False).eval()(graph)
    torch.testing.assert_close(found["energy"], energies[:, 0].detach(), rtol=0, atol=1e-10)
    torch.testing.assert_close(found["forces"], forces.detach(), rtol=0, atol=1e-10)
