"""MACE against its equations written out with dense couplings, its published size, and the laws."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from cartesian.nn import testing
from cartesian.nn.data import to_graph
from cartesian.nn.heads import Potential
from cartesian.nn.layers.basis import ProductBasis
from cartesian.nn.models.mace import MACE, PUBLISHED, Layer, MACEConfig
from cartesian.programs.slots import slot_matrix, slots
from cartesian.symbolic.trees import trees
from tests.nn.models.equations import (
    assert_written_out,
    coupling,
    geometry,
    messages,
    mixed,
    molecules,
    normalized,
    radial_weights,
)

ISOLATED = {"H": -13.6, "O": -2042.0}
SMALL = MACEConfig(
    ("H", "O"),
    cutoff=3.0,
    layers=2,
    hidden="2x0e + 2x1o",
    max_degree=1,
    correlation=(3, 2),
    products="ordered",
    functions=4,
    radial=(8,),
    readout=4,
    neighbors=3.0,
    scale=0.7,
    shift={"H": 0.1, "O": -0.2},
    isolated=ISOLATED,
)
VARIANTS = {
    "published": SMALL,
    "degree 2": replace(SMALL, max_degree=2, hidden="2x0e + 2x1o + 2x2e", correlation=2),
    "no residual": replace(SMALL, residual=False),
    "tables": replace(SMALL, radial=None, correlation=(1, 2)),
    "pseudotensors": replace(SMALL, hidden="2x0e + 2x1o + 2x2o", max_degree=2, correlation=2, layers=3),
}


def made(config):
    torch.manual_seed(0)
    return MACE(config).double().eval()


def products(basis, a, species):
    """Every coupling tree by itself, times its weight."""
    matrix = slot_matrix(basis.power, trees)
    lengths = np.where(matrix.any(1), np.linalg.norm(matrix, axis=1), 1)
    factors = torch.from_numpy(np.linalg.norm(basis.matrix, axis=1) / lengths)
    out: dict = {}
    for s, tree in enumerate(slots(basis.power, trees)):
        parts = [a[factor.irrep.degree, factor.irrep.parity] for factor in tree.factors]
        result = parts[0]
        for k in range(1, tree.correlation):
            degrees = tree.partials[k - 1].degree, tree.factors[k].irrep.degree, tree.partials[k].degree
            result = torch.einsum("abo,nca,ncb->nco", coupling(*degrees), result, parts[k])
        key = tree.out.degree, tree.out.parity
        out[key] = out.get(key, 0) + (factors[s] * basis.weight[species, s])[:, :, None] * result
    return out


def transcribed(model, graph):
    """The published equations."""
    config = model.config
    d, y, species = geometry(graph, config.max_degree)
    h = {(0, 1): model.embedding.weight[species][:, :, None]}
    readings = torch.zeros(graph.nodes, dtype=torch.float64)
    for t, (layer, energy) in enumerate(zip(model.layers, model.energies, strict=True)):
        w = radial_weights(layer.radial, config, d, species[graph.senders])
        kept = [(degree, (-1) ** degree) for degree in range(config.max_degree + 1)]
        a = mixed(layer.message.mix, messages(graph, mixed(layer.message.up, h), y, w, kept))
        a = {key: value / config.neighbors for key, value in a.items()}
        if t == 0 and not config.residual:
            a = mixed(layer.mix, a, species)
        new = mixed(layer.linear, products(layer.product, a, species))
        if t > 0 or config.residual:
            own = mixed(layer.update.linear, h, species)
            new = {key: value + own.get(key, 0) for key, value in new.items()}
        h = new
        if t < config.layers - 1:
            readings = readings + mixed(energy, h)[0, 1].flatten()
        else:
            hidden = {(0, 1): normalized(mixed(energy.first, h)[0, 1])}
            readings = readings + mixed(energy.last, hidden)[0, 1].flatten()
    shift = torch.tensor(list(config.shift.values()), dtype=torch.float64)
    isolated = torch.tensor(list(ISOLATED.values()), dtype=torch.float64)
    return config.scale * readings + shift[species] + isolated[species]


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_it_computes_the_published_equations(config):
    assert_written_out(made(config), transcribed)


def test_the_independent_basis_is_the_same_model():
    published, own = made(SMALL), made(replace(SMALL, products="independent"))
    state = published.state_dict()
    for t, (theirs, ours) in enumerate(zip(published.layers, own.layers, strict=True)):
        assert isinstance(theirs.product, ProductBasis)
        assert isinstance(ours.product, ProductBasis)
        copies = np.einsum("zsc,sk->zkc", theirs.product.weight.detach().numpy(), theirs.product.matrix)
        copies = copies / ours.product.matrix.diagonal()[:, None]
        state[f"layers.{t}.product.weight"] = torch.from_numpy(copies)
    own.load_state_dict(state)
    graph = molecules()
    torch.testing.assert_close(own(graph)["energies"], published(graph)["energies"], rtol=0, atol=1e-11)


def test_published_settings_have_the_published_number_of_parameters():
    def count(config):
        return sum(p.numel() for p in MACE(config).parameters())

    assert count(PUBLISHED["AcAc"]) == 2_803_984
    assert count(replace(PUBLISHED["AcAc"], products="independent")) == 2_707_984


@pytest.mark.parametrize("config", [SMALL, VARIANTS["pseudotensors"]], ids=["published", "pseudotensors"])
def test_it_obeys_the_laws_of_potentials(config):
    config = replace(config, products="independent", targets=("dipole", "polarizability"), max_degree=2)
    model = made(replace(config, correlation=2, layers=2))
    testing.assert_potential(Potential(model).eval(), [1, 8], 3.0, reach=6.0, examples=2)


def test_interpolated_networks_are_close_to_the_networks():
    exact, splines = made(SMALL), made(replace(SMALL, knots=128))
    given = {name.replace("radial.", "radial.function."): value for name, value in exact.state_dict().items()}
    splines.load_state_dict(given)
    graph = molecules()
    torch.testing.assert_close(splines(graph)["energies"], exact(graph)["energies"], rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match="128 knots are for radial networks; tables of elements have none"):
        MACE(replace(SMALL, radial=None, knots=128))


def test_it_can_be_exported():
    model, graph = made(SMALL).requires_grad_(False), molecules()
    exported = torch.export.export(model, (graph,)).module()
    torch.testing.assert_close(exported(graph)["energy"], model(graph)["energy"], rtol=0, atol=1e-12)


def test_an_isolated_atom_has_its_own_energy_without_the_residual():
    graph = to_graph(torch.zeros(1, 3), [8], 3.0, dtype=torch.float64)
    model = made(replace(SMALL, residual=False, shift=0.0))
    assert model(graph)["energy"].tolist() == [-2042.0]


def test_targets_are_read_from_products_that_the_energy_does_not_need():
    model = made(replace(SMALL, hidden="2x0e", max_degree=2, correlation=2, targets=("polarizability",)))
    assert str(model.layers[-1].product.out) == "2x0e+2x2e"
    assert model(molecules())["polarizability"].shape == (2, 3, 3)
    with pytest.raises(ValueError, match=r"no product of up to 2 factors of 1x0e\+1x1o contains 3o"):
        MACE(replace(SMALL, targets=("hyperpolarizability",)))


def test_features_have_second_moment_one_if_messages_have():
    torch.manual_seed(0)
    layer = MACE(replace(SMALL, hidden="64x0e + 64x1o", products="independent")).layers[0]
    assert isinstance(layer, Layer)
    a = torch.randn(500, layer.product.irreps.dim)
    with torch.no_grad():
        new = layer.linear(layer.product(a, torch.zeros(500, dtype=torch.int64)))
    assert float(new.square().mean()) == pytest.approx(1.0, abs=0.2)


def test_second_derivatives_of_the_energy_are_right():
    torch.manual_seed(0)
    model = MACE(replace(SMALL, hidden="1x0e + 1x1o", correlation=2)).double()
    graph = to_graph(1.3 * torch.rand(3, 3), [1, 8, 1], 3.0, dtype=torch.float64)

    def energy(positions):
        return model(graph.replace(positions=positions))["energy"]

    positions = graph.positions.requires_grad_()
    assert torch.autograd.gradgradcheck(energy, positions)


def test_settings_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"equal numbers of channels and include 0e, not 2x0e\+4x1o"):
        MACE(replace(SMALL, hidden="2x0e + 4x1o"))
    with pytest.raises(ValueError, match=r"2 layers need one correlation each, not \[3\]"):
        MACE(replace(SMALL, correlation=(3,)))
