import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cartesian.nn.data.batching import batch, to_graph
from cartesian.nn.graph import Graph, safe_norm

CELL = np.array([[3.0, 0.5, 0], [0, 3.5, 0.2], [0.3, 0, -4.0]])


@pytest.fixture
def graph():
    rng = np.random.default_rng(0)
    single = to_graph(3 * rng.random((3, 3)), [1, 6, 8], 3.0, CELL, dtype=torch.float64)
    return batch([single, to_graph(np.eye(3), [1, 1, 8], 2.0, dtype=torch.float64)])


def test_vectors_run_from_sender_to_receiver_across_cells(graph):
    for e in range(len(graph.senders)):
        i, j = graph.receivers[e], graph.senders[e]
        wanted = graph.positions[i] - graph.positions[j] + graph.shifts[e] @ graph.cells[graph.systems[i]]
        assert torch.allclose(graph.vectors[e], wanted)


@given(st.permutations(range(6)))
def test_edges_are_sorted_by_receiver_whatever_the_order(permutation):
    senders, receivers = torch.tensor([0, 1, 2, 0, 1, 1]), torch.tensor([1, 0, 0, 2, 2, 1])
    shifts = torch.arange(18.0).reshape(6, 3)
    order = torch.tensor(permutation)
    graph = Graph.from_edges(
        torch.zeros(3, 3), [1, 1, 1], senders[order], receivers[order], shifts[order], torch.eye(3)
    )
    assert graph.receivers.tolist() == sorted(receivers.tolist())
    assert sorted(graph.shifts.tolist()) == shifts.tolist()
    assert graph.starts.tolist() == [0, 2, 4, 6]
    given = {(int(j), int(i), *map(float, s)) for j, i, s in zip(senders, receivers, shifts, strict=True)}
    kept = {
        (int(j), int(i), *map(float, s))
        for j, i, s in zip(graph.senders, graph.receivers, graph.shifts, strict=True)
    }
    assert kept == given


def test_a_strain_moves_vectors_as_it_moves_space(graph):
    strain = torch.from_numpy(np.random.default_rng(1).standard_normal((2, 3, 3)))
    systems = graph.systems[graph.receivers]
    wanted = torch.einsum("ea,eab->eb", graph.vectors, torch.eye(3) + strain[systems])
    assert torch.allclose(graph.strain(strain).vectors, wanted)


def test_volumes_are_positive_for_left_handed_cells_and_zero_without(graph):
    assert graph.volumes[0] == pytest.approx(abs(np.linalg.det(CELL)))
    assert graph.volumes[1] == 0


def test_a_graph_cannot_be_changed_in_place(graph):
    with pytest.raises(AttributeError):
        graph.positions = torch.zeros(1, 3)


def test_compile_and_export_take_graphs(graph):
    class Sum(torch.nn.Module):
        def forward(self, graph):
            return graph.sum_systems(graph.sum_receivers(safe_norm(graph.vectors)))

    wanted = Sum()(graph)
    compiled = torch.compile(Sum(), backend="eager", fullgraph=True)
    assert torch.equal(compiled(graph), wanted)
    dynamic = torch.export.Dim.DYNAMIC
    shapes = [{0: dynamic} for _ in vars(graph)]
    exported = torch.export.export(Sum(), (graph,), dynamic_shapes=(shapes,))
    larger = batch([graph, graph, graph])
    assert torch.allclose(exported.module()(larger), Sum()(larger))


def test_lengths_have_finite_derivatives_at_zero():
    vectors = torch.tensor([[0.0, 0, 0], [3.0, 4.0, 0]], dtype=torch.float64, requires_grad=True)
    lengths = safe_norm(vectors)
    assert lengths.tolist() == [0, 5]
    (first,) = torch.autograd.grad(lengths.sum(), vectors, create_graph=True)
    assert first[0].tolist() == [0, 0, 0]
    (second,) = torch.autograd.grad(first.square().sum() + first.sum(), vectors)
    assert torch.isfinite(second).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": torch.zeros(3)}, r"positions have shape \(nodes, 3\), not \(3,\)"),
        ({"atomic_numbers": [1]}, r"2 positions but atomic numbers of shape \(1,\)"),
        ({"senders": [2]}, "senders run from 2 to 2, but there are 2 rows"),
        ({"senders": [0, 1]}, "2 senders and 1 receivers"),
        ({"shifts": torch.zeros(3)}, r"shifts have shape \(3,\), where \(1, 3\) is needed"),
        ({"cells": torch.zeros(2, 2)}, r"cells have shape .*where \(1, 3, 3\)"),
        ({"systems": [0, 1], "cells": torch.eye(3)}, "atom 1 is of system 1, but there are 1 cells"),
        ({"systems": [1, 0]}, r"system by system.*\[1, 0\] does not ascend"),
        ({"systems": [0.0, 1.0]}, "systems are one integer per atom"),
        ({"charges": [1.0, 2.0]}, r"charges have shape \(2,\), where \(1,\)"),
    ],
)
def test_lists_that_do_not_fit_are_refused(changes, message):
    fields = {"positions": torch.zeros(2, 3), "atomic_numbers": [1, 1], "senders": [0], "receivers": [1]}
    with pytest.raises(ValueError, match=message):
        Graph.from_edges(**(fields | changes))


def test_a_graph_without_atoms_is_a_graph():
    graph = Graph.from_edges(torch.zeros(0, 3), torch.zeros(0), [], [])
    assert graph.vectors.shape == (0, 3)
    assert graph.sum_systems(torch.ones(0)).tolist() == [0.0]
