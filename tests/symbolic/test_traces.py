from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartesian.symbolic.traces import double_factorial, stf_dimension, stf_norm_squared, trace_coefficient

# Reference values: "STF projector".
PUBLISHED = {
    2: ([1, Fraction(-1, 3)], Fraction(2, 3)),
    3: ([1, Fraction(-3, 5)], Fraction(2, 5)),
    4: ([1, Fraction(-6, 7), Fraction(3, 35)], Fraction(8, 35)),
    5: ([1, Fraction(-10, 9), Fraction(5, 21)], Fraction(8, 63)),
    6: ([1, Fraction(-15, 11), Fraction(5, 11), Fraction(-5, 231)], Fraction(16, 231)),
    7: ([1, Fraction(-21, 13), Fraction(105, 143), Fraction(-35, 429)], Fraction(16, 429)),
    8: ([1, Fraction(-28, 15), Fraction(14, 13), Fraction(-28, 143), Fraction(7, 1287)], Fraction(128, 6435)),
}


@pytest.mark.parametrize("rank", PUBLISHED)
def test_coefficients_and_norms_are_the_published_ones(rank):
    coefficients, norm_squared = PUBLISHED[rank]
    assert [trace_coefficient(rank, k) for k in range(rank // 2 + 1)] == coefficients
    assert stf_norm_squared(rank) == norm_squared


@given(st.integers(0, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n // 2))))
def test_the_general_form_is_thornes_in_three_dimensions(case):
    n, k = case
    from sympy import Rational, factorial, factorial2

    thorne = (
        Rational(-1) ** k
        * factorial(n)
        * factorial2(2 * n - 2 * k - 1)
        / (factorial(n - 2 * k) * factorial2(2 * n - 1) * factorial2(2 * k))
    )
    assert trace_coefficient(n, k) == Fraction(thorne.p, thorne.q)


@given(st.integers(0, 30), st.integers(2, 8))
def test_the_norm_of_a_trace_free_power_is_the_sum_of_its_coefficients(rank, dimension):
    # n·…·n contracted with its own trace-free part, for a unit vector.
    total = sum(trace_coefficient(rank, k, dimension) for k in range(rank // 2 + 1))
    product = Fraction(1)
    for j in range(1, rank):  # Gegenbauer: l! Γ(d/2-1) ... written as a recursion in the rank
        product *= Fraction(j + dimension - 2, 2 * j + dimension - 2)
    assert total == product
    if dimension == 3:
        assert total == stf_norm_squared(rank)


@given(st.integers(0, 20))
def test_a_trace_free_tensor_has_2l_plus_1_components(rank):
    assert stf_dimension(rank) == 2 * rank + 1
    assert stf_dimension(rank, 2) == (2 if rank else 1)


def test_double_factorials_start_at_minus_one():
    assert [double_factorial(n) for n in (-1, 0, 1, 2, 5, 6)] == [1, 1, 1, 2, 15, 48]


def test_impossible_traces_are_refused():
    with pytest.raises(ValueError, match="cannot trace 2 index pairs out of a tensor of rank 3"):
        trace_coefficient(3, 2)
    with pytest.raises(ValueError, match="at least 2 dimensions, not 1"):
        trace_coefficient(3, 1, 1)
