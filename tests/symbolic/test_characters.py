from itertools import product
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartesian.spec import Irrep, Irreps
from cartesian.symbolic.characters import hilbert_series, symmetric_irreps

irrep = st.builds(Irrep, st.integers(0, 4), st.sampled_from([1, -1]))
sums = st.lists(irrep, min_size=1, max_size=4).map(Irreps)


@given(sums, st.integers(0, 4))
def test_the_irreps_of_a_power_fill_the_space_of_monomials(irreps, correlation):
    assert symmetric_irreps(irreps, correlation).dim == comb(irreps.dim + correlation - 1, correlation)


@given(sums)
def test_the_symmetric_square_is_what_products_of_pairs_give(irreps):
    blocks = [block.irrep for block in irreps]
    mixed = [out for k, left in enumerate(blocks) for right in blocks[:k] for out in left * right]
    squares = [out for each in blocks for out in each * each if out.degree % 2 == 0]
    assert symmetric_irreps(irreps, 2) == Irreps([*mixed, *squares]).simplify()


@pytest.mark.parametrize(
    ("max_degree", "correlation", "natural", "unnatural"),
    [
        (1, 2, (2, 1, 1, 0, 0), (0, 0, 0, 0)),
        (1, 3, (2, 2, 1, 1, 0), (0, 0, 0, 0)),
        (2, 2, (3, 2, 3, 1, 1), (0, 0, 1, 0)),
        (2, 3, (5, 5, 6, 4, 3), (0, 1, 2, 2)),
        (3, 2, (4, 3, 5, 3, 3), (0, 0, 2, 1)),
        (3, 3, (8, 12, 14, 15, 11), (0, 4, 7, 8)),
        (3, 4, (23, 31, 46, 44, 45), (3, 14, 29, 30)),
        (4, 3, (14, 21, 29, 31, 31), (1, 9, 17, 21)),
    ],
)
def test_published_numbers_of_copies(max_degree, correlation, natural, unnatural):
    out = symmetric_irreps(Irreps.harmonics(max_degree), correlation)
    assert tuple(out.count(Irrep.natural(degree)) for degree in range(5)) == natural
    assert tuple(out.count(Irrep(d, -Irrep.natural(d).parity)) for d in range(4)) == unnatural


def test_the_golden_sums_of_mace():
    powers = [symmetric_irreps("0e+1o+2e+3o", correlation) for correlation in (1, 2, 3)]
    assert [sum(power.count(out) for power in powers) for out in ("0e", "1o", "2e")] == [13, 16, 20]


@pytest.mark.parametrize(
    ("irreps", "group", "series"),
    [
        ("2e", "O3", (1, 0, 1, 1, 1, 1, 2, 1, 2, 2, 2, 2, 3)),
        ("3o", "O3", (1, 0, 1, 0, 2, 0, 3, 0, 4, 0, 6, 0, 8)),
        ("4e", "O3", (1, 0, 1, 1, 2, 2, 4, 4, 7, 8, 12, 13, 20)),
        ("0e+2e", "O3", (1, 1, 2, 3, 4, 5, 7, 8, 10)),
        ("1o+3o", "O3", (1, 0, 2, 0, 7, 0, 17, 0, 38)),
        ("1o+3o", "SO3", (1, 0, 2, 0, 7, 0, 17, 3, 38)),
        ("2x1o+2o+3o", "SO3", (1, 0, 5, 7, 43, 80, 307)),
        ("2x0e+2x2e+4e", "O3", (1, 2, 7, 22, 63, 177, 487)),
        ("0e+1e+2e", "O3", (1, 1, 3, 5, 9, 13, 23)),
    ],
)
def test_published_numbers_of_invariants(irreps, group, series):
    assert hilbert_series(irreps, len(series) - 1, group) == series


@given(sums)
def test_invariants_are_the_scalars_of_symmetric_powers(irreps):
    powers = [symmetric_irreps(irreps, degree) for degree in range(4)]
    assert hilbert_series(irreps, 3) == tuple(power.count("0e") for power in powers)
    assert hilbert_series(irreps, 3, "SO3") == tuple(p.count("0e") + p.count("0o") for p in powers)


@given(st.integers(0, 3), st.integers(0, 5))
def test_several_scalars_have_all_their_monomials_as_invariants(channels, max_degree):
    monomials = [
        sum(sum(exponents) == degree for exponents in product(range(max_degree + 1), repeat=channels))
        for degree in range(max_degree + 1)
    ]
    assert hilbert_series(f"{channels}x0e", max_degree) == tuple(monomials)


@pytest.mark.parametrize("correlation", [-1, 1.0, True, "2"])
def test_a_number_of_factors_is_a_natural_number(correlation):
    with pytest.raises(ValueError, match=f"integer number of factors >= 0, not {correlation!r}"):
        symmetric_irreps("1o", correlation)


def test_only_two_groups_are_counted_under():
    with pytest.raises(ValueError, match="under 'O3' or 'SO3', not 'Oh'"):
        hilbert_series("1o", 2, "Oh")
