r"""Neighbour search: every pair of atoms within a cutoff, across periodic boundaries.

An atom is a neighbour of another once for every image within the cutoff, its own images included. The
search is that of `vesin`; here its input is checked and its output put in an order of ours.
"""

from typing import Any, NamedTuple

import numpy as np

# Closer than this, in Å, two entries of a file are one atom written twice: nuclei never come as near.
COINCIDENT = 1e-3


class Neighbors(NamedTuple):
    """Directed edges of one structure, sorted by receiver, then by sender, then by shift.

    Attributes:
        senders, receivers: `(edges,)`, int64.
        shifts: `(edges, 3)`, int64: whole cells, so that the vector of an edge is
            `positions[receivers] - positions[senders] + shifts @ cell`.
    """

    senders: np.ndarray
    receivers: np.ndarray
    shifts: np.ndarray


def neighbors(
    positions: Any, cutoff: float, cell: Any = None, periodic: Any = None, name: str | None = None
) -> Neighbors:
    """Every directed pair of atoms closer than the cutoff.

    Args:
        positions: `(atoms, 3)`, in Å; atoms may lie outside the cell.
        cutoff: In Å, of any size beside the cell.
        cell: `(3, 3)`, rows are lattice vectors in Å, skewed or left-handed as they come; directions
            without periodicity may have zero rows.
        periodic: One truth value or three; by default all three directions with a cell, none without.
        name: What the structure is called in errors.

    Returns:
        The edges, both directions of each pair.

    Raises:
        ValueError: If positions are not finite, a periodic direction has no lattice vector, lattice vectors
            are linearly dependent, or two atoms coincide.
        ModuleNotFoundError: If `vesin` is missing.

    Examples:
        >>> senders, receivers, shifts = neighbors([[0.0, 0.0, 0.0]], 2.1, cell=np.diag([2.0, 3.0, 3.0]))
        >>> shifts
        array([[-1,  0,  0], [ 1,  0,  0]])
    """
    label = "the structure" if name is None else f"structure {name!r}"
    if not 0 < cutoff < np.inf:
        raise ValueError(f"a cutoff is a positive length in Å, not {cutoff!r}")
    positions = _positions(positions, label)
    box, axes = _box(cell, periodic, label)
    try:
        from vesin import NeighborList
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "a neighbour search needs vesin: pip install 'cartesian-tensors[nn]'", name="vesin"
        ) from None
    search = NeighborList(cutoff=float(cutoff), full_list=True, n_threads=1)
    first, second, shifts, distances = search.compute(positions, box, axes, quantities="ijSd")
    # vesin: r_second + shift - r_first. The first one receives, so the vector and the shift turn round.
    senders, receivers, shifts = second.astype(np.int64), first.astype(np.int64), -shifts.astype(np.int64)
    if len(distances) and distances.min() < COINCIDENT:
        k = int(distances.argmin())
        raise ValueError(
            f"atoms {receivers[k]} and {senders[k]} of {label} coincide: {distances[k]:.1g} Å apart, less "
            f"than {COINCIDENT} Å; remove one of them, or check cell and periodicity"
        )
    order = np.lexsort((*shifts.T[::-1], senders, receivers))
    return Neighbors(senders[order], receivers[order], shifts[order])


def _positions(positions: Any, label: str) -> np.ndarray:
    array = np.asarray(positions, dtype=np.float64)
    if array.size == 0:
        return array.reshape(0, 3)
    if array.ndim != 2 or array.shape[1] != 3:
        raise ValueError(f"the positions of {label} have shape (atoms, 3), not {array.shape}")
    wrong = ~np.isfinite(array).all(axis=1)
    if wrong.any():
        atom = int(wrong.argmax())
        raise ValueError(
            f"atom {atom} of {label} is at {array[atom].tolist()}: positions are finite numbers in Å; "
            "remove the structure or repair its file"
        )
    return array


def _box(cell: Any, periodic: Any, label: str) -> tuple[np.ndarray, np.ndarray]:
    """Lattice vectors that span space, and which directions repeat."""
    box = np.zeros((3, 3)) if cell is None else np.asarray(cell, dtype=np.float64)
    if box.shape != (3, 3) or not np.isfinite(box).all():
        raise ValueError(f"the cell of {label} is a finite (3, 3) matrix in Å, not {box.tolist()}")
    given = box.any(axis=1)
    axes = np.array(np.broadcast_to(given if periodic is None else periodic, 3), dtype=bool)
    if (axes & ~given).any():
        k = int((axes & ~given).argmax())
        raise ValueError(
            f"{label} is periodic along direction {k}, but lattice vector {k} is zero: "
            "give the cell, or switch the periodicity off"
        )
    rows = box[axes]
    lengths = np.linalg.norm(rows, axis=1)
    if len(rows) and np.linalg.svd(rows / lengths[:, None], compute_uv=False)[-1] < 1e-6:
        raise ValueError(f"the periodic lattice vectors of {label} are linearly dependent: {rows.tolist()}")
    if axes.all():
        return box, axes
    # Directions that do not repeat take no part: any vectors that complete the others will do.
    box = box.copy()
    box[~axes] = np.linalg.svd(rows, full_matrices=True)[2][len(rows) :] if len(rows) else np.eye(3)
    return box, axes
