r"""Pairs of atoms, each of which is two edges of one length: a function of the length is computed once."""

from typing import NamedTuple

import torch
from torch import Tensor

from cartesian.kernels.edges import Edges
from cartesian.nn.graph import Graph


class Pairs(NamedTuple):
    """Which edges belong together; without tensors every edge stands for itself.

    Attributes:
        first: `(pairs,)`, one edge of each pair.
        pair: `(edges,)`, the pair of each edge.
    """

    first: Tensor | None = None
    pair: Tensor | None = None

    @classmethod
    def of(cls, graph: Graph) -> "Pairs":
        """The pairs of a graph.

        Edges stand for themselves if one has no opposite or occurs twice; and on other devices than the CPU
        and in compiled code, where the search would take longer than it saves.

        Examples:
            >>> positions = [[0.0, 0, 0], [1.0, 0, 0]]
            >>> Pairs.of(Graph.from_edges(positions, [1, 1], senders=[0, 1], receivers=[1, 0]))
            Pairs(first=tensor([0]), pair=tensor([0, 0]))
        """
        if torch.compiler.is_compiling() or graph.senders.device.type != "cpu" or not len(graph.senders):
            return cls()
        shifts = graph.shifts.detach().to(torch.int64)
        reach = int(shifts.abs().max())
        edge, opposite = (
            a * graph.nodes + b
            for a, b in ((graph.receivers, graph.senders), (graph.senders, graph.receivers))
        )
        for axis in range(3 if reach else 0):
            edge = edge * (2 * reach + 1) + shifts[:, axis]
            opposite = opposite * (2 * reach + 1) - shifts[:, axis]
        ordered, order = torch.sort(edge)
        place = torch.searchsorted(ordered, opposite).clamp(max=len(order) - 1)
        other, own = order[place], torch.arange(len(order))
        if not (torch.equal(ordered[place], opposite) and torch.equal(other[other], own)):
            return cls()
        first = torch.minimum(own, other)
        is_first = first == own
        return cls(is_first.nonzero()[:, 0], (is_first.cumsum(0) - 1)[first])

    def join(self, edges: Edges) -> Edges:
        """The edges, and which of them share their weights."""
        return edges._replace(pair=self.pair, first=self.first)

    def reduce(self, values: Tensor) -> Tensor:
        """Values `(edges, ...)` of the first edge of each pair, `(pairs, ...)`."""
        return values if self.first is None else values.index_select(0, self.first)

    def expand(self, values: Tensor) -> Tensor:
        """Values `(pairs, ...)` of each edge, `(edges, ...)`."""
        return values if self.pair is None else values.index_select(0, self.pair)
