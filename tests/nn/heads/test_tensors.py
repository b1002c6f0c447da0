import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cartesian.nn import testing
from cartesian.nn.graph import Graph
from cartesian.nn.heads.tensors import Dipole, PositiveTensor, TensorHead, mean_atoms, sum_atoms
from cartesian.ops.spaces import TensorSpace
from cartesian.testing.arguments import Full
from cartesian.testing.laws import assert_equivariant

GRAPH = Graph.from_edges(torch.zeros(3, 3).double(), [1, 1, 8], [], [], systems=[0, 0, 1])
SPACES = ["ij=ji", "ij", "ijk=ikj", "ijkl=jikl=klij"]


@pytest.mark.parametrize("formula", SPACES)
@pytest.mark.parametrize("pool", [sum_atoms, mean_atoms, None])
def test_tensors_turn_with_their_parts(formula, pool):
    head = TensorHead(formula, pool)
    rank = head.space.rank
    assert_equivariant(
        lambda x: head(x, GRAPH), head.irreps, Full(rank), batch=3, dtype=torch.float64, examples=10
    )


def test_axial_tensors_do_not_change_sign():
    head = TensorHead(TensorSpace("ij=ji", axial=True))
    assert str(head.irreps) == "1x0o+1x2o"
    assert_equivariant(
        lambda x: head(x, GRAPH), head.irreps, Full(2, axial=True), batch=3, dtype=torch.float64, examples=10
    )


@pytest.mark.parametrize("formula", SPACES)
def test_tensors_have_their_index_symmetry_and_pool_by_system(formula):
    head = TensorHead(formula, scale=2.0)
    parts = torch.randn(3, head.irreps.dim).double()
    tensors = head(parts, GRAPH)
    assert torch.allclose(head.space.to_irreps(tensors), 2 * torch.stack([parts[:2].sum(0), parts[2]]))
    means = TensorHead(formula, mean_atoms)(parts, GRAPH)
    assert torch.allclose(means[0], tensors[0] / 4)
    assert TensorHead(formula, None)(parts, GRAPH).shape[0] == 3


@pytest.mark.parametrize("pool", [sum_atoms, mean_atoms, None])
def test_positive_tensors_turn_with_their_parts(pool):
    head = PositiveTensor(pool, scale=3.0)

    def bounded(x):
        """Of inputs of any size: exponentials of large ones are infinite."""
        return head(x / (1 + x.norm(dim=1, keepdim=True)), GRAPH)

    assert_equivariant(bounded, head.irreps, Full(2), batch=3, dtype=torch.float64, examples=10)


@settings(max_examples=20, deadline=None)
@given(arrays(np.float64, (3, 6), elements=st.floats(-3, 3, width=32)))
def test_the_logarithm_of_a_positive_tensor_is_the_mean_of_the_atoms(values):
    parts = torch.from_numpy(values)
    found = PositiveTensor(scale=2.0)(parts, GRAPH)
    logarithms = TensorHead("ij=ji", mean_atoms)(parts, GRAPH).numpy()
    for tensor, logarithm in zip(found.numpy(), logarithms, strict=True):
        eigenvalues, vectors = np.linalg.eigh(tensor)
        assert eigenvalues.min() > 0
        again = (vectors * np.log(eigenvalues / 2)) @ vectors.T
        np.testing.assert_allclose(
            again, logarithm, rtol=0, atol=1e-8 * eigenvalues.max() / eigenvalues.min()
        )


def test_equal_eigenvalues_have_finite_derivatives():
    parts = torch.zeros(3, 6).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: PositiveTensor()(x, GRAPH), parts)


def model(head):
    """Parts of each atom from the vectors to its neighbours."""

    def run(graph):
        vectors = graph.sum_receivers(
            graph.vectors * (3 - graph.vectors.square().sum(1)).clamp(min=0)[:, None]
        )
        numbers = graph.atomic_numbers[:, None].double()
        return {"dipole": head(torch.cat([numbers, vectors], 1)[:, -head.irreps.dim :], graph)}

    return run


@pytest.mark.parametrize("charges", [False, True])
def test_dipoles_obey_the_laws_of_space(charges):
    if charges:
        for seed in range(3):
            rng = np.random.default_rng(seed)
            molecule = testing.Structure(3 * rng.random((4, 3)), np.array([1, 8, 1, 6]), None, (False,) * 3)
            moved = molecule._replace(positions=-molecule.positions + 7)
            first, second = (model(Dipole(True))(s.graph(3.0))["dipole"] for s in (molecule, moved))
            assert torch.allclose(first, -second)
    else:
        testing.assert_euclidean(model(Dipole()), [1, 8], 3.0)


def test_point_charges_have_the_dipole_of_their_distance():
    graph = Graph.from_edges(torch.tensor([[5.0, 0, 0], [7.0, 0, 0]]), [1, 1], [], [])
    parts = torch.tensor([[1.5, 0, 0, 0], [-0.5, 0, 0, 0.25]])
    assert Dipole(charges=True)(parts, graph).tolist() == [[-2.0, 0, 0.25]]


def test_total_charges_are_met():
    graph = Graph.from_edges(torch.tensor([[0.0, 0, 0], [2.0, 0, 0]]), [1, 1], [], [], charges=1.0)
    # Half a charge on either atom, at equal distances from the mean of the positions.
    assert Dipole(charges=True)(torch.zeros(2, 4), graph).tolist() == [[0, 0, 0]]


def test_charges_of_crystals_have_no_dipole():
    crystal = testing.Structure(np.zeros((1, 3)), np.array([1]), 2 * np.eye(3), (True,) * 3).graph(3.0)
    with pytest.raises(ValueError, match="depends on which image of an atom is taken"):
        Dipole(charges=True)(torch.zeros(1, 4).double(), crystal)


@settings(max_examples=10)
@given(testing.graphs([1], 3.0))
def test_means_are_sums_over_the_number_of_atoms(graph):
    values = torch.randn(graph.nodes, 2, 3).double()
    means = mean_atoms(values, graph)
    counts = torch.bincount(graph.systems, minlength=len(graph.cells))
    for system, count in enumerate(counts):
        wanted = values[graph.systems == system].mean(0) if count else torch.zeros(2, 3).double()
        assert torch.allclose(means[system], wanted)
