r"""An orthogonal basis of isotropic tensors in closed form, as combinations of products of δ and ε.

Permutations of the indices act on the products, every irreducible representation of them occurs at
most once (its shape has as many odd rows as there are indices in ε), and the Gram matrix commutes
with them. So it is a number on each shape, zero for shapes with more rows than dimensions, and
Young's seminormal vectors are orthogonal for every dimension at once.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from cartesian.symbolic.involutions import Involution, exchanged, inner_product
from cartesian.symbolic.tableaux import Shape, Vector, seminormal_basis


def isotropic_basis(
    products: Sequence[Involution], shape: Shape, dimension: int
) -> Iterator[tuple[Vector, Fraction]]:
    """The combinations of products that belong to a shape, with their squared norms as tensors.

    >>> from cartesian.symbolic.involutions import involutions
    >>> pairings = list(involutions(4, 0))
    >>> [(len(vector), norm) for vector, norm in isotropic_basis(pairings, (4,), 3)]
    [(3, Fraction(5, 1))]
    """
    place = {involution: k for k, involution in enumerate(products)}

    def swap(k: int, vector: Mapping[int, Fraction]) -> Vector:
        images = ((exchanged(products[p], k), value) for p, value in vector.items())
        return {place[image]: sign * value for (sign, image), value in images}

    start = _row_by_row(shape)
    basis = list(seminormal_basis(shape, {place[start]: Fraction(1)}, swap))
    first = basis[0][0]
    overlap = sum(inner_product(start, products[k], dimension) * value for k, value in first.items())
    norm_squared = overlap / first[place[start]] * sum(value**2 for value in first.values())
    return ((vector, norm_squared * ratio) for vector, ratio in basis)


def _row_by_row(shape: Shape) -> Involution:
    """The product that pairs neighbours in each row of a shape, with ε at the ends of odd rows."""
    result: list[int] = []
    for length in shape:
        start = len(result)
        result += [start + (k ^ 1) for k in range(length - length % 2)]
        result += [len(result)] * (length % 2)
    return tuple(result)
