"""Weights of nequip: its equations by its names, and the package itself where installed."""

import e3nn.o3
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import silu

from cartesian.nn.data import to_graph
from cartesian.nn.exchange.nequip import from_nequip
from cartesian.nn.heads import Potential

SETTINGS = {
    "r_max": 3.0,
    "type_names": ["H", "O"],
    "num_layers": 3,
    "l_max": 1,
    "parity": True,
    "num_features": [4, 3],
    "type_embed_num_features": 5,
    "radial_mlp_depth": 2,
    "radial_mlp_width": 6,
    "num_bessels": 4,
    "bessel_trainable": True,
    "polynomial_cutoff_p": 5,
    "avg_num_neighbors": 7.0,
    "per_type_energy_scales": 1.3,
    "per_type_energy_shifts": {"H": -1.0, "O": -2.0},
}


def hidden_of(given, is_last):
    """Channels of each `(degree, parity)` in the order of nequip: even before odd."""
    if is_last:
        return {(0, 1): given["num_features"][0]}
    parities = {l: (1, -1) if given["parity"] else ((-1) ** l,) for l in range(given["l_max"] + 1)}
    return {(l, p): given["num_features"][l] for l in parities for p in parities[l]}


def layers_of(given):
    """Of every layer: features in, paths `(in, harmonic, out)`, features out."""
    features = {(0, 1): given["type_embed_num_features"]}
    for t in range(given["num_layers"]):
        hidden = hidden_of(given, t == given["num_layers"] - 1)
        paths = [
            (a, l, (k, a[1] * (-1) ** l))
            for a in features
            for l in range(given["l_max"] + 1)
            for k in range(abs(a[0] - l), a[0] + l + 1)
            if (k, a[1] * (-1) ** l) in hidden
        ]
        reached = {key for _, _, key in paths}
        out = {key: channels for key, channels in hidden.items() if key in reached}
        yield features, paths, out
        features = out


def gated_of(out):
    """Channels before the gate: scalars, with one gate for each other channel among the even ones."""
    before = dict(out)
    before[0, 1] = out[0, 1] + sum(channels for key, channels in out.items() if key[0])
    return before


def in_order(keys):
    """As e3nn sorts irreps: by degree, odd before even."""
    return sorted(set(keys))


def make(seed=0, **options):
    """Settings, and random weights with the names and shapes of nequip."""
    given = {**SETTINGS, **options}
    torch.manual_seed(seed)
    normal = lambda *shape: torch.randn(shape, dtype=torch.float64)  # noqa: E731
    types, size, bessels = len(given["type_names"]), given["type_embed_num_features"], given["num_bessels"]
    state = {
        "type_embed.embed_module.weight": normal(types, size),
        "edge_norm._rmax_recip": torch.tensor(1 / 3),
        "bessel_encode.bessel_weights": torch.arange(1.0, bessels + 1).double()[None]
        + 0.1 * normal(1, bessels),
    }
    for t, (features, paths, out) in enumerate(layers_of(given)):
        conv, before = f"layer{t}_convnet.conv", gated_of(out)
        middle = {key: sum(features[a] for a, _, k in paths if k == key) for _, _, key in paths}
        state[f"{conv}.linear_1.weight"] = normal(sum(c * c for c in features.values()))
        state[f"{conv}.linear_1.bias"] = normal(0)
        state[f"{conv}.linear_1.output_mask"] = torch.ones(3)
        widths = [bessels, *[given["radial_mlp_width"]] * given["radial_mlp_depth"]]
        widths.append(sum(features[a] for a, _, _ in paths))
        for k in range(len(widths) - 1):
            state[f"{conv}.edge_mlp.mlp.{2 * k}.weight"] = normal(widths[k], widths[k + 1])
        state[f"{conv}.linear_2.weight"] = normal(sum(middle[key] * before[key] for key in middle))
        if t:
            own = [features[key] * size * before[key] for key in features if key in before]
            state[f"{conv}.sc.weight"] = normal(sum(own))
    depth, scalars = given.get("readout_mlp_hidden_layers_depth", 0), given["num_features"][0]
    widths = [scalars, *[given.get("readout_mlp_hidden_layers_width", scalars)] * depth, 1]
    for k in range(depth + 1):
        is_deep = depth and given.get("readout_mlp_nonlinearity", "silu") is None
        name = f"weights.{k}" if is_deep else f"{2 * k}.weight"
        state[f"per_atom_energy_readout.mlp_module.mlp.{name}"] = normal(widths[k], widths[k + 1])
    state["per_type_energy_scale_shift.scales"] = torch.full((1, 1), 1.3).double()
    state["per_type_energy_scale_shift.shifts"] = torch.tensor([[-1.0], [-2.0]]).double()
    return given, {f"model.func.{name}": value for name, value in state.items()}


