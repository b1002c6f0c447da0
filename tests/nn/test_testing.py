"""The laws of potentials must accept what is right and refuse what is wrong."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from cartesian.nn import testing
from cartesian.nn.graph import safe_norm
from cartesian.nn.heads.forces import Potential
from cartesian.nn.radial.envelopes import PolynomialEnvelope

CUTOFF, ELEMENTS = 3.0, [1, 8]
ENVELOPE = PolynomialEnvelope(CUTOFF)


def pairs(graph, function=lambda d: torch.exp(-d) * ENVELOPE(d)):
    """A pair potential that depends on the elements."""
    d = safe_norm(graph.vectors)
    charges = graph.atomic_numbers.double()
    return graph.sum_receivers(function(d) * (charges[graph.senders] + 2 * charges[graph.receivers]))


def energy(energies, graph):
    return {"energy": graph.sum_systems(energies), "energies": energies}


def right(graph):
    return energy(pairs(graph), graph)


def test_a_right_potential_passes_all_laws():
    def model(graph):
        dipoles = graph.sum_receivers(graph.vectors * ENVELOPE(safe_norm(graph.vectors))[:, None])
        polar = graph.sum_systems(dipoles[:, :, None] * dipoles[:, None])
        return right(graph) | {"dipole": graph.sum_systems(dipoles), "polarizability": polar}

    testing.assert_potential(Potential(model).eval(), ELEMENTS, CUTOFF)


def test_a_model_without_forces_is_tested_for_what_it_has():
    testing.assert_potential(right, ELEMENTS, CUTOFF)


def not_invariant(graph):
    return energy(pairs(graph) + 1e-3 * graph.sum_receivers(graph.vectors[:, 0].square()), graph)


def not_translated(graph):
    return energy(pairs(graph) + 1e-3 * safe_norm(graph.positions), graph)


def chiral(graph):
    i, j = graph.receivers, graph.senders
    v = graph.sum_receivers(graph.vectors * ENVELOPE(safe_norm(graph.vectors))[:, None])
    triple = torch.linalg.cross(v[j], graph.vectors) * v[i]
    return energy(graph.sum_receivers(triple.sum(-1) * graph.atomic_numbers[j]), graph)


def ordered(graph):
    return energy(pairs(graph) * torch.arange(1, graph.nodes + 1), graph)


def mean(graph):
    return energy(pairs(graph) / graph.nodes, graph)


def jumping(graph):
    return energy(pairs(graph, lambda d: torch.exp(-d)), graph)


def kinked(graph):
    return energy(pairs(graph, lambda d: CUTOFF - d), graph)


def infinite(graph):
    d = graph.vectors.square().sum(-1).sqrt()
    angle = torch.acos((graph.vectors[:, 2] / d).clamp(-1, 1))
    return energy(pairs(graph) + graph.sum_receivers(angle * ENVELOPE(d)), graph)


@pytest.mark.parametrize(
    ("model", "law", "message"),
    [
        (not_invariant, testing.assert_euclidean, "energy deviates by .* under the matrix of determinant"),
        (not_translated, testing.assert_euclidean, "energy deviates"),
        (chiral, testing.assert_euclidean, "determinant -1"),
        (ordered, testing.assert_permutable, "energ.* deviates by .* with the atoms in the order"),
        (mean, testing.assert_extensive, "energ.* deviates by .* in a batch of three systems"),
        (jumping, testing.assert_smooth, "energy deviates by .* crosses the cutoff"),
        (infinite, testing.assert_finite, "(forces|gradient) is not finite for a"),
    ],
)
def test_each_law_refuses_what_breaks_it(model, law, message):
    with pytest.raises(AssertionError, match=message):
        law(Potential(model, stress=False).eval(), ELEMENTS, CUTOFF)


def test_chiral_models_obey_rotations():
    testing.assert_euclidean(chiral, ELEMENTS, CUTOFF, parity=False)


def test_a_kink_at_the_cutoff_is_seen_in_the_forces():
    with pytest.raises(AssertionError, match=r"forces deviates by .* as an atom crosses the cutoff"):
        testing.assert_smooth(Potential(kinked).eval(), ELEMENTS, CUTOFF)


def test_an_energy_that_knows_its_cell_is_refused():
    def model(graph):
        return {"energy": graph.sum_systems(pairs(graph)) + 1e-3 * graph.volumes.sqrt()}

    with pytest.raises(AssertionError, match=r"energy deviates by .* with the cell doubled along"):
        testing.assert_replicable(model, ELEMENTS, CUTOFF)


def test_forces_that_are_no_gradients_are_refused():
    def model(graph):
        results = Potential(right)(graph)
        return results | {"forces": results["forces"] * 1.0001 + 0.01}

    with pytest.raises(AssertionError, match="forces give a slope of"):
        testing.assert_conservative(model, ELEMENTS, CUTOFF)


def test_a_wrong_sign_of_the_virial_is_refused():
    def model(graph):
        results = Potential(right)(graph)
        return results | {"virial": -results["virial"]}

    with pytest.raises(AssertionError, match="the virial gives"):
        testing.assert_conservative(model, ELEMENTS, CUTOFF)


def test_results_have_one_row_per_atom_or_system():
    with pytest.raises(AssertionError, match=r"energy has shape \(\d,\), not \(1,\): one row per system"):
        testing.assert_euclidean(lambda graph: {"energy": torch.zeros(graph.nodes + 1)}, ELEMENTS, CUTOFF)
    with pytest.raises(AssertionError, match="the model returns none of energy, energies"):
        testing.assert_euclidean(lambda _: {}, ELEMENTS, CUTOFF)


@given(testing.structures(ELEMENTS, max_atoms=30))
def test_drawn_atoms_keep_their_distance(structure):
    graph = structure.graph(3.0)
    assert (safe_norm(graph.vectors) > 0.7).all()
    assert set(structure.numbers) <= set(ELEMENTS)


@settings(max_examples=20)
@given(testing.graphs(ELEMENTS, CUTOFF))
def test_drawn_graphs_are_sorted_batches(graph):
    assert (np.diff(graph.receivers) >= 0).all()
    assert (graph.systems[graph.senders] == graph.systems[graph.receivers]).all()
