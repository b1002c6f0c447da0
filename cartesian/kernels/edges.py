r"""Edges in the order in which kernels walk them: one segment per receiver.

Sums over the edges of a receiver run in one piece, in a fixed order, whatever the number of threads; so
they need no atomic additions, and their last digits never change.
"""

from typing import Any, NamedTuple

import numpy as np

from cartesian.kernels.arrays import namespace


class Edges(NamedTuple):
    """Index lists of a convolution, checked and sorted once; NumPy or torch, int64.

    Attributes:
        senders: `(edges,)`, the row an edge reads.
        receivers: `(edges,)`, the row it adds to.
        order: `(edges,)`, edges sorted by receiver; equal receivers keep their order.
        starts: `(receivers + 1,)`, where the segment of each receiver begins in `order`.
        nodes: Number of rows of the senders.
        pair: `(edges,)`, the row that an edge and its opposite share, at most two edges one row; or none.
        first: `(pairs,)`, one edge of each pair; or none.
    """

    senders: Any
    receivers: Any
    order: Any
    starts: Any
    nodes: int
    pair: Any = None
    first: Any = None

    def rows(self, place: str) -> Any:
        """Number of rows of an operand that has one per edge, pair, sender or receiver."""
        # No plain integers, which they are not while a compiler looks on.
        if place == "sender":
            return self.nodes
        if place == "receiver":
            return self.starts.shape[0] - 1
        return (self.first if place == "pair" else self.senders).shape[0]

    def row_of(self, place: str) -> Any:
        """The row of each edge in an operand that has one per pair, sender or receiver."""
        return {"pair": self.pair, "sender": self.senders, "receiver": self.receivers}[place]


def sort_edges(senders: Any, receivers: Any, nodes: int, senders_nodes: int | None = None) -> Edges:
    """Check index lists and sort them by receiver; keep the result while the edges stay the same.

    Args:
        senders, receivers: `(edges,)`, integers, in any order.
        nodes: Number of receivers.
        senders_nodes: Number of senders, if it is another one.

    Raises:
        TypeError: If an index list does not hold integers.
        ValueError: If the lists differ in length or an index is out of range.

    Examples:
        >>> edges = sort_edges(np.array([0, 1, 2]), np.array([1, 0, 1]), nodes=3)
        >>> edges.order, edges.starts
        (array([1, 0, 2]), array([0, 1, 3, 3]))
    """
    xp = namespace(senders, receivers)
    senders_nodes = nodes if senders_nodes is None else senders_nodes
    senders = _indices(xp, "senders", senders, senders_nodes)
    receivers = _indices(xp, "receivers", receivers, nodes)
    if senders.shape != receivers.shape:
        raise ValueError(f"{len(senders)} senders and {len(receivers)} receivers: an edge has one of each")
    if xp is np:
        order = np.argsort(receivers, kind="stable")
        starts = np.searchsorted(receivers[order], np.arange(nodes + 1))
    else:
        ordered, order = xp.sort(receivers, stable=True)
        starts = xp.searchsorted(ordered, xp.arange(nodes + 1, device=receivers.device))
    return Edges(senders, receivers, order, starts, senders_nodes)


def _indices(xp: Any, name: str, values: Any, nodes: int) -> Any:
    if xp is np:
        values = np.asarray(values)
        if values.size and values.dtype.kind not in "iu":
            raise TypeError(f"{name} hold integers, not {values.dtype}")
        values = values.astype(np.int64)
    else:
        values = xp.as_tensor(values)
        if values.is_floating_point() or values.is_complex() or values.dtype == xp.bool:
            raise TypeError(f"{name} hold integers, not {values.dtype}")
        values = values.long()
    if values.ndim != 1:
        raise ValueError(f"{name} are one list of indices, not an array of shape {tuple(values.shape)}")
    if len(values) and (int(values.min()) < 0 or int(values.max()) >= nodes):
        raise ValueError(
            f"{name} run from {int(values.min())} to {int(values.max())}, but there are {nodes} rows: "
            f"indices lie between 0 and {nodes - 1}"
        )
    return values
