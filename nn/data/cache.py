"""Neighbour lists kept in a folder, found again by what they depend on.

The key is a checksum of positions, numbers, cell, periodicity, cutoff and versions, so a list of other
content is never taken. One file holds the lists of one structure, as arrays without pickle.
"""

import hashlib
import io
import os
from importlib.metadata import version
from pathlib import Path

import numpy as np

from cartesian.nn.data.neighbors import Neighbors, neighbors

FORMAT = 1
"""Changes when the order or the meaning of the arrays does."""


class NeighborCache:
    """A folder of neighbour lists.

    Args:
        folder: Made when the first list is written. It can be removed at any time.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._versions = f"{FORMAT} {version('vesin')} {np.__version__}"

    def neighbors(
        self,
        positions: np.ndarray,
        cutoff: float,
        cell: np.ndarray,
        periodic: np.ndarray,
        name: str | None = None,
    ) -> Neighbors:
        """As `cartesian.nn.data.neighbors`, from the folder if it is there."""
        key = self._key(positions, cutoff, cell, periodic)
        path = self.folder / key[:2] / f"{key}.npy"
        if path.is_file():
            try:
                edges = np.load(path, allow_pickle=False).astype(np.int64)
                return Neighbors(edges[0], edges[1], edges[2:].T)
            except (ValueError, EOFError, OSError, IndexError):
                path.unlink(missing_ok=True)
        found = neighbors(positions, cutoff, cell, periodic, name)
        _write(path, np.vstack([found.senders, found.receivers, found.shifts.T]).astype(np.int32))
        return found

    def _key(self, positions: np.ndarray, cutoff: float, cell: np.ndarray, periodic: np.ndarray) -> str:
        digest = hashlib.sha256(f"{self._versions} {float(cutoff)!r} {len(positions)}".encode())
        for values in (positions, cell):
            digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
        digest.update(np.broadcast_to(periodic, 3).astype(bool).tobytes())
        return digest.hexdigest()


def _write(path: Path, edges: np.ndarray) -> None:
    """Write without a moment in which a part of the file has the name; a lost file costs one search."""
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.save(buffer, edges, allow_pickle=False)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    temporary.write_bytes(buffer.getbuffer())
    temporary.replace(path)
