r"""Involutions: the combinatorics of isotropic tensors.

A product of deltas pairs its indices, and a product with one ε leaves $d$ of them over. Either is an
involution $w$ of the positions, $w(w(i)) = i$, whose fixed points are the indices of ε.

Under the Robinson-Schensted correspondence (transposed) involutions become standard tableaux, the
fixed points rows of odd length, and the longest increasing subsequence the number of rows. In $d$
dimensions the tableaux with at most $d$ rows count the isotropic tensors; so there are exactly as
many products whose involution has no increasing subsequence longer than $d$.
"""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import chain
from math import factorial

from cartesian.symbolic.index_graph import signature

Involution = tuple[int, ...]


def involutions(size: int, fixed: int) -> Iterator[Involution]:
    """All involutions of 0, …, size - 1 with that many fixed points.

    >>> list(involutions(3, 1))
    [(0, 2, 1), (1, 0, 2), (2, 1, 0)]
    """
    if not count_involutions(size, fixed):
        return
    for pairs in _pairings(tuple(range(size)), fixed):
        image = dict(chain(pairs, (pair[::-1] for pair in pairs)))
        yield tuple(image[i] for i in range(size))


def count_involutions(size: int, fixed: int) -> int:
    r"""Number of involutions, $\binom{n}{f} (n - f - 1)!!$."""
    if fixed > size or (size - fixed) % 2:
        return 0
    pairs = (size - fixed) // 2
    return factorial(size) // (factorial(fixed) * 2**pairs * factorial(pairs))


def exchanged(involution: Involution, k: int) -> tuple[int, Involution]:
    """The involution with positions k and k + 1 exchanged, and the sign that ε takes from it."""
    names = list(range(len(involution)))
    names[k : k + 2] = k + 1, k
    image = tuple(names[involution[names[i]]] for i in range(len(involution)))
    return (-1 if involution[k] == k and involution[k + 1] == k + 1 else 1), image


def longest_increase(involution: Involution) -> int:
    """Length of the longest increasing subsequence, by patience sorting."""
    piles: list[int] = []
    for value in involution:
        place = bisect_left(piles, value)
        piles[place : place + 1] = [value]
    return len(piles)


def inner_product(left: Involution, right: Involution, dimension: int) -> int:
    r"""Full contraction of two products; zero if only one of them has an ε.

    Joined at their indices, they form closed loops, each a factor $d$, and paths between the two ε.
    These order the indices of one ε like those of the other, $\varepsilon_a \varepsilon_{\pi(a)} =
    \mathrm{sgn}(\pi)\, d!$; a path that leads back to the same ε makes the product vanish.
    """
    if _fixed(left) != _fixed(right):
        return 0
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


def _fixed(involution: Involution) -> int:
    return sum(i == image for i, image in enumerate(involution))


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
