"""Index counts against lists of indices."""

from itertools import product
from math import comb

import pytest

from cartesian.symbolic.counts import count_of_component, index_counts, multiplicity, spread, spread_nnz
from cartesian.symbolic.exact import ExactTensor
from cartesian.symbolic.harmonics import monomials


@pytest.mark.parametrize(("rank", "dimension"), [(0, 3), (1, 4), (4, 3), (5, 2), (3, 5)])
def test_every_component_has_the_counts_of_its_indices(rank, dimension):
    counts = index_counts(rank, dimension)
    assert len(counts) == comb(rank + dimension - 1, rank)
    assert list(counts) == sorted(counts)
    places = count_of_component(rank, dimension)
    assert len(places) == dimension**rank
    for index, place in zip(product(range(dimension), repeat=rank), places, strict=True):
        assert counts[place] == tuple(index.count(value) for value in range(dimension))
    assert [places.count(k) for k in range(len(counts))] == [multiplicity(n) for n in counts]


def test_in_three_dimensions_they_are_the_exponents_of_monomials():
    assert all(index_counts(rank) == monomials(rank) for rank in range(8))


def test_a_table_by_counts_spreads_to_equal_components():
    table = ExactTensor((3, 6), {1: {5: 2, 10: -3}}, 7)  # counts 0 of rank 1 in 3 dimensions, 5 of rank 2, …
    full = spread(table, (1, 2))
    assert full.shape == (3, 3, 3)
    assert full.nnz == spread_nnz(table, (1, 2))
    for i, j, k in product(range(3), repeat=3):
        expected = table[count_of_component(1)[i], count_of_component(2)[3 * j + k]]
        assert full[i, j, k] == expected
