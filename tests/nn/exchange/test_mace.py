"""Weights of mace-torch: its equations written out on states of other phases, and the package itself."""

import math
from itertools import product

import pytest
import torch
from torch.nn.functional import one_hot, silu

from cartesian.nn.data import batch, to_graph
from cartesian.nn.exchange.mace import SILU_FACTOR, from_mace
from cartesian.nn.heads import Potential
from cartesian.nn.models.mace import MACE

# The constants of e3nn 0.4.4, which mace-torch asks for, hold slices.
torch.serialization.add_safe_globals([slice])
import e3nn.o3  # noqa: E402

ELEMENTS, CUTOFF, POWER, NEIGHBORS = (1, 8), 3.0, 5, 2.5
CHANNELS, FUNCTIONS, HIDDEN, READOUT = 3, 4, 6, 5


def graph():
    torch.manual_seed(1)
    molecule, crystal = (1.3 * torch.rand(n, 3, dtype=torch.float64) for n in (3, 4))
    cell, double = 2.9 * torch.eye(3), torch.float64
    parts = [
        to_graph(molecule, [1, 8, 1], CUTOFF, dtype=double),
        to_graph(crystal, [8, 1, 1, 8], CUTOFF, cell, (True,) * 3, dtype=double),
    ]
    return batch(parts)


REPELLED = {
    "pair_repulsion_fn.c": torch.tensor([0.1818, 0.5099, 0.2802, 0.02817]).double(),
    "pair_repulsion_fn.p": torch.tensor(5),
    "pair_repulsion_fn.a_exp": torch.tensor(0.3).double(),
    "pair_repulsion_fn.a_prefactor": torch.tensor(0.4543).double(),
    "pair_repulsion_fn.covalent_radii": torch.tensor([0.2, 0.31, 0.28, 1.28, 0.96, 0.84, 0.76, 0.71, 0.66]),
}


def coupling(l1, l2, l3):
    """Of norm one, some with another phase than ours: here (1, 2, 1), but not (1, 1, 2)."""
    sign = -1 if min(l1, l2, l3) and (l1 + 2 * l2 + 3 * l3) % 4 in (0, 3) else 1
    return sign * e3nn.o3.wigner_3j(l1, l2, l3, dtype=torch.float64)


def paths(left, out):
    """Degrees of the paths of a convolution, in order."""
    both = range(out + 1)
    return [
        (l1, l2, l3)
        for l3 in both
        for l1 in left
        for l2 in both
        if abs(l1 - l2) <= l3 <= l1 + l2 and (l1 + l2 + l3) % 2 == 0
    ]


def slots(max_degree, order, out):
    """All coupling trees of `order` factors, as tensors `(2L+1, dim, ..., dim, trees)`."""
    dim = (max_degree + 1) ** 2
    partial = [
        (l, l % 2, torch.eye(dim, dtype=torch.float64)[l * l : (l + 1) ** 2]) for l in range(max_degree + 1)
    ]
    for _ in range(order - 1):
        longer = []
        for (l1, parity, tensor), l2 in product(partial, range(max_degree + 1)):
            for l3 in range(abs(l1 - l2), l1 + l2 + 1):
                table = torch.zeros(2 * l1 + 1, dim, 2 * l3 + 1, dtype=torch.float64)
                table[:, l2 * l2 : (l2 + 1) ** 2] = (2 * l3 + 1) ** 0.5 * coupling(l1, l2, l3)
                longer.append((l3, (parity + l2) % 2, torch.einsum("a...,abo->o...b", tensor, table)))
        partial = longer
    return torch.stack([tensor for l, parity, tensor in partial if l == out and parity == out % 2], -1)


