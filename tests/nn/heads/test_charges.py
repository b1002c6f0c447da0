import numpy as np
import pytest
import torch
from hypothesis import given

from cartesian.nn import testing
from cartesian.nn.graph import Graph
from cartesian.nn.heads.charges import COULOMB, coulomb_energies, equilibrate, reaction_field_energies

CUTOFF = 3.0


@given(testing.graphs([1, 8], CUTOFF))
def test_charges_add_up_to_the_total_charge(graph):
    graph = graph.replace(charges=torch.randn_like(graph.charges))
    occupied = graph.count_systems() > 0
    for softness in (torch.randn(graph.nodes, 4).double(), torch.zeros(graph.nodes, 4).double()):
        found = equilibrate(torch.randn(graph.nodes, 4).double(), softness, graph)
        wanted = graph.charges[:, None].expand(-1, 4)
        assert torch.allclose(graph.sum_systems(found)[occupied], wanted[occupied], atol=1e-12)


def test_soft_atoms_take_the_difference():
    graph = Graph.from_edges(torch.zeros(2, 3).double(), [1, 1], [], [], charges=1.0)
    found = equilibrate(torch.zeros(2, 1).double(), torch.tensor([[1.0], [3.0]]).double(), graph)
    assert found.flatten().tolist() == pytest.approx([0.1, 0.9], abs=1e-6)


@given(testing.structures([1, 8], 5, crystal=False))
def test_the_coulomb_energy_is_that_of_all_pairs(structure):
    graph = structure.graph(CUTOFF)
    charges = torch.randn(graph.nodes, 2).double()
    found = coulomb_energies(charges, graph, damping=2.0).sum(0)
    wanted = np.zeros(2)
    for i in range(graph.nodes):
        for j in range(i):
            d = np.linalg.norm(structure.positions[i] - structure.positions[j])
            g = np.exp(1 - 1 / (1 - (d / 2) ** 2)) if d < 2 else 0.0
            wanted += (1 - g) * 14.399645 * (charges[i] * charges[j]).numpy() / d
    assert np.allclose(found.numpy(), wanted, rtol=1e-6)


def test_a_far_pair_has_the_energy_of_points():
    graph = Graph.from_edges([[0.0, 0, 0], [10.0, 0, 0]], [1, 1], [], [])
    energies = coulomb_energies(torch.tensor([[1.0], [-1.0]]), graph)
    assert float(energies.sum()) == pytest.approx(-1.4399645, rel=1e-6)
    assert pytest.approx(14.3996454784, rel=1e-10) == COULOMB


def test_coulomb_energies_are_smooth_from_zero_to_beyond_the_damping():
    def energy(d):
        zero = torch.zeros_like(d)
        positions = torch.stack([torch.stack([zero, zero, zero]), torch.stack([d, zero, zero])])
        graph = Graph.from_edges(torch.zeros(2, 3).double(), [1, 1], [], []).replace(positions=positions)
        return coulomb_energies(torch.ones(2, 1).double(), graph, damping=2.0).sum()

    for d in (0.0, 1e-3, 1.0, 1.9999, 2.0, 2.5):
        length = torch.tensor(d, dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(energy(length), length, create_graph=True)
        (curvature,) = torch.autograd.grad(slope, length)
        assert torch.isfinite(slope)
        assert torch.isfinite(curvature)
    lengths = torch.tensor([0.3, 1.0, 1.9, 2.5], dtype=torch.float64)
    for d in lengths:
        assert torch.autograd.gradcheck(energy, (d.clone().requires_grad_(),))


def test_all_pairs_of_a_crystal_are_refused():
    graph = testing.Structure(np.zeros((1, 3)), np.array([1]), 2 * np.eye(3), (True,) * 3).graph(CUTOFF)
    with pytest.raises(ValueError, match=r"edges cross cells: take reaction_field_energies"):
        coulomb_energies(torch.ones(1, 1).double(), graph)


@given(testing.structures([1, 8], 5))
def test_reaction_fields_count_edges_and_end_at_the_cutoff(structure):
    graph = structure.graph(4.0)
    charges = torch.randn(graph.nodes, 1).double()
    found = reaction_field_energies(charges, graph, CUTOFF)
    assert torch.allclose(found, reaction_field_energies(charges, structure.graph(CUTOFF), CUTOFF))


@pytest.mark.parametrize("permittivity", [1.0, 78.3, float("inf")])
def test_the_reaction_field_vanishes_at_the_cutoff(permittivity):
    d = torch.tensor(CUTOFF - 1e-9, dtype=torch.float64, requires_grad=True)
    positions = torch.stack([torch.zeros(3).double(), d * torch.tensor([0.0, 1.0, 0.0]).double()])
    graph = Graph.from_edges(torch.zeros(2, 3).double(), [1, 1], [0, 1], [1, 0]).replace(positions=positions)
    energy = reaction_field_energies(torch.ones(2, 1).double(), graph, CUTOFF, permittivity).sum()
    (slope,) = torch.autograd.grad(energy, d)
    assert abs(float(energy.detach())) < 1e-7
    assert float(slope) == pytest.approx(-3 / (2 * permittivity + 1) * COULOMB / CUTOFF**2, abs=1e-6)
