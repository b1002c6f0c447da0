r"""Young's seminormal basis: a representation of the permutations, split into orthogonal vectors.

The *content* of a box is its column minus its row. In a space where every irreducible representation
of $S_n$ occurs at most once, there is one vector $v_T$ for each standard tableau $T$: the common
eigenvector of the Jucys-Murphy elements $J_k = \sum_{i<k} (i\,k)$ with the content $c_k$ of the box of $k$.
Adjacent transpositions $s_k = (k\;k{+}1)$ connect them,

$$s_k v_T = \frac{1}{\rho}\, v_T + v_{s_k T}, \qquad \rho = c_{k+1} - c_k, \qquad
  \lVert v_{s_k T} \rVert^2 = \left(1 - \frac{1}{\rho^2}\right) \lVert v_T \rVert^2 .$$

So one vector of a shape gives all others, and no linear system is solved.

Source:
    G. D. James, A. Kerber, The Representation Theory of the Symmetric Group (1981), section 3.2.
"""

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from math import factorial, prod

Shape = tuple[int, ...]
Tableau = tuple[int, ...]
Vector = dict[int, Fraction]
Swap = Callable[[int, Mapping[int, Fraction]], Vector]


def shapes(size: int, rows: int, odd: int) -> Iterator[Shape]:
    """Partitions of `size` into at most so many rows, of which exactly `odd` have odd length.

    >>> list(shapes(6, 3, 0))
    [(6,), (4, 2), (2, 2, 2)]
    """
    return (shape for shape in _partitions(size, size, rows) if sum(n % 2 for n in shape) == odd)


def count_tableaux(shape: Shape) -> int:
    """Number of standard tableaux of a shape, by the hook formula."""
    columns = [sum(row > j for row in shape) for j in range(shape[0] if shape else 0)]
    hooks = prod(row - j + columns[j] - i - 1 for i, row in enumerate(shape) for j in range(row))
    return factorial(sum(shape)) // hooks


def seminormal_basis(shape: Shape, start: Vector, swap: Swap) -> Iterator[tuple[Vector, Fraction]]:
    """All vectors of a shape, with their squared norms relative to the first.

    Args:
        shape: Lengths of the rows.
        start: Any vector with a part along the first tableau, which is filled row by row.
        swap: `swap(k, vector)` exchanges k and k + 1, counted from 0.
    """
    first: Tableau = tuple(row for row, length in enumerate(shape) for _ in range(length))
    found = {first: (_projected(first, start, swap), Fraction(1))}
    queue = [first]
    for tableau in queue:
        contents = _contents(tableau)
        vector, norm = found[tableau]
        for k in range(len(tableau) - 1):
            distance = contents[k + 1] - contents[k]
            other = (*tableau[:k], tableau[k + 1], tableau[k], *tableau[k + 2 :])
            if abs(distance) > 1 and other not in found:
                moved = _sum(swap(k, vector), vector, Fraction(-1, distance))
                found[other] = moved, norm * (1 - Fraction(1, distance**2))
                queue.append(other)
    yield from found.values()


def _projected(tableau: Tableau, vector: Vector, swap: Swap) -> Vector:
    """The part with the contents of the tableau; each step leaves the addable boxes to tell apart."""
    contents = _contents(tableau)
    lengths: list[int] = []
    for k, (row, content) in enumerate(zip(tableau, contents, strict=True)):
        addable = [n - i for i, n in enumerate(lengths) if i == 0 or n < lengths[i - 1]] + [-len(lengths)]
        for other in set(addable) - {content}:
            image = _sum(_jucys_murphy(k, vector, swap), vector, Fraction(-other))
            vector = {place: value / (content - other) for place, value in image.items()}
        lengths[row:] = [lengths[row] + 1 if row < len(lengths) else 1, *lengths[row + 1 :]]
    return vector


def _jucys_murphy(k: int, vector: Vector, swap: Swap) -> Vector:
    """J of the entry k (counted from 0), by J_k = s J_{k-1} s + s with s exchanging k - 1 and k."""
    if k == 0:
        return {}
    swapped = swap(k - 1, vector)
    return _sum(swap(k - 1, _jucys_murphy(k - 1, swapped, swap)), swapped, Fraction(1))


def _contents(tableau: Tableau) -> list[int]:
    return [tableau[:k].count(row) - row for k, row in enumerate(tableau)]


def _sum(left: Vector, right: Vector, factor: Fraction) -> Vector:
    result = dict(left)
    for place, value in right.items():
        result[place] = result.get(place, Fraction(0)) + factor * value
    return {place: value for place, value in result.items() if value}


def _partitions(total: int, largest: int, rows: int) -> Iterator[Shape]:
    if not total:
        yield ()
    elif rows:
        for first in range(min(total, largest), 0, -1):
            yield from ((first, *rest) for rest in _partitions(total - first, first, rows - 1))
