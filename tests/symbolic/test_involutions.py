"""Involutions against brute force over permutations and dense contraction."""

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartesian.symbolic.factors import delta, epsilon
from cartesian.symbolic.involutions import (
    count_involutions,
    exchanged,
    inner_product,
    involutions,
    longest_increase,
)


@pytest.mark.parametrize("size", range(7))
@pytest.mark.parametrize("fixed", range(5))
def test_involutions_are_the_permutations_that_undo_themselves(size, fixed):
    expected = {
        w
        for w in permutations(range(size))
        if all(w[w[i]] == i for i in range(size)) and sum(w[i] == i for i in range(size)) == fixed
    }
    found = list(involutions(size, fixed))
    assert set(found) == expected
    assert len(found) == count_involutions(size, fixed)


@given(st.permutations(range(7)))
def test_the_longest_increase_is_that_of_some_subsequence(order):
    expected = max(k for k in range(1, 8) for part in combinations(order, k) if list(part) == sorted(part))
    assert longest_increase(tuple(order)) == expected


products = st.integers(0, 7).flatmap(
    lambda n: st.sampled_from([w for f in (0, 3) for w in involutions(n, f)] or [()])
)


def array(involution):
    names = "ijklmnp"[: len(involution)]
    result = np.array(1.0)
    order = [i for i, image in enumerate(involution) if i == image]
    if order:
        result = epsilon("ijk").numpy()
    for i, image in enumerate(involution):
        if i < image:
            result, order = np.multiply.outer(result, delta("ij").numpy()), [*order, i, image]
    assert len(order) == len(names)
    return result.transpose(np.argsort(order)) if order else result


@given(products, st.data())
def test_loops_and_paths_give_the_full_contraction(left, data):
    right = data.draw(products.filter(lambda w: len(w) == len(left)))
    assert inner_product(left, right, 3) == (array(left) * array(right)).sum()


@given(products.filter(lambda w: len(w) > 1), st.data())
def test_an_exchange_of_indices_is_a_transposition_of_axes(involution, data):
    k = data.draw(st.integers(0, len(involution) - 2))
    sign, image = exchanged(involution, k)
    np.testing.assert_array_equal(sign * array(image), array(involution).swapaxes(k, k + 1))
