"""Graphs of structures, and several graphs as one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from cartesian.nn.data.neighbors import Neighbors, neighbors
from cartesian.nn.graph import Graph


def to_graph(
    positions: Any,
    atomic_numbers: Any,
    cutoff: float,
    cell: Any = None,
    periodic: Any = None,
    charge: float = 0.0,
    *,
    name: str | None = None,
    edges: Neighbors | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> Graph:
    """The graph of one structure, with every pair of atoms closer than the cutoff.

    Args:
        positions: `(atoms, 3)`, in Å.
        atomic_numbers: `(atoms,)`.
        cutoff: In Å.
        cell: `(3, 3)`, rows are lattice vectors in Å.
        periodic: One truth value or three; by default all directions that have a lattice vector.
        charge: Total charge, in elementary charges.
        name: What the structure is called in errors.
        edges: Found before, for the same structure and cutoff; by default they are searched.
        dtype: By default torch's. Neighbours are searched in float64 in any case.
        device: By default the CPU.

    Raises:
        ValueError: As `neighbors`, or if an atomic number is none.

    Examples:
        >>> to_graph([[0.0, 0.0, 0.0], [0.0, 0.0, 0.96]], [8, 1], cutoff=5.0)
        Graph(2 atoms, 2 edges, 1 systems)
    """
    label = "the structure" if name is None else f"structure {name!r}"
    numbers = np.asarray(atomic_numbers).reshape(-1)
    known = (numbers >= 1) & (numbers <= 118) & (numbers == np.round(numbers))
    if not known.all():
        atom = int((~known).argmax())
        raise ValueError(
            f"atom {atom} of {label} has the atomic number {numbers[atom]}: elements are 1 to 118; "
            "leave out ghosts and vacancies"
        )
    if edges is None:
        edges = neighbors(positions, cutoff, cell, periodic, name)
    positions = np.asarray(positions, dtype=np.float64).reshape(-1, 3)
    if len(numbers) != len(positions):
        raise ValueError(f"{label} has {len(positions)} positions and {len(numbers)} atomic numbers")
    graph = Graph.from_edges(
        torch.from_numpy(positions),
        numbers.astype(np.int64),
        edges.senders,
        edges.receivers,
        edges.shifts,
        cells=np.zeros((3, 3)) if cell is None else np.asarray(cell, dtype=np.float64),
        charges=charge,
    )
    return graph.to(device, torch.get_default_dtype() if dtype is None else dtype)


def batch(graphs: Sequence[Graph]) -> Graph:
    """Several graphs as one of several systems, in the order given.

    Raises:
        ValueError: If there is none, or they differ in dtype or device.

    Examples:
        >>> water = to_graph([[0.0, 0.0, 0.0], [0.0, 0.0, 0.96]], [8, 1], cutoff=5.0)
        >>> batch([water, water])
        Graph(4 atoms, 4 edges, 2 systems)
    """
    kinds = {(graph.positions.dtype, graph.positions.device) for graph in graphs}
    if len(kinds) != 1:
        raise ValueError(
            f"a batch is made of graphs of one dtype on one device, not of {sorted(map(str, kinds))}"
        )
    nodes, edges, systems = torch.tensor(
        [(graph.nodes, graph.senders.shape[0], graph.cells.shape[0]) for graph in graphs]
    ).T.to(graphs[0].positions.device)
    earlier_nodes, earlier_edges, earlier_systems = (
        counts.cumsum(0) - counts for counts in (nodes, edges, systems)
    )

    def join(field: str) -> torch.Tensor:
        return torch.cat([getattr(graph, field) for graph in graphs])

    of_edges = earlier_nodes.repeat_interleave(edges)
    ends = torch.cat([graph.starts[1:] for graph in graphs])
    return Graph(
        positions=join("positions"),
        atomic_numbers=join("atomic_numbers"),
        senders=join("senders") + of_edges,
        receivers=join("receivers") + of_edges,
        shifts=join("shifts"),
        cells=join("cells"),
        systems=join("systems") + earlier_systems.repeat_interleave(nodes),
        charges=join("charges"),
        order=join("order") + earlier_edges.repeat_interleave(edges),
        starts=torch.nn.functional.pad(ends + earlier_edges.repeat_interleave(nodes), (1, 0)),
    )
