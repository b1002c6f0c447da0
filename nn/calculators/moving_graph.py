r"""The graph of atoms that move: neighbours are searched again only when they may have changed.

All pairs closer than $r_c + s$ are kept. As long as no atom has gone farther than $s / 2$ from where they
were found, every pair closer than $r_c$ is among them.
"""

from typing import Any

import numpy as np
import torch

from cartesian.nn.data.batching import to_graph
from cartesian.nn.graph import Graph


class MovingGraph:
    """Graphs of one system from step to step.

    Args:
        cutoff: $r_c$, in Å.
        skin: $s$, in Å; zero searches at every step.
        dtype, device: Of the graphs.

    Attributes:
        searches: How often neighbours have been searched.

    Raises:
        ValueError: If the skin is negative.

    Examples:
        >>> moving = MovingGraph(cutoff=2.0, skin=0.5)
        >>> moving.graph([[0.0, 0.0, 0.0], [0.0, 0.0, 2.1]], [1, 1])
        Graph(2 atoms, 0 edges, 1 systems)
        >>> moving.graph([[0.0, 0.0, 0.0], [0.0, 0.0, 1.9]], [1, 1]), moving.searches
        (Graph(2 atoms, 2 edges, 1 systems), 1)
    """

    def __init__(
        self,
        cutoff: float,
        skin: float = 0.5,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        if not 0 <= skin < np.inf:
            raise ValueError(f"a skin is a length in Å, zero or more, not {skin!r}")
        self.cutoff, self.skin, self.dtype, self.device = cutoff, skin, dtype, device
        self.searches = 0
        self._wide: Graph | None = None
        self._key: tuple[bytes, ...] = ()
        self._origin = np.zeros((0, 3))

    def graph(
        self,
        positions: Any,
        atomic_numbers: Any,
        cell: Any = None,
        periodic: Any = None,
        charge: float = 0.0,
        name: str | None = None,
    ) -> Graph:
        """The graph of the present positions; arguments and errors as in `to_graph`."""
        positions = np.asarray(positions, dtype=np.float64)
        key = tuple(np.asarray(value).tobytes() for value in (atomic_numbers, cell, periodic, charge))
        if self._wide is None or key != self._key or self._has_moved(positions):
            self._wide = to_graph(
                positions,
                atomic_numbers,
                self.cutoff + self.skin,
                cell,
                periodic,
                charge,
                name=name,
                dtype=self.dtype,
                device=self.device,
            )
            self._key, self._origin = key, positions.copy()
            self.searches += 1
        return within(
            self._wide.replace(positions=torch.from_numpy(positions).to(self._wide.cells)), self.cutoff
        )

    def _has_moved(self, positions: np.ndarray) -> bool:
        if positions.shape != self._origin.shape:
            return True
        # Not a number is no move: `to_graph` has to see it and say so.
        moved = np.square(positions - self._origin).sum(axis=1).max(initial=0.0)
        return not moved <= (self.skin / 2) ** 2 or self.skin == 0


def within(graph: Graph, cutoff: float) -> Graph:
    """The graph without the edges that are longer than a cutoff."""
    near = graph.vectors.square().sum(1) < cutoff**2
    kept = near.nonzero()[:, 0]
    counts = torch.nn.functional.pad(near.cumsum(0), (1, 0))
    return graph.replace(
        senders=graph.senders[kept],
        receivers=graph.receivers[kept],
        shifts=graph.shifts[kept],
        order=graph.order[: len(kept)],
        starts=counts[graph.starts],
    )
