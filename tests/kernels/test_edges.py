"""Edges: sorted once, checked at the door."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cartesian.kernels.edges import sort_edges


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=20))
def test_segments_hold_the_edges_of_their_receiver_in_order(pairs):
    senders, receivers = np.array(pairs, dtype=int).reshape(-1, 2).T
    edges = sort_edges(senders, receivers, 5)
    for node in range(5):
        segment = edges.order[edges.starts[node] : edges.starts[node + 1]]
        assert segment.tolist() == [e for e, pair in enumerate(pairs) if pair[1] == node]
    same = sort_edges(torch.from_numpy(senders), torch.from_numpy(receivers), 5)
    assert all((a.numpy() == b).all() for a, b in zip(same[:4], edges[:4], strict=True))


@pytest.mark.parametrize("library", [np.array, torch.tensor])
def test_bad_indices_are_named(library):
    with pytest.raises(
        ValueError, match=r"senders run from 0 to 3, but there are 3 rows: .* between 0 and 2"
    ):
        sort_edges(library([0, 3]), library([0, 1]), 3)
    with pytest.raises(ValueError, match="receivers run from -1 to 1"):
        sort_edges(library([0, 2]), library([-1, 1]), 3)
    with pytest.raises(ValueError, match="2 senders and 1 receivers"):
        sort_edges(library([0, 2]), library([1]), 3)
    with pytest.raises(TypeError, match=r"senders hold integers, not .*float"):
        sort_edges(library([0.0]), library([1]), 3)
    with pytest.raises(ValueError, match=r"senders are one list of indices, not an array of shape \(1, 1\)"):
        sort_edges(library([[0]]), library([1]), 3)