def state(residual, max_degree, correlation):
    """What `model.state_dict()` has in it, without what is empty."""
    torch.manual_seed(2)

    def draw(*shape):
        return torch.randn(shape, dtype=torch.float64)

    species, hidden = len(ELEMENTS), range(2)
    found = {
        "atomic_numbers": torch.tensor(ELEMENTS),
        "r_max": torch.tensor(CUTOFF, dtype=torch.float64),
        "num_interactions": torch.tensor(2),
        "node_embedding.linear.weight": draw(species * CHANNELS),
        "node_embedding.linear.bias": draw(0),
        "node_embedding.linear.output_mask": torch.ones(CHANNELS),
        "radial_embedding.bessel_fn.bessel_weights": torch.arange(1.0, FUNCTIONS + 1).double()
        * (math.pi / CUTOFF),
        "radial_embedding.cutoff_fn.p": torch.tensor(POWER),
        "atomic_energies_fn.atomic_energies": draw(species),
        "scale_shift.scale": draw(),
        "scale_shift.shift": draw(),
    }
    left = range(1)
    for t in range(2):
        start, out = f"interactions.{t}.", hidden if t == 0 else range(1)
        found[start + "linear_up.weight"] = draw(len(left) * CHANNELS**2)
        route = paths(left, max_degree)
        widths = [FUNCTIONS, HIDDEN, HIDDEN, len(route) * CHANNELS]
        for k in range(3):
            found[f"{start}conv_tp_weights.layer{k}.weight"] = draw(widths[k], widths[k + 1])
        for path in route:
            if min(path):
                key = "_w3j_" + "_".join(map(str, path))
                found[f"{start}conv_tp._compiled_main_left_right.{key}"] = coupling(*path)
        found[start + "linear.weight"] = draw(len(route) * CHANNELS**2)
        kept = len(set(left) & set(out)) if residual or t else max_degree + 1
        found[start + "skip_tp.weight"] = draw(kept * CHANNELS * species * CHANNELS)
        for k, degree in enumerate(out):
            name = f"products.{t}.symmetric_contractions.contractions.{k}."
            for order in range(1, correlation + 1):
                tensor = slots(max_degree, order, degree)
                found[f"{name}U_matrix_{order}"] = tensor[0] if degree == 0 else tensor
                short = "weights_max" if order == correlation else f"weights.{correlation - order - 1}"
                found[name + short] = draw(species, tensor.shape[-1], CHANNELS)
        found[f"products.{t}.linear.weight"] = draw(len(out) * CHANNELS**2)
        left = out
    found["readouts.0.linear.weight"] = draw(CHANNELS)
    found["readouts.1.linear_1.weight"] = draw(CHANNELS * READOUT)
    found["readouts.1.linear_2.weight"] = draw(READOUT)
    return found


def blocks(flat, rows, degrees):
    """One matrix for each degree, divided by the root of its number of rows."""
    sizes = [rows[l] * CHANNELS for l in degrees]
    return {
        l: part.reshape(rows[l], -1) / rows[l] ** 0.5
        for l, part in zip(degrees, torch.split(flat, sizes), strict=True)
    }


def energies(given, graph, max_degree, correlation, residual):
    """What mace-torch computes from its state."""
    species = torch.tensor([ELEMENTS.index(int(z)) for z in graph.atomic_numbers])
    hot = one_hot(species, len(ELEMENTS)).double()
    vectors = graph.vectors
    d = vectors.norm(dim=1, keepdim=True)
    x, p = d / CUTOFF, POWER
    envelope = 1 - (p + 1) * (p + 2) / 2 * x**p + p * (p + 2) * x ** (p + 1) - p * (p + 1) / 2 * x ** (p + 2)
    waves = (2 / CUTOFF) ** 0.5 * torch.sin(given["radial_embedding.bessel_fn.bessel_weights"] * d) / d
    y = {
        l: e3nn.o3.spherical_harmonics(l, vectors, normalize=True, normalization="component")
        for l in range(max_degree + 1)
    }
    embedding = given["node_embedding.linear.weight"].reshape(len(ELEMENTS), -1)
    h = {0: (hot @ embedding / len(ELEMENTS) ** 0.5)[:, :, None]}
    total = torch.zeros(graph.nodes, dtype=torch.float64)
    for t in range(2):
        start, every = f"interactions.{t}.", range(max_degree + 1)
        up = blocks(given[start + "linear_up.weight"], dict.fromkeys(h, CHANNELS), list(h))
        up = {l: torch.einsum("ncm,cd->ndm", value, up[l]) for l, value in h.items()}
        w = waves * envelope
        for k in range(3):
            matrix = given[f"{start}conv_tp_weights.layer{k}.weight"]
            w = w @ matrix / len(matrix) ** 0.5
            w = SILU_FACTOR * silu(w) if k < 2 else w
        route = paths(h, max_degree)
        sums: dict = {l: [] for l in every}
        for k, (l1, l2, l3) in enumerate(route):
            table, own = (2 * l3 + 1) ** 0.5 * coupling(l1, l2, l3), w[:, k * CHANNELS : (k + 1) * CHANNELS]
            edges = torch.einsum("abm,eca,eb,ec->ecm", table, up[l1][graph.senders], y[l2], own)
            sums[l3].append(graph.sum_receivers(edges))
        a = {l: torch.cat(parts, 1) for l, parts in sums.items()}
        mix = blocks(given[start + "linear.weight"], {l: a[l].shape[1] for l in every}, every)
        a = {l: torch.einsum("ncm,cd->ndm", value, mix[l]) / NEIGHBORS for l, value in a.items()}

        def skip(features, degrees, start=start):
            parts = given[start + "skip_tp.weight"].reshape(-1, CHANNELS, len(ELEMENTS), CHANNELS)
            factor = (CHANNELS * len(ELEMENTS)) ** -0.5
            return {
                l: factor * torch.einsum("ncm,nz,czd->ndm", features[l], hot, part)
                for l, part in zip(degrees, parts, strict=True)
            }

        out = range(2) if t == 0 else range(1)
        own = skip(h, sorted(set(h) & set(out))) if residual or t else {}
        a = a if residual or t else skip(a, every)
        flat, new = torch.cat([a[l] for l in every], 2), {}
        for k, l in enumerate(out):
            name = f"products.{t}.symmetric_contractions.contractions.{k}."
            value: float | torch.Tensor = 0.0
            for order in range(1, correlation + 1):
                tensor = given[f"{name}U_matrix_{order}"]
                tensor = tensor[None] if l == 0 else tensor
                short = "weights_max" if order == correlation else f"weights.{correlation - order - 1}"
                axes = "abc"[:order]
                factors = ",".join(f"nz{axis}" for axis in axes)
                value = value + torch.einsum(
                    f"m{axes}k,nkz,{factors}->nzm", tensor, given[name + short][species], *[flat] * order
                )
            new[l] = value
        matrices = blocks(given[f"products.{t}.linear.weight"], dict.fromkeys(new, CHANNELS), list(new))
        h = {l: torch.einsum("ncm,cd->ndm", value, matrices[l]) + own.get(l, 0) for l, value in new.items()}
        if t == 0:
            total = total + h[0][:, :, 0] @ given["readouts.0.linear.weight"] / CHANNELS**0.5
    first = given["readouts.1.linear_1.weight"].reshape(CHANNELS, READOUT) / CHANNELS**0.5
    hidden = SILU_FACTOR * silu(h[0][:, :, 0] @ first)
    total = total + hidden @ given["readouts.1.linear_2.weight"] / READOUT**0.5
    scaled = given["scale_shift.scale"] * total + given["scale_shift.shift"]
    return scaled + given["atomic_energies_fn.atomic_energies"][species]


