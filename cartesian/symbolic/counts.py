r"""Symmetric tensors by index counts: a component depends only on how often each value occurs.

With $n$ indices in $d$ dimensions there are $\binom{n+d-1}{n}$ counts $(n_1, \dots, n_d)$ in place of
$d^n$ components, and a count stands for $n!/\prod n_k!$ components.
"""

from functools import cache
from itertools import product
from math import factorial, prod

from cartesian.symbolic.exact import ExactTensor

Counts = tuple[int, ...]

_LARGEST = 10_000_000


@cache
def index_counts(rank: int, dimension: int = 3) -> tuple[Counts, ...]:
    """All counts of a rank, in lexicographic order: the exponents of the monomials of that degree.

    >>> index_counts(2, 2)
    ((0, 2), (1, 1), (2, 0))
    """
    if dimension == 1:
        return ((rank,),)
    return tuple(
        (first, *rest) for first in range(rank + 1) for rest in index_counts(rank - first, dimension - 1)
    )


def multiplicity(counts: Counts) -> int:
    r"""Number of components with these counts, $n!/\prod_k n_k!$."""
    return factorial(sum(counts)) // prod(factorial(n) for n in counts)


@cache
def count_of_component(rank: int, dimension: int = 3) -> tuple[int, ...]:
    """For each of the $d^n$ components, in order, the place of its counts in `index_counts`."""
    place = {counts: k for k, counts in enumerate(index_counts(rank, dimension))}
    return tuple(
        place[tuple(index.count(value) for value in range(dimension))]
        for index in product(range(dimension), repeat=rank)
    )


def spread(table: ExactTensor, ranks: tuple[int, ...], dimension: int = 3) -> ExactTensor:
    """Full tensor from rational values by counts: each axis of counts becomes `rank` axes.

    Raises:
        ValueError: If more than ten million components would be nonzero.
    """
    nnz = spread_nnz(table, ranks, dimension)
    if nnz > _LARGEST:
        raise ValueError(
            f"the full tensor with {sum(ranks)} indices has {nnz} nonzero components, more than {_LARGEST}; "
            "use its formula, its coefficients or its compact form"
        )
    places = [_places(rank, dimension) for rank in ranks]
    strides = [dimension ** sum(ranks[axis + 1 :]) for axis in range(len(ranks))]
    part: dict[int, int] = {}
    for index, value in table.entries():
        numerator = (value.fraction() * table.denominator).numerator
        flats = [0]
        for axis, k in enumerate(index):
            flats = [flat + strides[axis] * place for flat in flats for place in places[axis][k]]
        part.update(dict.fromkeys(flats, numerator))
    return ExactTensor((dimension,) * sum(ranks), {1: part}, table.denominator)


def spread_nnz(table: ExactTensor, ranks: tuple[int, ...], dimension: int = 3) -> int:
    """Number of nonzero components of the full tensor, without making it."""
    counts = [index_counts(rank, dimension) for rank in ranks]
    return sum(
        prod(multiplicity(counts[axis][k]) for axis, k in enumerate(index)) for index, _ in table.entries()
    )


@cache
def _places(rank: int, dimension: int) -> tuple[tuple[int, ...], ...]:
    result: list[list[int]] = [[] for _ in index_counts(rank, dimension)]
    for flat, k in enumerate(count_of_component(rank, dimension)):
        result[k].append(flat)
    return tuple(map(tuple, result))
