"""Young's seminormal basis: eigenvectors, norms and numbers."""

from fractions import Fraction
from math import factorial

import pytest

from cartesian.symbolic.involutions import exchanged, involutions
from cartesian.symbolic.tableaux import count_tableaux, seminormal_basis, shapes


def every_shape(size):
    return [shape for odd in range(size + 1) for shape in shapes(size, size, odd)]


@pytest.mark.parametrize("size", range(9))
def test_squares_of_the_numbers_of_tableaux_add_up_to_all_permutations(size):
    assert sum(count_tableaux(shape) ** 2 for shape in every_shape(size)) == factorial(size)
    assert all(
        list(shape) == sorted(shape, reverse=True) and sum(shape) == size for shape in every_shape(size)
    )


@pytest.mark.parametrize(("size", "fixed"), [(4, 0), (6, 0), (3, 3), (5, 3)])
def test_the_basis_splits_the_products_into_orthogonal_eigenvectors(size, fixed):
    space = list(involutions(size, fixed))
    place = {w: k for k, w in enumerate(space)}

    def swap(k, vector):
        images = ((exchanged(space[p], k), value) for p, value in vector.items())
        return {place[image]: sign * value for (sign, image), value in images}

    found = []
    for shape in shapes(size, size, fixed):
        # A product with a part in every shape: the sum of all, with weights that nothing makes vanish.
        start = {k: Fraction((k + 2) ** 3) for k in range(len(space))}
        basis = list(seminormal_basis(shape, start, swap))
        assert len(basis) == count_tableaux(shape)
        length = dot(basis[0][0], basis[0][0])
        assert all(dot(vector, vector) == ratio * length for vector, ratio in basis)
        found += [vector for vector, _ in basis]
    assert len(found) == len(space)
    assert all(not dot(a, b) for i, a in enumerate(found) for b in found[:i])
    assert all(dot(a, a) for a in found)


def dot(left, right):
    return sum(value * right.get(k, 0) for k, value in left.items())
