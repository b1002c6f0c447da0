r"""Index expressions: exact sums of products of δ, ε and named symbols.

Free indices are names, and an index that two factors share is summed. Every product is kept in a
canonical form: deltas are contracted, $\delta_{ii} = d$, two ε become the determinant of their
deltas, trace-free symbols vanish on traces, and nothing depends on names of summed indices.

Forms that differ by an identity of the dimension, such as the vanishing of an antisymmetrisation
over four indices in three dimensions, are different expressions of the same tensor; compare
`tensor` there.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import chain

from cartesian.symbolic import notation
from cartesian.symbolic.components import components, evaluated
from cartesian.symbolic.exact import ExactTensor, exact, sum_parts
from cartesian.symbolic.index_graph import IndexGraph, contracted, graph_order
from cartesian.symbolic.indices import index_order, parse_indices
from cartesian.symbolic.placements import Groups, count_placements, placements, representative
from cartesian.symbolic.rendering import Rendered

Number = ExactTensor | Fraction | int

_LARGEST = 10_000_000


@dataclass(frozen=True, eq=False)
class Expression(Rendered):
    r"""An immutable exact sum of products of δ, ε and symbols, with named free indices.

    Build one from the factors of `cartesian.symbolic.factors` by `+`, `-`, `*`, `/`.

    Attributes:
        terms: Products and their coefficients.
        indices: The free indices, in the order of the axes of `tensor`.
        dimension: Number $d$ of values of an index.
        symmetric: Groups of free indices; a product then stands for its bracket, the sum over all
            distinct placements of the indices of each group, written $\{\dots\}$.

    Examples:
        >>> from cartesian.symbolic.factors import delta, epsilon, stf
        >>> print((epsilon("ijk") * epsilon("klm")).text)
        δ_il δ_jm - δ_im δ_jl
        >>> print(stf("A", "ij") * stf("B", "jk") * delta("ik"))
        A_ij B_ij
    """

    terms: tuple[tuple[IndexGraph, ExactTensor], ...]
    indices: tuple[str, ...] = ()
    dimension: int = 3
    symmetric: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def number(cls, value: Number, dimension: int = 3) -> "Expression":
        """An exact number as an expression without indices."""
        value = exact(value)
        return cls(((IndexGraph(), value),) if not value.is_zero else (), (), dimension)

    # --- algebra

    def __add__(self, other: "Expression | Number") -> "Expression":
        other = other if isinstance(other, Expression) else Expression.number(other, self.dimension)
        if set(self.indices) != set(other.indices) or self.dimension != other.dimension:
            raise ValueError(
                f"cannot add expressions with free indices {_listed(self)} and {_listed(other)}: "
                "all terms of a sum have the same free indices and dimension"
            )
        if self.symmetric != other.symmetric:
            return self.expand() + other.expand()
        return combined((*self.terms, *other.terms), self)

    __radd__ = __add__

    def __mul__(self, other: "Expression | Number") -> "Expression":
        """Product; indices that both factors have are summed."""
        if not isinstance(other, Expression):
            return combined(((graph, c * exact(other)) for graph, c in self.terms), self)
        if self.dimension != other.dimension:
            raise ValueError(
                f"cannot multiply expressions in {self.dimension} and {other.dimension} dimensions"
            )
        terms = (
            (graph, a * b * number)
            for left, a in self.expand().terms
            for right, b in other.expand().terms
            for number, graph in contracted((left, right), self.dimension)
        )
        indices = tuple(sorted(set(self.indices) ^ set(other.indices), key=index_order))
        return combined(terms, Expression((), indices, self.dimension))

    __rmul__ = __mul__

    def __neg__(self) -> "Expression":
        return self * -1

    def __sub__(self, other: "Expression | Number") -> "Expression":
        return self + -other

    def __rsub__(self, other: Number) -> "Expression":
        return -self + other

    def __truediv__(self, number: Number) -> "Expression":
        return self * exact(number).inverse()

    def symmetrise(self, indices: str | Iterable[str]) -> "Expression":
        """Mean over all permutations of some free indices, as brackets."""
        group = parse_indices(indices)
        if not set(group) <= set(self.indices) or len(set(group)) < len(group):
            raise ValueError(f"{group} are not distinct free indices; the free indices are {_listed(self)}")
        if set(group) & set(chain(*self.symmetric)):
            raise ValueError(f"one of {group} already belongs to a symmetric group, {self.symmetric}")
        target = Expression((), self.indices, self.dimension, (*self.symmetric, group))
        terms = []
        for graph, coefficient in self.terms:
            sign, form = representative(graph, target.symmetric)
            if sign:
                before = count_placements(graph, self.symmetric)
                weight = Fraction(sign * before, count_placements(form, target.symmetric))
                terms.append((form, coefficient * exact(weight)))
        return combined(terms, target)

    def expand(self) -> "Expression":
        """The same expression with every bracket written out."""
        if not self.symmetric:
            return self
        terms = (
            (form, coefficient * sign)
            for graph, coefficient in self.terms
            for sign, form in placements(graph, self.symmetric)
        )
        return combined(terms, Expression((), self.indices, self.dimension))

    def transpose(self, indices: str | Iterable[str]) -> "Expression":
        """The same expression with its free indices, the axes of `tensor`, in another order."""
        names = parse_indices(indices)
        if sorted(names) != sorted(self.indices):
            raise ValueError(f"{names} is not an order of the free indices {_listed(self)}")
        return Expression(self.terms, names, self.dimension, self.symmetric)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (int, Fraction, ExactTensor)):
            other = Expression.number(other, self.dimension)
        if not isinstance(other, Expression):
            return NotImplemented
        if self.symmetric == other.symmetric:
            return self._key() == other._key()
        return self.expand()._key() == other.expand()._key()

    def __hash__(self) -> int:
        return hash(self.expand()._key())

    # --- values

    @property
    def is_zero(self) -> bool:
        """Whether no term is left."""
        return not self.terms

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the symbols that occur."""
        return tuple(sorted({symbol.name for graph, _ in self.terms for symbol in graph.symbols}))

    @cached_property
    def tensor(self) -> ExactTensor:
        """All components, one axis per free index in the order of `indices`; for δ and ε only.

        Raises:
            ValueError: If symbols occur, or there are more than ten million components to add up.
        """
        if self.symbols:
            raise ValueError(
                f"{', '.join(self.symbols)} have no components of their own; give them to evaluate()"
            )
        work = sum(
            count_placements(graph, self.symmetric) * self.dimension ** len(graph.edges)
            for graph, _ in self.terms
        )
        if work > _LARGEST:
            raise ValueError(
                f"the full tensor with {len(self.indices)} indices adds up {work} components, more than "
                f"{_LARGEST}; use its formula, its coefficients or its compact form"
            )
        entries = (
            (flat, coefficient * sign)
            for graph, coefficient in self.expand().terms
            for sign, flat in components(graph, self.indices, self.dimension)
        )
        return sum_parts((self.dimension,) * len(self.indices), entries)

    def evaluate(self, **values: ExactTensor) -> ExactTensor:
        """Exact value with a tensor in the place of each symbol.

        Args:
            values: A tensor for each name, with one axis of length $d$ per index. A `direction`
                is a vector. Symmetries are taken for granted.

        Returns:
            One axis per free index, in the order of `indices`.

        Raises:
            ValueError: If names or shapes do not fit.

        Examples:
            >>> from cartesian.symbolic.factors import stf
            >>> from cartesian.symbolic.exact import exact
            >>> (stf("A", "i") * stf("A", "i")).evaluate(A=exact([1, 2, 2]))
            9
        """
        if set(values) != set(self.symbols):
            raise ValueError(f"the symbols are {list(self.symbols)}; values were given for {sorted(values)}")
        for name, value in values.items():
            if set(value.shape) - {self.dimension}:
                raise ValueError(f"{name} has shape {value.shape}; every axis has length {self.dimension}")
        result = ExactTensor((self.dimension,) * len(self.indices), {})
        for graph, coefficient in self.expand().terms:
            result += evaluated(graph, values, self.indices, self.dimension) * coefficient
        return result

    # --- formulas

    @property
    def text(self) -> str:
        """The expression in Unicode."""
        return notation.written(self.terms, self.symmetric, notation.TEXT)

    def latex(self) -> str:
        r"""The expression in LaTeX; $\{\dots\}$ is the sum over the distinct placements of the indices."""
        return notation.written(self.terms, self.symmetric, notation.LATEX)

    def __repr__(self) -> str:
        return f"Expression({self.text})"

    def _key(self) -> tuple[object, ...]:
        return frozenset(self.terms), self.indices, self.dimension


def combined(terms: Iterable[tuple[IndexGraph, ExactTensor]], shape: Expression) -> Expression:
    """The sum of terms, with indices, dimension and groups of another expression."""
    sums: dict[IndexGraph, ExactTensor] = {}
    for graph, coefficient in terms:
        sums[graph] = sums[graph] + coefficient if graph in sums else coefficient
    kept = [(graph, coefficient) for graph, coefficient in sums.items() if not coefficient.is_zero]
    kept.sort(key=lambda term: _written_order(term[0], shape.symmetric))
    return Expression(tuple(kept), shape.indices, shape.dimension, shape.symmetric)


def _written_order(graph: IndexGraph, groups: Groups) -> tuple[object, ...]:
    """The leading term first, then the traces: δ between equivalent indices, other δ, symbols."""
    traces = sum(set(edge) <= set(group) for edge in graph.edges for group in groups)
    return traces, graph.deltas, graph.symbols, graph_order(graph)


def _listed(expression: Expression) -> str:
    return f"({', '.join(expression.indices)})"
