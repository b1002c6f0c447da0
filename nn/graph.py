r"""Graphs of atoms: nodes, directed edges, cells, systems; vectors along the edges and sums over them.

An edge runs from a sender $j$ to a receiver $i$ and, across periodic boundaries, over whole cells $s$:

$$r_{ji} = r_i - r_j + s\, h, \qquad \text{the rows of } h \text{ are the lattice vectors.}$$

A graph is immutable and is data for torch: `torch.compile`, `torch.export` and `torch.func` take it as it is.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from cartesian.kernels.edges import Edges, sort_edges


@dataclass(frozen=True, eq=False)
class Graph:
    r"""Atoms of one or several systems and the edges among them, sorted by receiver.

    Made by `Graph.from_edges`, or with a neighbour search by `cartesian.nn.data.batching.to_graph`.

    Attributes:
        positions: `(nodes, 3)`, in Å.
        atomic_numbers: `(nodes,)`, int64.
        senders, receivers: `(edges,)`, int64; receivers ascend.
        shifts: `(edges, 3)`, whole cells $s$ crossed by each edge, in the dtype of the positions.
        cells: `(systems, 3, 3)`, rows are lattice vectors, in Å; zeros where a system has none.
        systems: `(nodes,)`, the system of each node; they ascend.
        charges: `(systems,)`, total charge of each system, in elementary charges.
        order, starts: `(edges,)` and `(nodes + 1,)`, the edges in the order of their receivers, which is
            their own, and where the segment of each receiver begins.
    """

    positions: Tensor
    atomic_numbers: Tensor
    senders: Tensor
    receivers: Tensor
    shifts: Tensor
    cells: Tensor
    systems: Tensor
    charges: Tensor
    order: Tensor
    starts: Tensor

    @classmethod
    def from_edges(
        cls,
        positions: Any,
        atomic_numbers: Any,
        senders: Any,
        receivers: Any,
        shifts: Any = None,
        cells: Any = None,
        systems: Any = None,
        charges: Any = None,
    ) -> "Graph":
        """Check a list of edges, in any order, and sort it by receiver.

        Args:
            positions: `(nodes, 3)`, in Å; decides dtype and device of all floating-point fields.
            atomic_numbers: `(nodes,)`.
            senders, receivers: `(edges,)`.
            shifts: `(edges, 3)`; by default no edge crosses a cell.
            cells: `(systems, 3, 3)` or `(3, 3)`; by default none.
            systems: `(nodes,)`; by default one system.
            charges: `(systems,)` or one number; by default neutral.

        Raises:
            TypeError: If indices are no integers.
            ValueError: If shapes do not fit, or an index is out of range.

        Examples:
            >>> graph = Graph.from_edges([[0.0, 0, 0], [1.0, 0, 0]], [1, 8], senders=[1], receivers=[0])
            >>> graph.vectors
            tensor([[-1.,  0.,  0.]])
        """
        positions = torch.as_tensor(positions)
        if not positions.is_floating_point():
            positions = positions.to(torch.get_default_dtype())
        atomic_numbers = torch.as_tensor(atomic_numbers, device=positions.device)
        if positions.ndim != 2 or positions.shape[1] != 3:
            raise ValueError(f"positions have shape (nodes, 3), not {tuple(positions.shape)}")
        nodes = len(positions)
        if atomic_numbers.shape != (nodes,):
            raise ValueError(
                f"{nodes} positions but atomic numbers of shape {tuple(atomic_numbers.shape)}: "
                "each atom has one"
            )
        senders, receivers = (_integers(values, positions.device) for values in (senders, receivers))
        edges = sort_edges(senders, receivers, nodes)
        count = len(edges.senders)
        shifts = _real(shifts, positions, (count, 3), "shifts")[edges.order]
        systems = _systems(systems, nodes, positions.device)
        known = int(systems[-1]) + 1 if nodes else 1
        if cells is not None:
            cells = torch.as_tensor(cells)
            cells = cells if cells.ndim == 3 else cells[None]
            known = len(cells)
        if nodes and int(systems[-1]) >= known:
            raise ValueError(f"atom {nodes - 1} is of system {int(systems[-1])}, but there are {known} cells")
        cells = _real(cells, positions, (known, 3, 3), "cells")
        charges = None if charges is None else torch.as_tensor(charges).reshape(-1)
        charges = _real(charges, positions, (known,), "charges")
        return cls(
            positions,
            atomic_numbers.long(),
            edges.senders[edges.order],
            edges.receivers[edges.order],
            shifts,
            cells,
            systems,
            charges,
            torch.arange(count, device=positions.device),
            edges.starts,
        )

    @property
    def nodes(self) -> int:
        """Number of atoms."""
        return self.positions.shape[0]

    @property
    def edges(self) -> Edges:
        """The index lists that `cartesian.ops.convolution` takes."""
        return Edges(self.senders, self.receivers, self.order, self.starts, self.nodes)

    @property
    def vectors(self) -> Tensor:
        """`(edges, 3)`, from each sender to its receiver, in Å."""
        positions = self.positions
        vectors = positions.index_select(0, self.receivers) - positions.index_select(0, self.senders)
        if self.cells.shape[0] == 1:
            return vectors + self.shifts @ self.cells[0]
        cells = self.cells.index_select(0, self.systems.index_select(0, self.receivers))
        return vectors + (self.shifts[:, None] @ cells)[:, 0]

    @property
    def volumes(self) -> Tensor:
        """`(systems,)`, in Å³, whatever the handedness; zero without a full cell."""
        first, second, third = self.cells.unbind(1)
        return (first * torch.linalg.cross(second, third)).sum(-1).abs()

    def sum_receivers(self, values: Tensor) -> Tensor:
        """Sum of `(edges, ...)` over the edges of each receiver, `(nodes, ...)`."""
        return values.new_zeros(self.nodes, *values.shape[1:]).index_add(0, self.receivers, values)

    def sum_systems(self, values: Tensor) -> Tensor:
        """Sum of `(nodes, ...)` over the atoms of each system, `(systems, ...)`."""
        return values.new_zeros(self.cells.shape[0], *values.shape[1:]).index_add(0, self.systems, values)

    def count_systems(self) -> Tensor:
        """Number of atoms of each system, `(systems,)`, in the dtype of the positions."""
        return self.sum_systems(torch.ones_like(self.positions[:, 0]))

    def replace(self, **changes: Tensor) -> "Graph":
        """The same graph with other values in some fields, such as `positions`."""
        return replace(self, **changes)

    def strain(self, displacement: Tensor) -> "Graph":
        r"""The graph deformed by $r \mapsto r + r\,\varepsilon$, positions and cells alike.

        Args:
            displacement: $\varepsilon$, `(systems, 3, 3)`, symmetric unless the deformation also turns.
        """
        positions = self.positions[:, None]
        moved = positions + positions @ displacement.index_select(0, self.systems)
        return self.replace(positions=moved[:, 0], cells=self.cells + self.cells @ displacement)

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> "Graph":
        """The graph on a device, its floating-point fields in a dtype."""
        moved = {}
        for field in fields(self):
            value: Tensor = getattr(self, field.name)
            moved[field.name] = value.to(device=device, dtype=dtype if value.is_floating_point() else None)
        return replace(self, **moved)

    def __str__(self) -> str:
        return f"Graph({self.nodes} atoms, {len(self.senders)} edges, {len(self.cells)} systems)"

    __repr__ = __str__


torch.export.register_dataclass(Graph, serialized_type_name="cartesian.nn.graph.Graph")


def safe_norm(vectors: Tensor) -> Tensor:
    """Lengths of `(..., 3)`; for the zero vector 0, and so are all derivatives."""
    squares = vectors.square().sum(-1)
    is_zero = squares == 0
    return torch.where(is_zero, 0.0, torch.where(is_zero, 1.0, squares).sqrt())


def _integers(values: Any, device: torch.device) -> Tensor:
    tensor = torch.as_tensor(values, device=device)
    return tensor if tensor.numel() else tensor.long()


def _real(values: Any, like: Tensor, shape: tuple[int, ...], name: str) -> Tensor:
    tensor = like.new_zeros(shape) if values is None else torch.as_tensor(values).to(like)
    if tensor.shape != shape:
        raise ValueError(f"{name} have shape {tuple(tensor.shape)}, where {shape} is needed")
    return tensor


def _systems(systems: Any, nodes: int, device: torch.device) -> Tensor:
    if systems is None:
        return torch.zeros(nodes, dtype=torch.int64, device=device)
    systems = _integers(systems, device)
    if systems.is_floating_point() or systems.shape != (nodes,):
        raise ValueError(f"systems are one integer per atom, not {tuple(systems.shape)} of {systems.dtype}")
    if nodes and (int(systems[0]) < 0 or bool((systems[1:] < systems[:-1]).any())):
        raise ValueError(
            f"atoms stand system by system, numbered from 0; the list {systems.tolist()} does not ascend"
        )
    return systems.long()
