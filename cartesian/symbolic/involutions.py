r"""Involutions: the combinatorics of isotropic tensors.

A product of deltas pairs its indices, and a product with one ε leaves $d$ of them over. Either is an
involution $w$ of the positions, $w(w(i)) = i$, whose fixed points are the indices of ε.

Under the Robinson-Schensted correspondence involutions become standard tableaux, the fixed points
columns of odd length, and the longest increasing subsequence the number of columns. In $d$ dimensions
the tableaux with at most $d$ columns count the isotropic tensors; so the products whose involution
has no increasing subsequence longer than $d$ are exactly as many as are independent.
"""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import chain
from math import factorial, prod

from cartesian.symbolic.index_graph import signature

Involution = tuple[int, ...]


def involutions(size: int, fixed: int) -> Iterator[Involution]:
    """All involutions of 0, …, size - 1 with that many fixed points.

    >>> list(involutions(3, 1))
    [(0, 2, 1), (1, 0, 2), (2, 1, 0)]
    """
    for pairs in _pairings(tuple(range(size)), fixed):
        image = dict(chain(pairs, (pair[::-1] for pair in pairs)))
        yield tuple(image[i] for i in range(size))


def count_involutions(size: int, fixed: int) -> int:
    r"""Number of involutions, $\binom{n}{f} (n - f - 1)!!$."""
    if fixed > size or (size - fixed) % 2:
        return 0
    pairs = (size - fixed) // 2
    return factorial(size) // (factorial(fixed) * 2**pairs * factorial(pairs))


def longest_increase(involution: Involution) -> int:
    """Length of the longest increasing subsequence, by patience sorting."""
    piles: list[int] = []
    for value in involution:
        place = bisect_left(piles, value)
        piles[place : place + 1] = [value]
    return len(piles)


def inner_product(left: Involution, right: Involution, dimension: int) -> int:
    r"""Full contraction of two products with equally many fixed points.

    Joined at their indices, they form closed loops, each a factor $d$, and paths between the two ε.
    These order the indices of one ε like those of the other, $\varepsilon_a \varepsilon_{\pi(a)} =
    \mathrm{sgn}(\pi)\, d!$; a path that leads back to the same ε makes the product vanish.
    """
    seen = [False] * len(left)
    order = []
    for start in (i for i, image in enumerate(left) if i == image):
        i, turn = start, 0
        seen[i] = True
        while (after := (right, left)[turn][i]) != i:
            i, turn = after, 1 - turn
            seen[i] = True
        if turn:
            return 0
        order.append(i)
    loops = 0
    for start in range(len(left)):
        loops += not seen[start]
        i = start
        while not seen[i]:
            seen[i] = seen[left[i]] = True
            i = right[left[i]]
    return signature(order) * (factorial(dimension) if order else 1) * dimension**loops


def count_bounded(size: int, fixed: int, width: int) -> int:
    """Number of involutions with no increasing subsequence longer than `width`, by the hook formula."""
    shapes = _partitions(size, size, width)
    return sum(_tableaux(shape) for shape in shapes if sum(column % 2 for column in shape) == fixed)


def _pairings(rest: tuple[int, ...], fixed: int) -> Iterator[tuple[tuple[int, int], ...]]:
    if not rest:
        yield ()
        return
    first, *others = rest
    if fixed:
        yield from (((first, first), *tail) for tail in _pairings(tuple(others), fixed - 1))
    if len(rest) - fixed >= 2:
        for k, partner in enumerate(others):
            left = (*others[:k], *others[k + 1 :])
            yield from (((first, partner), *tail) for tail in _pairings(left, fixed))


def _partitions(total: int, largest: int, parts: int) -> Iterator[tuple[int, ...]]:
    """Partitions into at most so many parts: lengths of the columns of a tableau."""
    if not total:
        yield ()
    elif parts:
        for first in range(min(total, largest), 0, -1):
            yield from ((first, *rest) for rest in _partitions(total - first, first, parts - 1))


def _tableaux(columns: tuple[int, ...]) -> int:
    """Number of standard tableaux with these columns."""
    rows = [sum(column > i for column in columns) for i in range(columns[0] if columns else 0)]
    hooks = prod(
        column - i + rows[i] - j - 1 for j, column in enumerate(columns) for i in range(column)
    )
    return factorial(sum(columns)) // hooks
