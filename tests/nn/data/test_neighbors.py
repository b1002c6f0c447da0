import re
from functools import partial
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartesian.nn.data.neighbors import neighbors


def brute_force(positions, cutoff, cell, periodic):
    """Edges as a set, from all images that could be near; slow and plain."""
    cell = np.where(np.asarray(periodic)[:, None], cell, 0.0)
    widths = np.full(3, np.inf)
    rows = cell[list(periodic)]
    if len(rows):
        # The distance between lattice planes, for images within reach of any pair.
        widths[list(periodic)] = 1 / np.linalg.norm(np.linalg.pinv(rows), axis=0)
    spread = np.ptp(positions, axis=0).sum() if len(positions) else 0.0
    counts = [int(np.ceil((cutoff + spread) / width)) if np.isfinite(width) else 0 for width in widths]
    found = set()
    for shift in product(*(range(-n, n + 1) for n in counts)):
        vectors = positions[None, :] - positions[:, None] + np.array(shift) @ cell
        for i, j in np.argwhere(np.linalg.norm(vectors, axis=-1) < cutoff):
            if i != j or any(shift):
                found.add((int(i), int(j), *shift))
    return found


@st.composite
def structures(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    atoms = draw(st.integers(0, 4))
    periodic = draw(st.tuples(st.booleans(), st.booleans(), st.booleans()))
    cell = np.diag(rng.uniform(1.5, 4.0, 3)) + rng.uniform(-0.7, 0.7, (3, 3))
    if draw(st.booleans()):
        cell[2] *= -1  # left-handed
    if draw(st.booleans()):
        cell[~np.array(periodic)] = 0.0
    positions = rng.uniform(0, 2.5, (atoms, 3)) + draw(st.sampled_from([0.0, 6.0])) * rng.integers(
        -1, 2, (atoms, 3)
    )
    return positions, draw(st.floats(0.5, 5.0)), cell, periodic


@given(structures())
def test_neighbours_are_all_pairs_of_images_within_the_cutoff(structure):
    positions, cutoff, cell, periodic = structure
    senders, receivers, shifts = neighbors(positions, cutoff, cell, periodic)
    found = {tuple(map(int, row)) for row in np.column_stack([senders, receivers, shifts])}
    assert len(found) == len(senders)
    assert found == brute_force(positions, cutoff, cell, periodic)


@given(structures())
def test_edges_come_sorted_and_in_both_directions(structure):
    senders, receivers, shifts = neighbors(*structure)
    rows = [tuple(map(int, row)) for row in np.column_stack([receivers, senders, shifts])]
    assert rows == sorted(rows)
    assert {(j, i, -a, -b, -c) for i, j, a, b, c in rows} == set(rows)


@pytest.mark.parametrize("atoms", [0, 1])
def test_without_periodicity_no_pair_no_edge(atoms):
    assert all(len(array) == 0 for array in neighbors(np.zeros((atoms, 3)), 5.0))


def test_a_cutoff_beyond_many_cells_counts_all_images():
    senders, _, shifts = neighbors(np.zeros((1, 3)), 2.01, np.eye(3))
    assert len(senders) == 32  # lattice points of length 1, √2, √3 and 2: 6 + 12 + 8 + 6
    assert np.abs(shifts).max() == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ([[0, 0, np.nan]], 5.0),
            r"atom 0 of structure 'a\.xyz:3' is at \[0\.0, 0\.0, nan\].* repair its file",
        ),
        (([[0, 0, 0]], 5.0, None, True), r"'a\.xyz:3' is periodic along direction 0, but .* give the cell"),
        (([[0, 0, 0]], 5.0, np.diag([1, 1, 0]), True), r"periodic along direction 2"),
        (([[0, 0, 0]], 5.0, [[1, 0, 0], [2, 0, 0], [0, 0, 1]]), r"are linearly dependent"),
        (([[0, 0, 0]], 5.0, np.eye(2)), r"a finite \(3, 3\) matrix"),
        (([[0, 0, 0], [1, 1, 1], [1, 1, 1]], 5.0), r"atoms 1 and 2 of structure .* coincide.* remove one"),
        (([[0, 0, 0], [4, 0, 0]], 5.0, 4 * np.eye(3)), r"atoms 0 and 1 of .* coincide.* periodicity"),
        (([0, 0, 0], 5.0), r"have shape \(atoms, 3\), not \(3,\)"),
        (([[0, 0, 0]], 0.0), r"a cutoff is a positive length in Å, not 0\.0"),
    ],
)
def test_bad_structures_are_named_with_the_atom_and_the_remedy(arguments, message):
    with pytest.raises(ValueError, match=message):
        partial(neighbors, name="a.xyz:3")(*arguments)


def test_without_a_name_errors_speak_of_the_structure():
    with pytest.raises(ValueError, match=re.escape("atom 1 of the structure is at [inf, 0.0, 0.0]")):
        neighbors([[0, 0, 0], [np.inf, 0, 0]], 5.0)
