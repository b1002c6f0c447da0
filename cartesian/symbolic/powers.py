r"""Symmetric powers: the independent couplings of $\nu$ equal factors.

The products of $\nu$ copies of one tensor $x$ span the symmetric power $\mathrm{Sym}^\nu(V)$. Each copy of
an irrep in it is a polynomial map $x \mapsto P(x)$, homogeneous of degree $\nu$, and is written in three
ways: as a coupling tree, as coefficients of the monomials in the components of $x$,

$$P_M(x) = \sum_{i_1 \le \dots \le i_\nu} c_{M; i_1 \dots i_\nu}\, x_{i_1} \cdots x_{i_\nu},$$

and as a symmetric tensor $t$ with $P_M(x) = t_{i_1 \dots i_\nu M}\, x_{i_1} \cdots x_{i_\nu}$.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement, permutations
from math import prod

from cartesian.spec import Irrep, Irreps
from cartesian.symbolic.characters import check_correlation
from cartesian.symbolic.coupling import compact_coupling
from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import ExactTensor, exact, sqrt, sum_parts
from cartesian.symbolic.selection import independent_trees, multiplicities, pattern
from cartesian.symbolic.tree_polynomials import Monomial, arrangements, scalar_product, tree_polynomial
from cartesian.symbolic.trees import Factor, Tree, factors


@dataclass(frozen=True)
class SymmetricPower:
    r"""Independent symmetric couplings of $\nu$ equal factors; made by `symmetric_power`.

    Attributes:
        irreps: Irreps of one factor.
        correlation: Number of factors $\nu$.
        trees: One tree per copy, sorted by the irrep of the result, then by cost.
    """

    irreps: Irreps
    correlation: int
    trees: tuple[Tree, ...]

    @property
    def out(self) -> Irreps:
        """Irreps of the results, each with its number of copies."""
        counts = Counter(tree.out for tree in self.trees)
        return Irreps((counts[irrep], irrep) for irrep in sorted(counts))

    def __getitem__(self, irrep: Irrep | str) -> tuple[Tree, ...]:
        """Trees of one irrep of the result, cheapest first; none if it does not occur."""
        irrep = Irrep(irrep)
        return tuple(tree for tree in self.trees if tree.out == irrep)

    @property
    def monomials(self) -> tuple[Monomial, ...]:
        r"""Places $i_1 \le \dots \le i_\nu$ in the flat vector of one factor, in lexicographic order."""
        return tuple(combinations_with_replacement(range(self.irreps.dim), self.correlation))

    def coefficients(self, irrep: Irrep | str) -> ExactTensor:
        r"""Exact coefficients $c$ of the monomials, `(copies, 2L+1, monomials)`, sparse.

        >>> list(symmetric_power("1o", 2, "0e").coefficients("0e").entries())  # xx + yy + zz
        [((0, 0, 0), 1), ((0, 0, 3), 1), ((0, 0, 5), 1)]
        """
        irrep = Irrep(irrep)
        column = {monomial: k for k, monomial in enumerate(self.monomials)}
        trees = self[irrep]
        shape = (len(trees), irrep.dim, len(column))
        entries = []
        for copy, tree in enumerate(trees):
            monomials, polynomial = tree_polynomial(tree)
            for (m, k), value in polynomial.entries():
                entries.append(((copy * irrep.dim + m) * len(column) + column[monomials[k]], value))
        return sum_parts(shape, entries)

    def tensor(self, irrep: Irrep | str) -> ExactTensor:
        r"""Exact symmetric tensors $t$, `(copies, dim, …, dim, 2L+1)` with $\nu$ axes of the factors.

        >>> [(index, value) for index, value in symmetric_power("0e+0o", 2).tensor("0o").entries()]
        [((0, 0, 1, 0), 1/2), ((0, 1, 0, 0), 1/2)]
        """
        irrep = Irrep(irrep)
        monomials, dim = self.monomials, self.irreps.dim
        entries = []
        for (copy, m, k), value in self.coefficients(irrep).entries():
            component = value / arrangements(monomials[k])
            for places in set(permutations(monomials[k])):
                flat = copy
                for place in places:
                    flat = flat * dim + place
                entries.append((flat * irrep.dim + m, component))
        return sum_parts((len(self[irrep]), *[dim] * self.correlation, irrep.dim), entries)

    def orthonormal(self, irrep: Irrep | str) -> ExactTensor:
        r"""Exact lower triangular matrix `(copies, copies)` to copies whose tensors are orthonormal.

        The tensors of the copies have rational scalar products (they are contractions of $\delta$ and
        $\varepsilon$), so Gram-Schmidt needs one square root per copy. Rows are the new copies; each tensor
        has the squared norm $2L+1$, one for each component.
        """
        irrep = Irrep(irrep)
        polynomials = [tree_polynomial(tree) for tree in self[irrep]]
        size = len(polynomials)
        gram = exact([[scalar_product(left, right) for right in polynomials] for left in polynomials])
        rows: list[ExactTensor] = []
        for k in range(size):
            row = exact([int(k == j) for j in range(size)])
            image = einsum("ij,j->i", gram, row)
            for other in rows:
                row = row - other * einsum("i,i->", other, image) / irrep.dim
            norm_squared = einsum("i,ij,j->", row, gram, row).fraction()
            rows.append(row * sqrt(irrep.dim / norm_squared))
        return sum_parts(
            (size, size), ((k * size + j, v) for k, row in enumerate(rows) for (j,), v in row.entries())
        )

    @property
    def operations(self) -> int:
        """Multiply-adds to evaluate all trees on one channel, common partial products once."""
        steps = {head for tree in self.trees for head in _heads(tree)}
        return sum(compact_coupling(*step.paths[-1].degrees).nnz for step in steps)

    def __str__(self) -> str:
        lines = [f"symmetric power {self.correlation} of {self.irreps}: {self.out}"]
        lines += [f"  {irrep}: {', '.join(map(str, self[irrep]))}" for _, irrep in self.out]
        return "\n".join(lines)


def symmetric_power(
    irreps: Irreps | str, correlation: int, out: Irreps | str | None = None
) -> SymmetricPower:
    r"""Find the independent couplings of `correlation` equal factors, cheapest intermediates first.

    Args:
        irreps: Irreps of one factor, of any parity; several channels of an irrep are different tensors.
        correlation: Number of factors, $\nu \ge 1$.
        out: Irreps of the results; by default all that occur.

    Returns:
        Exactly as many trees of each irrep as its multiplicity in the symmetric power.

    Raises:
        ValueError: If `correlation` is not an integer $\ge 1$, or an irrep cannot be read.

    Examples:
        >>> power = symmetric_power("0e+1o+2e+3o", 3, "0e+1o")
        >>> power.out
        8x0e+12x1o
        >>> print(symmetric_power("1o", 3))
        symmetric power 3 of 1x1o: 1x1o+1x3o
          1o: ((1o x 1o)0e x 1o)1o
          3o: ((1o x 1o)2e x 1o)3o
    """
    irreps = Irreps(irreps)
    check_correlation(correlation, 1)
    wanted = None if out is None else {block.irrep for block in Irreps(out)}
    trees = [
        tree
        for chosen in combinations_with_replacement(factors(irreps), correlation)
        for tree in _copies(chosen, wanted)
    ]
    # Sorting is stable: copies of equal cost keep the order of their factors.
    return SymmetricPower(irreps, correlation, tuple(sorted(trees, key=lambda tree: (tree.out, tree.cost))))


def _copies(chosen: tuple[Factor, ...], wanted: set[Irrep] | None) -> Iterator[Tree]:
    """Independent trees over one multiset of factors, with the irreps they really have."""
    kind, distinct = pattern(chosen)
    parity = prod(factor.irrep.parity for factor in chosen)
    for block in multiplicities(kind):
        if wanted is not None and Irrep(block.irrep.degree, parity) not in wanted:
            continue
        for tree in independent_trees(kind, block.irrep.degree):
            ordered = tuple(distinct[factor.position] for factor in tree.factors)
            partials, sign = [], 1
            for factor, partial in zip(ordered, tree.partials, strict=True):
                sign *= factor.irrep.parity
                partials.append(Irrep(partial.degree, sign))
            yield Tree(ordered, tuple(partials))


def _heads(tree: Tree) -> Iterator[Tree]:
    """The tree and its partial products, as far as they are products."""
    while tree.correlation > 1:
        yield tree
        tree = tree.head