@pytest.mark.parametrize("products", ["independent", "ordered"])
@pytest.mark.parametrize(("residual", "max_degree", "correlation"), [(True, 2, 2), (False, 1, 3)])
def test_the_model_computes_what_mace_torch_does(residual, max_degree, correlation, products):
    given = state(residual, max_degree, correlation)
    model = from_mace(given, NEIGHBORS, products)
    wanted = energies(given, graph(), max_degree, correlation, residual)
    torch.testing.assert_close(model(graph())["energies"], wanted, rtol=0, atol=1e-11)


@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_a_repulsion_of_nuclei_is_scaled_with_the_rest(scale):
    given = state(False, 1, 2) | {"scale_shift.scale": torch.tensor(scale)}
    close = to_graph(torch.tensor([[0, 0, 0], [0.8, 0, 0]]), [1, 8], CUTOFF, dtype=torch.float64)
    plain, repelled = (from_mace(each, NEIGHBORS)(close)["energies"] for each in (given, given | REPELLED))
    # As found by mace-torch 0.3.16.
    wanted = torch.full((2,), scale * 0.07935744467702187, dtype=torch.float64)
    torch.testing.assert_close(repelled - plain, wanted, rtol=1e-6, atol=0)


def test_settings_are_found_in_the_shapes():
    config = from_mace(state(True, 2, 2), NEIGHBORS).config
    assert list(config.elements) == ["H", "O"]
    assert config.hidden == "3x0e+3x1o"
    assert (config.max_degree, list(config.correlation), list(config.radial)) == (2, [2, 2], [6, 6])
    assert (config.functions, config.power, config.readout, config.residual) == (4, 5, 5, True)


