import numpy as np
import pytest
import torch

from cartesian.nn import testing
from cartesian.nn.graph import Graph
from cartesian.nn.heads.forces import Potential
from cartesian.nn.heads.repulsion import ZBL, Repulsion, parse_repulsion


def model(zbl):
    return lambda graph: {"energy": graph.sum_systems(zbl(graph)), "energies": zbl(graph)}


def test_repulsion_obeys_all_laws():
    testing.assert_potential(Potential(model(ZBL(cutoff=2.5))).eval(), [1, 8], 2.5)


def dimer(d, *numbers):
    return Graph.from_edges(torch.tensor([[0, 0, 0], [d, 0, 0]]).double(), numbers, [0, 1], [1, 0])


@pytest.mark.parametrize(("d", "numbers"), [(0.1, (14, 14)), (0.5, (1, 79)), (1.0, (6, 8))])
def test_energies_are_those_of_the_published_function(d, numbers):
    x = d * (numbers[0] ** 0.23 + numbers[1] ** 0.23) / 0.4685
    phi = (
        0.18175 * np.exp(-3.19980 * x)
        + 0.50986 * np.exp(-0.94229 * x)
        + 0.28022 * np.exp(-0.40290 * x)
        + 0.02817 * np.exp(-0.20162 * x)
    )
    wanted = 14.399645 * numbers[0] * numbers[1] / d * phi
    energies = ZBL(cutoff=1e9)(dimer(d, *numbers))
    assert float(energies.sum()) == pytest.approx(wanted, rel=1e-6)
    assert energies[0] == energies[1]


def test_repulsion_ends_where_covalent_radii_touch():
    zbl = ZBL()
    radii = 0.31 + 0.66  # H and O
    assert zbl(dimer(radii + 1e-9, 1, 8)).sum() == 0
    assert zbl(dimer(radii - 0.2, 1, 8)).sum() > 0


def test_no_pair_reaches_farther_than_the_edges():
    caesium = 2 * 2.44
    assert ZBL()(dimer(caesium - 0.01, 55, 55)).sum() > 0
    zbl = parse_repulsion(True, longest=4.0)
    assert zbl is not None
    assert 0 < zbl(dimer(4.0 - 1e-3, 55, 55)).sum() < 1e-9
    testing.assert_potential(Potential(model(zbl)).eval(), [1, 55], 4.0)
    with pytest.raises(ValueError, match=r"a repulsion up to 5\.0 Å needs edges as long; they end at 4\.0 Å"):
        parse_repulsion({"cutoff": 5.0}, longest=4.0)


def test_tables_keep_their_digits():
    zbl = ZBL()
    before = zbl.radii.clone()
    assert torch.equal(zbl.half().double().radii, before)
    assert not list(zbl.state_dict())


def test_an_atom_does_not_repel_itself():
    graph = Graph.from_edges(torch.zeros(1, 3).double().requires_grad_(), [8], [0], [0])
    energy = ZBL()(graph).sum()
    assert energy == 0
    (slope,) = torch.autograd.grad(energy, graph.positions)
    assert slope.tolist() == [[0, 0, 0]]


def test_a_cutoff_is_a_length():
    with pytest.raises(ValueError, match=r"a positive length in Å, not 0\.0"):
        ZBL(cutoff=0.0)


def test_a_setting_is_yes_no_or_arguments_by_name():
    assert parse_repulsion(False) is None
    graph = dimer(0.7, 1, 8)
    given: tuple[tuple[Repulsion, ZBL], ...] = ((True, ZBL()), ({"cutoff": 1.5}, ZBL(cutoff=1.5)))
    for setting, wanted in given:
        found = parse_repulsion(setting)
        assert found is not None
        assert torch.equal(found(graph), wanted(graph))
    with pytest.raises(ValueError, match=r"a mapping of cutoff, power, .*constant; not \{'reach': 2\}"):
        parse_repulsion({"reach": 2})
    with pytest.raises(ValueError, match=r"true, false, or a mapping .* not 'zbl'"):
        parse_repulsion("zbl")
