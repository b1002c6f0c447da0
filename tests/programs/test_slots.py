"""Slots of coupling trees against their values, and second moments against sums over a quadrature."""

from functools import partial
from itertools import product

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cartesian.ops.powers import symmetric_powers
from cartesian.programs.powers import power_program
from cartesian.programs.slots import normalized, second_moments, slot_matrix, slots
from cartesian.symbolic.trees import trees
from cartesian.tables import coupling

KINDS = [trees, partial(trees, contractions=True, max_degree=2), partial(trees, ordered=False)]
few = settings(max_examples=10, phases=[Phase.generate])


def copies(power, features):
    """Values of all copies, `(rows, components of the result, copies)`."""
    weights, species = np.eye(power.weights)[:, :, None], np.arange(power.weights)
    parts = [
        symmetric_powers(power, np.tile(row, (power.weights, 1)), weights, species).T for row in features
    ]
    return np.stack(parts)


@few
@given(
    st.sampled_from([("0e + 1o", "0e + 1o"), ("1o + 1e", "1e"), ("1o + 2e", "2e + 1o")]),
    st.integers(1, 3),
    st.sampled_from(KINDS),
    st.integers(0, 999),
)
def test_the_matrix_turns_copies_into_trees(spaces, correlation, kind, seed):
    power = power_program(spaces[0], correlation, spaces[1])
    features = np.random.default_rng(seed).standard_normal((2, power.irreps.dim))
    values, matrix = copies(power, features), slot_matrix(power, kind)
    wanted = np.zeros((2, power.out.dim, len(matrix)))
    places = {block.irrep: part for block, part in zip(power.out, power.out.slices, strict=True)}
    for s, tree in enumerate(slots(power, kind)):
        # Of the natural couplings; each is to have the squared norm of its result's dimension.
        norm = np.prod([path.out.dim / _norm_squared(path) for path in tree.paths])
        wanted[:, places[tree.out], s] = norm**0.5 * value(tree, features)
    np.testing.assert_allclose(values @ matrix.T, wanted, rtol=0, atol=1e-11)


def value(tree, features):
    """A tree of features `(rows, components)`, one coupling after the other."""
    right = features[:, list(tree.factors[-1].components)]
    if tree.correlation == 1:
        return right
    table = coupling(*tree.paths[-1].degrees)
    return np.einsum("na,nb,abo->no", value(tree.head, features), right, table)


def _norm_squared(path):
    return np.square(coupling(*path.degrees)).sum()


@pytest.mark.parametrize("spaces", [("0e + 1o", "0e + 1o"), ("0o + 1o", "1e + 0e")])
def test_second_moments_are_those_of_a_gaussian_quadrature(spaces):
    power = power_program(spaces[0], 3 if "0e" in spaces[0] else 2, spaces[1])
    x, w = np.polynomial.hermite_e.hermegauss(4)
    points = np.array(list(product(x, repeat=power.irreps.dim)))
    weights = np.prod(list(product(w / w.sum(), repeat=power.irreps.dim)), axis=1)
    values = copies(power, points)
    for part in power.out.slices:
        for m in range(part.start, part.stop):
            wanted = np.einsum("n,nk,nj->kj", weights, values[:, m], values[:, m])
            found = second_moments(power) * np.outer(values[:, m].any(0), values[:, m].any(0))
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-11)


def test_every_irrep_has_moment_one_and_what_vanishes_stays_zero():
    power = power_program("0e + 1o + 2e", 3, "1o + 2e")
    matrix = slot_matrix(power, trees)
    scaled = normalized(power, matrix)
    moments = np.einsum("sk,kj,sj->s", scaled, second_moments(power), scaled)
    assert not matrix[~matrix.any(1)].any()
    assert 0 < (~matrix.any(1)).sum() == (moments == 0).sum()
    for irrep in ("1o", "2e"):
        own = [str(tree.out) == irrep for tree in slots(power, trees)]
        assert moments[own].sum() == pytest.approx(1.0)
        assert np.ptp(moments[own][moments[own] > 0]) < 1e-12
