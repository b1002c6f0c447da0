import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cartesian.kernels.edges import sort_edges
from cartesian.nn.data.batching import batch, to_graph


@st.composite
def graphs(draw, max_atoms=4):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    atoms = draw(st.integers(0, max_atoms))
    positions, numbers = 3 * rng.random((atoms, 3)), rng.integers(1, 10, atoms)
    cell = draw(st.sampled_from([None, np.eye(3) * 4, np.array([[4, 1, 0], [0, 5, 0], [1, 0, -4.0]])]))
    return to_graph(positions, numbers, 3.5, cell, charge=draw(st.integers(-1, 1)), dtype=torch.float64)


@given(st.lists(graphs(), min_size=1, max_size=3))
def test_a_batch_holds_the_edges_of_its_graphs(parts):
    whole = batch(parts)
    assert whole.nodes == sum(part.nodes for part in parts)
    assert torch.equal(whole.vectors, torch.cat([part.vectors for part in parts]))
    assert torch.equal(whole.volumes, torch.cat([part.volumes for part in parts]))
    plan = sort_edges(whole.senders, whole.receivers, whole.nodes)
    for found, wanted in zip(whole.edges, plan, strict=True):
        assert np.array_equal(found, wanted)


@given(st.lists(graphs(), min_size=1, max_size=3))
def test_sums_over_systems_are_those_of_the_graphs(parts):
    whole = batch(parts)
    sums = whole.sum_systems(whole.positions)
    assert torch.allclose(sums, torch.stack([part.positions.sum(0) for part in parts]))
    assert whole.count_systems().tolist() == [part.nodes for part in parts]


def test_a_batch_of_different_dtypes_is_refused():
    single = to_graph(np.zeros((1, 3)), [1], 3.0, dtype=torch.float32)
    with pytest.raises(ValueError, match=r"one dtype on one device.*float32.*float64"):
        batch([single, single.to(dtype=torch.float64)])


@pytest.mark.parametrize("number", [0, 119, -1, 6.5])
def test_an_atom_without_element_is_named(number):
    with pytest.raises(
        ValueError, match=rf"atom 1 of structure 'x' has the atomic number {number}.*1 to 118"
    ):
        to_graph(np.eye(3)[:2], [1, number], 3.0, name="x")


def test_neighbours_are_searched_in_float64_and_kept_in_the_dtype_asked_for():
    graph = to_graph([[0.0, 0, 0], [1.0, 0, 0]], [1, 1], 2.0, dtype=torch.float32)
    assert graph.positions.dtype == graph.shifts.dtype == graph.cells.dtype == torch.float32
    assert len(graph.senders) == 2


def test_positions_and_elements_must_be_as_many():
    with pytest.raises(ValueError, match="the structure has 2 positions and 1 atomic numbers"):
        to_graph(np.eye(3)[:2], [1], 3.0)
