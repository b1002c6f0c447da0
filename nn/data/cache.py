"""Neighbour lists kept in one file, found again by what they depend on.

The key of a list is a checksum of positions, numbers, cell, periodicity, cutoff and versions, so a list of
other content is never taken. The file is an SQLite database: a list is in it whole or not at all, whenever
the writer is killed, and several processes may share it.
"""

import hashlib
import os
import sqlite3
import threading
import weakref
import zlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from cartesian.nn.data.neighbors import Neighbors, neighbors

FORMAT = 2
"""Changes when the order or the meaning of the arrays does."""


class NeighborCache:
    """A file of neighbour lists in a folder.

    Args:
        folder: Made when the first list is written. It can be removed at any time.
    """

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder) / "neighbors.sqlite"
        self._database: sqlite3.Connection | None = None
        self._begin()
        self._versions = f"{FORMAT} {version('vesin')} {np.__version__}"

    def __reduce__(self) -> tuple[type["NeighborCache"], tuple[Path]]:
        return NeighborCache, (self.path.parent,)

    def neighbors(
        self,
        positions: np.ndarray,
        cutoff: float,
        cell: np.ndarray,
        periodic: np.ndarray,
        name: str | None = None,
    ) -> Neighbors:
        """As `cartesian.nn.data.neighbors`, from the file if it is there."""
        key = self._key(positions, cutoff, cell, periodic)
        known = self._ask("SELECT checksum, edges FROM lists WHERE key = ?", key)
        if known and zlib.crc32(known[0][1]) == known[0][0]:
            edges = np.frombuffer(known[0][1], dtype="<i4").astype(np.int64).reshape(5, -1)
            return Neighbors(edges[0], edges[1], edges[2:].T)
        found = neighbors(positions, cutoff, cell, periodic, name)
        content = np.vstack([found.senders, found.receivers, found.shifts.T]).astype("<i4").tobytes()
        self._ask("INSERT OR REPLACE INTO lists VALUES (?, ?, ?)", key, zlib.crc32(content), content)
        return found

    def _key(self, positions: np.ndarray, cutoff: float, cell: np.ndarray, periodic: np.ndarray) -> bytes:
        digest = hashlib.sha256(f"{self._versions} {float(cutoff)!r} {len(positions)}".encode())
        for values in (positions, cell):
            digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
        digest.update(np.broadcast_to(periodic, 3).astype(bool).tobytes())
        return digest.digest()

    def _ask(self, query: str, *values: bytes | int) -> list[Any]:
        """Ask the database. One that is damaged is begun anew, which costs a search for every list."""
        if self._process != os.getpid():
            # SQLite forbids to use, or to close, what was opened before a fork.
            self._inherited = self._database
            self._begin()
        with self._lock:
            for _ in range(2):
                try:
                    self._database = self._database or self._open()
                    return self._database.execute(query, values).fetchall()
                except sqlite3.DatabaseError as error:
                    # Its subclasses are about the disk, locks and our queries, not about the file.
                    if type(error) is not sqlite3.DatabaseError:
                        raise
                    self.close()
                    self.path.unlink(missing_ok=True)
        raise RuntimeError(f"{self.path} is damaged as soon as it is written")

    def _begin(self) -> None:
        self._process, self._lock, self._database = os.getpid(), threading.Lock(), None

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self.path, timeout=60, isolation_level=None, check_same_thread=False)
        weakref.finalize(self, database.close)
        # What the system has not written yet when the power fails is searched again.
        database.execute("PRAGMA synchronous = OFF")
        database.execute(
            "CREATE TABLE IF NOT EXISTS lists (key BLOB PRIMARY KEY, checksum INTEGER, edges BLOB)"
        )
        return database

    def close(self) -> None:
        """Close the file."""
        if self._database is not None:
            self._database.close()
            self._database = None