NUMBERS = torch.randn(1_000_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
MOMENTS = {function: function(NUMBERS).square().mean() for function in (silu, torch.tanh)}


def normalized(function, values):
    """As e3nn: divided by an estimate of the second moment from fixed random numbers."""
    return function(values) * MOMENTS[function] ** -0.5


def transcribed(given, state, types, positions):
    """Energy of one molecule: dictionaries of irreps, dense couplings of e3nn, all pairs of atoms."""
    state = {name.removeprefix("model.func."): value for name, value in state.items()}
    receivers, senders = np.nonzero(~np.eye(len(types), dtype=bool))
    vectors = positions[senders] - positions[receivers]
    x = vectors.norm(dim=1)[:, None] / given["r_max"]
    y = [
        e3nn.o3.spherical_harmonics(l, vectors, normalize=True, normalization="component")
        for l in range(given["l_max"] + 1)
    ]
    p, w = given["polynomial_cutoff_p"], state["bessel_encode.bessel_weights"]
    u = 1 - (p + 1) * (p + 2) / 2 * x**p + p * (p + 2) * x ** (p + 1) - p * (p + 1) / 2 * x ** (p + 2)
    radial = torch.sinc(x * w) * w * u * (x < 1) * 2 * torch.pi / given["r_max"] ** 2
    e = state["type_embed.embed_module.weight"][types]
    h = {(0, 1): e[:, :, None]}

    def matrices(weight, keys, rows, columns):
        sizes = [rows[key] * columns[key] for key in keys]
        pieces = torch.split(weight, sizes)
        return {
            key: piece.reshape(rows[key], columns[key]) * rows[key] ** -0.5
            for key, piece in zip(keys, pieces, strict=True)
        }

    for t, (features, paths, out) in enumerate(layers_of(given)):
        conv, before, weights = f"layer{t}_convnet.conv", gated_of(out), radial
        up = matrices(state[f"{conv}.linear_1.weight"], [*features], features, features)
        for k in range(given["radial_mlp_depth"] + 1):
            matrix = state[f"{conv}.edge_mlp.mlp.{2 * k}.weight"]
            weights = (silu(weights) * 2**0.5 if k else weights) @ matrix / len(matrix) ** 0.5
        middle: dict = {}
        for a, l, key in paths:
            own, weights = weights[:, : features[a]], weights[:, features[a] :]
            table = e3nn.o3.wigner_3j(a[0], l, key[0], dtype=torch.float64) * (2 * key[0] + 1) ** 0.5
            sent = torch.einsum("ncm,cd->ndm", h[a], up[a])[senders]
            edges = torch.einsum("abm,eca,eb,ec->ecm", table, sent, y[l], own)
            sums = torch.zeros(len(types), *edges.shape[1:], dtype=torch.float64)
            sums = sums.index_add(0, torch.from_numpy(receivers), edges) / given["avg_num_neighbors"] ** 0.5
            middle.setdefault(key, []).append(sums)
        middle = {key: torch.cat(value, 1) for key, value in middle.items()}
        rows = {key: value.shape[1] for key, value in middle.items()}
        mix = matrices(state[f"{conv}.linear_2.weight"], in_order(middle), rows, before)
        m = {key: torch.einsum("ncm,cd->ndm", middle[key], mix[key]) for key in middle}
        if t:
            keys = [key for key in features if key in before]
            sizes = [features[key] * e.shape[1] * before[key] for key in keys]
            for key, piece in zip(keys, torch.split(state[f"{conv}.sc.weight"], sizes), strict=True):
                own = piece.reshape(features[key], e.shape[1], before[key])
                own = own / (features[key] * e.shape[1]) ** 0.5
                m[key] = m[key] + torch.einsum("ncm,ns,csd->ndm", h[key], e, own)
        scalars = out[0, 1]
        gates, h = normalized(silu, m[0, 1][:, scalars:]), {(0, 1): normalized(silu, m[0, 1][:, :scalars])}
        for key, channels in out.items():
            if key[0]:
                h[key], gates = m[key] * gates[:, :channels], gates[:, channels:]
            elif key[1] < 0:
                h[key] = normalized(torch.tanh, m[key])
    values, prefix = h[0, 1][:, :, 0], "per_atom_energy_readout.mlp_module.mlp"
    is_active = given.get("readout_mlp_nonlinearity", "silu") == "silu"
    for k in range(given.get("readout_mlp_hidden_layers_depth", 0) + 1):
        matrix = state.get(f"{prefix}.{2 * k}.weight", state.get(f"{prefix}.weights.{k}"))
        values = silu(values) * 2**0.5 if k and is_active else values
        values = values @ matrix / len(matrix) ** 0.5
    scale, shift = (state[f"per_type_energy_scale_shift.{name}"] for name in ("scales", "shifts"))
    return (values * scale + shift[types]).sum()


def molecule(seed, atoms=4):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.uniform(0, 2.5, (atoms, 3))), torch.from_numpy(rng.integers(0, 2, atoms))


