r"""Exact linear algebra over the rationals on sparse rows.

A row is a mapping of columns to nonzero integers or fractions. Elimination keeps integer
rows without a common factor and forms fractions at the end; no result depends on the order
of the rows.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from math import gcd, lcm

Row = dict[int, Fraction]
AnyRow = Mapping[int, int | Fraction]
_IntegerRow = dict[int, int]


def reduced_echelon(rows: Iterable[AnyRow]) -> list[Row]:
    """The reduced row echelon form: independent rows with a leading 1, ascending in its column.

    Examples:
        >>> reduced_echelon([{0: 2, 1: 4}, {0: 1, 1: 2, 2: 3}])
        [{0: Fraction(1, 1), 1: Fraction(2, 1)}, {2: Fraction(1, 1)}]
    """
    pivots = _eliminate(rows, min)
    return [_over(pivots[column], column) for column in sorted(pivots)]


def rank(rows: Iterable[AnyRow]) -> int:
    """Number of linearly independent rows."""
    return len(_forward(rows, min))


def nullspace(rows: Iterable[AnyRow], columns: int) -> list[Row]:
    r"""Basis of the vectors that every row maps to zero, in reduced row echelon form.

    The first columns that can be chosen freely are: each vector has a 1 in one of them, zeros
    in the others, and its further entries in later columns.

    Args:
        rows: Equations $\sum_j a_j x_j = 0$.
        columns: Number of unknowns.

    Examples:
        >>> nullspace([{0: 1, 2: -1}], 3)
        [{0: Fraction(1, 1), 2: Fraction(1, 1)}, {1: Fraction(1, 1)}]
    """
    pivots = _eliminate(rows, max)
    basis = {column: {column: Fraction(1)} for column in range(columns) if column not in pivots}
    for pivot in sorted(pivots):
        row = pivots[pivot]
        for column, value in row.items():
            if column != pivot:
                basis[column][pivot] = Fraction(-value, row[pivot])
    return list(basis.values())


def solve(rows: Sequence[AnyRow], right: Sequence[int | Fraction]) -> Row:
    r"""The solution of $\sum_j a_{ij} x_j = b_i$ in which every free unknown is zero.

    Raises:
        ValueError: If the equations contradict each other.

    Examples:
        >>> solve([{0: 1, 1: 1}, {0: 1, 1: -1}], [3, 1])
        {0: Fraction(2, 1), 1: Fraction(1, 1)}
    """
    # The right-hand side stands in a last column, which no elimination of leading columns picks first.
    last = max((max(row, default=-1) for row in rows), default=-1) + 1
    extended = [{**row, last: value} for row, value in zip(rows, right, strict=True)]
    pivots = _eliminate(extended, min)
    if last in pivots:
        raise ValueError(
            f"the {len(extended)} equations contradict each other: a combination of them reads 0 = 1"
        )
    return {
        column: Fraction(pivots[column][last], pivots[column][column])
        for column in sorted(pivots)
        if last in pivots[column]
    }


def inner(left: AnyRow, right: AnyRow, gram: Sequence[Fraction]) -> Fraction:
    r"""$\sum_i g_i u_i v_i$ with a diagonal Gram matrix."""
    if len(left) > len(right):
        left, right = right, left
    return sum((value * right[i] * gram[i] for i, value in left.items() if i in right), Fraction(0))


def orthogonal(vectors: Iterable[Row], gram: Sequence[Fraction]) -> list[Row]:
    """Gram-Schmidt without normalisation, in the order given; `gram` is the diagonal Gram matrix."""
    result: list[Row] = []
    norms: list[Fraction] = []
    for vector in vectors:
        rest = dict(vector)
        for other, norm in zip(result, norms, strict=True):
            overlap = inner(vector, other, gram) / norm
            if overlap:
                for i, value in other.items():
                    rest[i] = rest.get(i, Fraction(0)) - overlap * value
        rest = {i: value for i, value in sorted(rest.items()) if value}
        if rest:
            result.append(rest)
            norms.append(inner(rest, rest, gram))
    return result


def _forward(rows: Iterable[AnyRow], leading: Callable[[Iterable[int]], int]) -> dict[int, _IntegerRow]:
    """Rows by the column they lead in; each may still hold columns that others lead in."""
    pivots: dict[int, _IntegerRow] = {}
    for row in sorted((_primitive(row) for row in rows), key=len):
        while row and (column := leading(row)) in pivots:
            row = _cancelled(row, pivots[column], column)
        if row:
            pivots[column] = row
    return pivots


def _eliminate(rows: Iterable[AnyRow], leading: Callable[[Iterable[int]], int]) -> dict[int, _IntegerRow]:
    """Rows by the column they lead in, which no other row holds."""
    pivots = _forward(rows, leading)
    # A row holds columns after the one it leads in; those rows must be finished first.
    for column in sorted(pivots, reverse=leading is min):
        row = pivots[column]
        for other in [other for other in row if other in pivots and other != column]:
            row = _cancelled(row, pivots[other], other)
        pivots[column] = row
    return pivots


def _cancelled(row: _IntegerRow, pivot: _IntegerRow, column: int) -> _IntegerRow:
    """The row with its entry in `column` removed by a multiple of `pivot`."""
    a, b = pivot[column], row[column]
    common = gcd(a, b)
    a, b = a // common, b // common
    result = {i: a * value for i, value in row.items()} if a != 1 else dict(row)
    for i, value in pivot.items():
        result[i] = result.get(i, 0) - b * value
    return _primitive(result)


def _primitive(row: AnyRow) -> _IntegerRow:
    denominator = lcm(*(value.denominator for value in row.values()))
    integers = {i: int(value * denominator) for i, value in row.items() if value}
    common = gcd(*integers.values())
    return {i: value // common for i, value in integers.items()} if common > 1 else integers


def _over(row: _IntegerRow, column: int) -> Row:
    return {i: Fraction(row[i], row[column]) for i in sorted(row)}
