"""Neighbours that are kept must be those that a new search would find."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from cartesian.nn.calculators.moving_graph import MovingGraph, within
from cartesian.nn.data.batching import to_graph
from cartesian.nn.testing import structures

CUTOFF = 2.0


def edges(graph):
    rows = torch.cat([graph.senders[:, None], graph.receivers[:, None], graph.shifts.long()], 1)
    return sorted(map(tuple, rows.tolist()))


@settings(max_examples=20)
@given(structures([1, 8]), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.2, 1.0]))
def test_a_trajectory_has_the_graphs_of_a_new_search_at_every_step(structure, seed, skin):
    rng = np.random.default_rng(seed)
    moving = MovingGraph(CUTOFF, skin, torch.float64)
    positions = structure.positions.copy()
    for _ in range(6):
        positions += rng.uniform(-0.06, 0.06, positions.shape)
        arguments = (positions, structure.numbers)
        box = (structure.cell, structure.periodic)
        found = moving.graph(*arguments, *box)
        wanted = to_graph(*arguments, CUTOFF, *box, dtype=torch.float64)
        assert edges(found) == edges(wanted)
        assert_close(found.starts, wanted.starts)
        assert_close(found.order, wanted.order)
        assert_close(found.positions, wanted.positions)
    assert moving.searches == 6 if skin == 0.0 and len(positions) else moving.searches <= 6


def test_neighbours_are_searched_again_after_half_the_skin_and_not_before():
    moving = MovingGraph(CUTOFF, 0.5, torch.float64)
    positions = np.array([[0.0, 0, 0], [0, 0, 1.5]])
    for step, searches in ((0.0, 1), (0.24, 1), (0.26, 2), (0.27, 2)):
        moving.graph(positions + np.array([[0, 0, 0], [0, 0, step]]), [1, 8])
        assert moving.searches == searches


@pytest.mark.parametrize(
    "change", [{"atomic_numbers": [1, 1]}, {"cell": 7 * np.eye(3)}, {"periodic": False}, {"charge": 1.0}]
)
def test_another_system_is_searched_anew(change):
    moving = MovingGraph(CUTOFF, 0.5, torch.float64)
    system = {"atomic_numbers": [1, 8], "cell": 5 * np.eye(3), "periodic": True, "charge": 0.0}
    positions = [[0.0, 0, 0], [0, 0, 1.5]]
    moving.graph(positions, **system)
    found = moving.graph(positions, **(system | change))
    assert moving.searches == 2
    assert float(found.charges) == (system | change)["charge"]


def test_edges_within_a_cutoff_keep_their_order():
    line = to_graph([[0.0, 0, 0], [0, 0, 1], [0, 0, 2.5]], [1, 1, 1], 3.0, dtype=torch.float64)
    near = within(line, 1.2)
    assert edges(near) == [(0, 1, 0, 0, 0), (1, 0, 0, 0, 0)]
    assert near.starts.tolist() == [0, 1, 2, 2]


def test_a_negative_skin_is_refused():
    with pytest.raises(ValueError, match=r"a skin is a length in Å, zero or more, not -0\.1"):
        MovingGraph(CUTOFF, -0.1)


def test_positions_that_are_no_numbers_are_seen():
    moving = MovingGraph(CUTOFF, 0.5)
    moving.graph([[0.0, 0, 0]], [1])
    with pytest.raises(ValueError, match="atom 0 of the structure is at"):
        moving.graph([[np.nan, 0, 0]], [1])
