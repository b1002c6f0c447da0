"""Structures that models are timed on, as plain arrays that every library can read."""

import numpy as np

CUTOFF = 5.0
Arrays = dict[str, np.ndarray]
Structure = tuple[np.ndarray, np.ndarray, np.ndarray | None]
"""Atomic numbers, positions, and a cell or none."""


def molecules(count: int = 5, seed: int = 0) -> list[Structure]:
    """Balls of 27 atoms, C12 H12 N2 O, no two closer than 1.1 Å, as dense as a molecule."""
    rng = np.random.default_rng(seed)
    numbers = np.array([6] * 12 + [1] * 12 + [7] * 2 + [8])
    found: list[Structure] = []
    for _ in range(count):
        positions: list[np.ndarray] = []
        while len(positions) < len(numbers):
            point = rng.uniform(-3.6, 3.6, 3)
            if np.linalg.norm(point) < 3.6 and all(np.linalg.norm(point - p) > 1.1 for p in positions):
                positions.append(point)
        found.append((numbers, np.array(positions), None))
    return found


def copper() -> list[Structure]:
    """500 atoms of copper in a periodic box, displaced by 0.1 Å."""
    base = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    cells = np.stack(np.meshgrid(*[np.arange(5)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    positions = 3.615 * (base + cells).reshape(-1, 3)
    positions += np.random.default_rng(0).normal(0, 0.1, positions.shape)
    return [(np.full(500, 29), positions, 5 * 3.615 * np.eye(3))]


SYSTEMS = {"molecules": molecules, "copper": copper}


def arrays(name: str) -> Arrays:
    """A system as one batch: atoms, edges in both directions, cells (a large box for molecules)."""
    from cartesian.nn.data import neighbors

    parts: dict[str, list[np.ndarray]] = {}
    first = 0
    for number, (numbers, positions, cell) in enumerate(SYSTEMS[name]()):
        edges = neighbors(positions, CUTOFF, cell)
        for key, value in {
            "numbers": numbers,
            "positions": positions,
            "senders": np.asarray(edges.senders) + first,
            "receivers": np.asarray(edges.receivers) + first,
            "shifts": np.asarray(edges.shifts),
            "systems": np.full(len(numbers), number),
            "cells": (np.eye(3) * 200 if cell is None else cell)[None],
            "periodic": np.array([cell is not None]),
        }.items():
            parts.setdefault(key, []).append(value)
        first += len(numbers)
    return {key: np.concatenate(values) for key, values in parts.items()}