def test_the_factor_of_silu_is_that_of_a_million_draws():
    draws = torch.randn(1_000_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert float(silu(draws).square().mean() ** -0.5) == pytest.approx(SILU_FACTOR, abs=1e-12)


def test_what_has_no_counterpart_is_named():
    given = state(True, 1, 2)
    refused = "a model of mace-torch cannot be read with "
    with pytest.raises(ValueError, match=refused + "no r_max in its state"):
        from_mace({name: value for name, value in given.items() if name != "r_max"}, NEIGHBORS)
    with pytest.raises(ValueError, match=r"weights that this model does not have: les\.weight;"):
        from_mace({**given, "les.weight": torch.ones(1)}, NEIGHBORS)
    with pytest.raises(ValueError, match=refused + "covalent radii of its own in the repulsion of nuclei"):
        from_mace({**given, **REPELLED, "pair_repulsion_fn.covalent_radii": torch.ones(3)}, NEIGHBORS)
    trained = {"radial_embedding.bessel_fn.bessel_weights": torch.tensor([1.0, 2, 3, 4])}
    with pytest.raises(ValueError, match=refused + "trained frequencies"):
        from_mace({**given, **trained}, NEIGHBORS)
    heads = {"atomic_energies_fn.atomic_energies": torch.zeros(2, 2)}
    with pytest.raises(ValueError, match=refused + "4 energies of isolated atoms for 2 elements"):
        from_mace({**given, **heads}, NEIGHBORS)
    with pytest.raises(ValueError, match=refused + "a readout of its last layer that is linear"):
        from_mace({k: v for k, v in given.items() if "linear_2" not in k}, NEIGHBORS)


def package_model(name, first, hidden, max_degree, correlation):
    """A model of the package, its parameters drawn."""
    modules = pytest.importorskip("mace.modules")
    blocks = modules.interaction_classes
    torch.manual_seed(3)
    settings = {
        "r_max": CUTOFF,
        "num_bessel": 8,
        "num_polynomial_cutoff": POWER,
        "max_ell": max_degree,
        "interaction_cls": blocks["RealAgnosticResidualInteractionBlock"],
        "interaction_cls_first": blocks[first],
        "num_interactions": 2,
        "num_elements": 2,
        "hidden_irreps": e3nn.o3.Irreps(hidden),
        "MLP_irreps": e3nn.o3.Irreps("16x0e"),
        "gate": silu,
        "atomic_energies": torch.tensor([-13.6, -2042.0]).numpy(),
        "avg_num_neighbors": NEIGHBORS,
        "atomic_numbers": list(ELEMENTS),
        "correlation": correlation,
        "radial_MLP": [16, 16],
    }
    if name == "ScaleShiftMACE":
        settings |= {"atomic_inter_scale": 0.7, "atomic_inter_shift": -0.2, "pair_repulsion": True}
    model = getattr(modules, name)(**settings)
    for parameter in model.parameters():
        parameter.data = torch.randn_like(parameter)
    return model


def package_results(model, graph):
    cells = graph.cells.index_select(0, graph.systems.index_select(0, graph.receivers))
    starts = torch.bincount(graph.systems).cumsum(0)
    return model(
        {
            "positions": graph.positions.clone(),
            "node_attrs": one_hot(
                torch.searchsorted(torch.tensor(ELEMENTS), graph.atomic_numbers), 2
            ).double(),
            "edge_index": torch.stack([graph.senders, graph.receivers]),
            "shifts": (graph.shifts[:, None] @ cells)[:, 0],
            "unit_shifts": graph.shifts,
            "cell": graph.cells.reshape(-1, 3),
            "batch": graph.systems,
            "ptr": torch.cat([torch.zeros(1, dtype=torch.int64), starts]),
            "head": torch.zeros(len(graph.cells), dtype=torch.int64),
        },
        compute_stress=True,
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "first", "hidden", "max_degree", "correlation"),
    [
        ("ScaleShiftMACE", "RealAgnosticResidualInteractionBlock", "8x0e+8x1o+8x2e", 3, 3),
        ("MACE", "RealAgnosticInteractionBlock", "8x0e+8x1o", 2, [2, 3]),
    ],
)
def test_energies_forces_and_stress_are_those_of_the_package(name, first, hidden, max_degree, correlation):
    atoms = graph()
    torch.set_default_dtype(torch.float64)
    try:
        theirs = package_model(name, first, hidden, max_degree, correlation)
        found = package_results(theirs, atoms)
    finally:
        torch.set_default_dtype(torch.float32)
    for products in ("independent", "ordered"):
        model = from_mace(theirs.state_dict(), NEIGHBORS, products)
        assert isinstance(model, MACE)
        ours = Potential(model).eval()(atoms)
        for key, scale in (("energy", found["energy"]), ("forces", found["forces"])):
            unit = 1 + float(scale.detach().abs().max())
            torch.testing.assert_close(ours[key] / unit, found[key].detach() / unit, rtol=0, atol=1e-11)
        torch.testing.assert_close(ours["stress"][1], found["stress"][1].detach(), rtol=1e-9, atol=1e-9)