@settings(max_examples=6, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([[4, 3], [2, 1, 2]]),
    st.booleans(),
    st.sampled_from([(0, "silu"), (2, "silu"), (1, None)]),
)
def test_the_model_has_the_energies_of_the_equations_of_nequip(seed, features, parity, readout):
    given, state = make(
        seed % 9,
        num_features=features,
        l_max=len(features) - 1,
        parity=parity,
        readout_mlp_hidden_layers_depth=readout[0],
        readout_mlp_nonlinearity=readout[1],
    )
    model = from_nequip(state, given)
    positions, types = molecule(seed)
    graph = to_graph(positions, 1 + 7 * types, 3.0, dtype=torch.float64)
    found = Potential(model, stress=False).eval()(graph)
    wanted = transcribed(given, state, types, positions.requires_grad_())
    torch.testing.assert_close(found["energy"][0], wanted.detach(), rtol=0, atol=1e-10)
    (gradient,) = torch.autograd.grad(wanted, positions)
    torch.testing.assert_close(found["forces"], -gradient, rtol=0, atol=1e-10)


def test_an_isolated_atom_has_the_energy_of_its_shift():
    given, state = make()
    graph = to_graph(np.zeros((1, 3)), [8], 3.0, dtype=torch.float64)
    assert from_nequip(state, given)(graph)["energy"].tolist() == pytest.approx([-2.0], abs=1e-14)


@pytest.mark.parametrize(
    ("options", "change", "message"),
    [
        ({"pair_potential": {"_target_": "ZBL"}}, {}, "be read with pair_potential="),
        (
            {"readout_mlp_nonlinearity": "gelu"},
            {},
            "readout_mlp_nonlinearity='gelu'; readable are 'silu', None",
        ),
        ({"avg_num_neighbors": {"H": 3.0, "O": 5.0}}, {}, "of neighbours of each element cannot be read"),
        ({"num_layers": 4}, {}, r"a linear map has \d+ weights, and \d+ by the settings"),
        ({"bessel_trainable": False}, {}, "have been trained: give bessel_trainable=True"),
        ({"radial_mlp_width": 7}, {}, r"weights.0 has shape \(4, 7\) by the settings, and .* \(4, 6\)"),
        (
            {},
            {"layer0_convnet.conv.sc.weight": torch.ones(3)},
            "does not have: layer0_convnet.conv.sc.weight",
        ),
    ],
)
def test_what_cannot_be_read_is_said(options, change, message):
    given, state = make()
    with pytest.raises(ValueError, match=message):
        from_nequip({**state, **change}, {**given, **options})


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {
            "parity": False,
            "bessel_trainable": False,
            "readout_mlp_hidden_layers_depth": 2,
            "readout_mlp_hidden_layers_width": 7,
        },
        {
            "l_max": 2,
            "num_features": [4, 3, 2],
            "readout_mlp_hidden_layers_depth": 1,
            "readout_mlp_nonlinearity": None,
        },
    ],
)
def test_the_model_has_the_energies_and_forces_of_nequip(options):
    make_model = pytest.importorskip("nequip.model").NequIPGNNModel
    pytest.importorskip("nequip.utils.global_state").set_global_state()
    given = {**SETTINGS, **options}
    theirs = make_model(seed=0, model_dtype="float64", **given).eval()
    cell = np.array([[3.1, 0.2, 0], [0, 3.3, 0.1], [0.3, 0, 3.0]])
    positions, types = molecule(0, 5)
    graph = to_graph(positions, 1 + 7 * types, 3.0, cell, dtype=torch.float64)
    data = {
        "pos": graph.positions.clone(),
        "atom_types": types,
        "edge_index": torch.stack([graph.receivers, graph.senders]),
        "cell": graph.cells,
        "edge_cell_shift": -graph.shifts,
    }
    wanted = theirs(data)
    found = Potential(from_nequip(theirs.state_dict(), given), stress=False).eval()(graph)
    torch.testing.assert_close(found["energy"], wanted["total_energy"][:, 0].detach(), rtol=0, atol=1e-10)
    torch.testing.assert_close(found["forces"], wanted["forces"].detach(), rtol=0, atol=1e-10)
