from itertools import permutations
from math import factorial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartesian.spec.permutations import SignedGroup


@st.composite
def generators(draw):
    points = draw(st.integers(1, 5))
    element = st.tuples(st.permutations(range(points)).map(tuple), st.sampled_from([1, -1]))
    return points, draw(st.lists(element, max_size=3))


def closure(points, elements):
    """All products, one by one."""
    found = {(tuple(range(points)), 1)}
    waiting = list(found)
    for p, s in waiting:
        for q, t in elements:
            image = tuple(q[i] for i in p), s * t
            if image not in found:
                found.add(image)
                waiting.append(image)
    return found


@given(generators())
def test_a_group_holds_the_products_of_its_generators_and_nothing_else(drawn):
    points, elements = drawn
    group, found = SignedGroup(points, elements), closure(points, elements)
    assert group.is_consistent == ((tuple(range(points)), -1) not in found)
    assert group.order == len({p for p, _ in found})
    for p in permutations(range(points)):
        signs = {s for q, s in found if q == p}
        assert group.sign(p) in signs if signs else group.sign(p) == 0


@given(generators())
def test_images_fix_every_later_point(drawn):
    points, elements = drawn
    group = SignedGroup(points, elements)
    for point in range(points):
        for image, (p, _) in group.images(point).items():
            assert p[point] == image
            assert p[point + 1 :] == tuple(range(point + 1, points))


@pytest.mark.parametrize("rank", [12, 26])
def test_large_groups_take_no_enumeration(rank):
    swap = ((1, 0, *range(2, rank)), -1)
    cycle = ((*range(1, rank), 0), (-1) ** (rank - 1))
    group = SignedGroup(rank, [swap, cycle])
    assert group.order == factorial(rank)
    assert group.is_consistent
    assert not SignedGroup(rank, [swap, (cycle[0], -cycle[1])]).is_consistent
