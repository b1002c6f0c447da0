r"""Coupling trees written out as polynomials, exactly.

The polynomial of a tree is built factor by factor: the coefficients of the partial product are coupled to
the next factor, and the products of monomials that differ only in their order are added up.
"""

from collections import Counter
from functools import lru_cache
from math import factorial, prod

from cartesian.symbolic.coupling import compact_coupling
from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import ExactTensor, exact, sum_parts
from cartesian.symbolic.trees import Tree

Monomial = tuple[int, ...]
"""Places of the factors in a flat vector, ascending."""

Polynomial = tuple[tuple[Monomial, ...], ExactTensor]
"""Monomials, and their coefficients `(2L+1, monomials)`."""


@lru_cache(maxsize=4096)
def tree_polynomial(tree: Tree) -> Polynomial:
    r"""Polynomial map of a tree in the flat vector of its factors.

    >>> from cartesian.spec import Irrep
    >>> from cartesian.symbolic.trees import factors
    >>> o = factors("1o")[0]
    >>> monomials, coefficients = tree_polynomial(Tree((o, o), (o.irrep, Irrep("0e"))))
    >>> monomials  # xx, yy, zz and the mixed ones, which do not occur
    ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    >>> print(coefficients.latex())
    \begin{pmatrix} 1 & 0 & 0 & 1 & 0 & 1 \end{pmatrix}
    """
    components = tree.factors[-1].components
    size = len(components)
    if tree.correlation == 1:
        return tuple((place,) for place in components), exact(
            [[int(a == b) for b in range(size)] for a in range(size)]
        )
    monomials, polynomial = tree_polynomial(tree.head)
    longer = [[tuple(sorted((*monomial, place))) for place in components] for monomial in monomials]
    column = {
        monomial: k for k, monomial in enumerate(sorted({product for row in longer for product in row}))
    }
    merge = sum_parts(
        (len(monomials), size, len(column)),
        (
            ((k * size + b) * len(column) + column[product], 1)
            for k, row in enumerate(longer)
            for b, product in enumerate(row)
        ),
    )
    coupling = compact_coupling(*tree.paths[-1].degrees)
    return tuple(column), einsum("ak,abo,kbj->oj", polynomial, coupling, merge)


def scalar_product(left: Polynomial, right: Polynomial) -> ExactTensor:
    """Scalar product of the symmetric tensors of two polynomials, over all their indices."""
    if left[0] != right[0]:
        return exact(0)
    weights = sum_parts((len(left[0]),), ((k, 1 / exact(arrangements(m))) for k, m in enumerate(left[0])))
    return einsum("oj,j,oj->", left[1], weights, right[1])


def arrangements(monomial: Monomial) -> int:
    """Number of distinct orders of the factors of a monomial."""
    return factorial(len(monomial)) // prod(factorial(times) for times in Counter(monomial).values())
