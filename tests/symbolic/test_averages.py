"""Means over directions against an exact quadrature and the unit sphere's moments."""

import numpy as np
import pytest

from cartesian.symbolic.averages import direction_average


@pytest.mark.parametrize("rank", range(7))
def test_the_mean_is_that_of_a_quadrature_exact_for_its_degree(rank):
    heights, weights = np.polynomial.legendre.leggauss(5)
    turns = np.arange(8) * np.pi / 4
    radius = np.sqrt(1 - heights**2)
    points = np.stack(
        [np.outer(radius, np.cos(turns)), np.outer(radius, np.sin(turns)), np.outer(heights, np.ones(8))], -1
    ).reshape(-1, 3)
    powers = np.ones(len(points))
    for _ in range(rank):
        powers = np.einsum("p...,pi->p...i", powers, points)
    # The weights of the heights add up to 2, and there are 8 points at each.
    mean = np.tensordot(np.repeat(weights, 8) / 16, powers, 1)
    np.testing.assert_allclose(direction_average(rank).numpy(), mean, atol=1e-14)


@pytest.mark.parametrize(("rank", "dimension"), [(2, 2), (4, 2), (4, 5)])
def test_all_indices_contracted_in_pairs_give_one(rank, dimension):
    mean = direction_average(rank, dimension).numpy()
    for _ in range(rank // 2):
        mean = np.trace(mean)
    np.testing.assert_allclose(mean, 1, rtol=1e-14)


def test_high_ranks_stay_one_bracket():
    assert direction_average(12).text == "1/135135 {δ_ij δ_kl δ_mn δ_pq δ_rs δ_tu}"
    with pytest.raises(ValueError, match=r"integer rank >= 0, not -2"):
        direction_average(-2)
