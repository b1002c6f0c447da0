r"""The projector onto symmetric trace-free (STF) tensors: formula, components, operator.

It takes any tensor $T$ of rank $\ell$ to the STF part of its symmetric part,

$$P\,T = \sum_k a_k\, \mathrm{sym}(\delta^{\otimes k} \otimes \mathrm{tr}^k\, \mathrm{sym}\, T).$$

On polynomials $T(x) = T_{i_1 \dots i_\ell} x_{i_1} \cdots x_{i_\ell}$ it is
$\sum_k a_k \frac{(\ell - 2k)!}{\ell!}\, r^{2k} \Delta^k$, which gives all components from integers.
"""

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from math import comb, factorial, perm, prod
from typing import Any

import numpy as np

from cartesian.symbolic.counts import count_of_component, index_counts, multiplicity, spread, spread_nnz
from cartesian.symbolic.exact import ExactTensor
from cartesian.symbolic.expression import Expression
from cartesian.symbolic.factors import delta, symmetric
from cartesian.symbolic.indices import index_names
from cartesian.symbolic.rendering import Rendered, floating, like
from cartesian.symbolic.traces import stf_dimension, trace_coefficient


@dataclass(frozen=True)
class Projector(Rendered):
    r"""The projector $P_{i_1\dots i_\ell,\, j_1\dots j_\ell}$ onto STF tensors of a degree.

    Args:
        degree: Number of indices on each side, $\ell \ge 0$.
        dimension: Number $d \ge 2$ of values of an index.

    Raises:
        ValueError: If the degree is negative or the dimension below 2.

    Examples:
        >>> print(Projector(2))
        1/2 (δ_ik δ_jl + δ_il δ_jk) - 1/3 δ_ij δ_kl
        >>> print(Projector(3).action)
        S_ijk - 1/5 (δ_ij S_kll + δ_ik S_jll + δ_jk S_ill)
        >>> Projector(4).coefficients, Projector(4).trace
        ((Fraction(1, 1), Fraction(-6, 7), Fraction(3, 35)), 9)
    """

    degree: int
    dimension: int = 3

    def __post_init__(self) -> None:
        if isinstance(self.degree, bool) or not isinstance(self.degree, int) or self.degree < 0:
            raise ValueError(f"a projector has an integer degree >= 0, not {self.degree!r}")
        if isinstance(self.dimension, bool) or not isinstance(self.dimension, int) or self.dimension < 2:
            raise ValueError(f"trace-free tensors need at least 2 dimensions, not {self.dimension!r}")

    @property
    def coefficients(self) -> tuple[Fraction, ...]:
        r"""The weights $a_0 = 1, a_1, \dots$ of the traces."""
        return tuple(trace_coefficient(self.degree, k, self.dimension) for k in range(self.degree // 2 + 1))

    @property
    def trace(self) -> int:
        r"""Dimension of the space projected onto, $2\ell + 1$ for $d = 3$."""
        return stf_dimension(self.degree, self.dimension)

    @cached_property
    def formula(self) -> Expression:
        """The projector in δ: first the indices of the result, then those of the tensor it acts on."""
        names = index_names(2 * self.degree)
        left, right = names[: self.degree], names[self.degree :]
        result = Expression((), names, self.dimension, (left, right) if self.degree else ())
        for pairs, coefficient in enumerate(self.coefficients):
            term = Expression.number(coefficient, self.dimension)
            for side in (left, right):
                for k in range(pairs):
                    term *= delta(side[2 * k : 2 * k + 2], self.dimension)
            for pair in zip(left[2 * pairs :], right[2 * pairs :], strict=True):
                term *= delta(pair, self.dimension)
            if self.degree:
                term = term.symmetrise(left).symmetrise(right)
            result += term
        return result

    @cached_property
    def action(self) -> Expression:
        """The STF part of a symmetric tensor S."""
        names = index_names(self.degree)
        result = Expression((), names, self.dimension, (names,) if names else ())
        for pairs, coefficient in enumerate(self.coefficients):
            summed = [f"z{k}" for k in range(pairs) for _ in range(2)]
            term = symmetric("S", [*names[2 * pairs :], *summed], self.dimension) * coefficient
            for k in range(pairs):
                term *= delta(names[2 * k : 2 * k + 2], self.dimension)
            result += term.symmetrise(names) if names else term
        return result

    @cached_property
    def tensor(self) -> ExactTensor:
        """All components, exact: shape `(d,) * 2ℓ`.

        Raises:
            ValueError: If more than ten million of them are nonzero.
        """
        return spread(_by_counts(self), (self.degree, self.degree), self.dimension)

    @property
    def nnz(self) -> int:
        """Number of nonzero components, counted without making them."""
        return spread_nnz(_by_counts(self), (self.degree, self.degree), self.dimension)

    @property
    def text(self) -> str:
        """The formula in Unicode."""
        return self.formula.text

    def latex(self) -> str:
        r"""The formula in LaTeX; $\{\dots\}$ is the sum over distinct placements of each side's indices."""
        return self.formula.latex()

    def apply(self, array: Any) -> Any:
        r"""Project tensors without making the $d^{2\ell}$ components of the projector.

        Args:
            array: NumPy array or torch tensor, `(..., d, ..., d)` with $\ell$ trailing axes; any
                tensor, its symmetric part is taken first.

        Returns:
            The same shape, library and dtype (integers become float64).

        Raises:
            ValueError: If the trailing axes do not fit.
        """
        array = floating(array)
        shape, axes = tuple(array.shape), (self.dimension,) * self.degree
        if shape[len(shape) - self.degree :] != axes or len(shape) < self.degree:
            raise ValueError(
                f"the projector of degree {self.degree} acts on arrays of shape (..., "
                f"{', '.join(map(str, axes))}), not {shape}"
            )
        gather, matrix = _tables(self)
        flat = array.reshape(*shape[: len(shape) - self.degree], self.dimension**self.degree)
        values = flat @ like(gather, array) @ like(matrix, array)
        return values[..., list(count_of_component(self.degree, self.dimension))].reshape(shape)


def projector(degree: int, dimension: int = 3) -> Projector:
    """The projector onto STF tensors of a degree; see `Projector`."""
    return Projector(degree, dimension)


_MAX_CLASSES = 1000
"""Reached in three dimensions at degree 43; components by class are a matrix of this size."""


@cache
def _by_counts(projector: Projector) -> ExactTensor:
    """The components by index counts of both sides."""
    degree, dimension = projector.degree, projector.dimension
    classes = comb(degree + dimension - 1, degree)
    if classes > _MAX_CLASSES:
        raise ValueError(
            f"the projector of degree {degree} in {dimension} dimensions has {classes} classes of equal "
            f"indices on each side, more than {_MAX_CLASSES}; its coefficients are there for any degree"
        )
    counts = index_counts(degree, dimension)
    place = {n: k for k, n in enumerate(counts)}
    entries = []
    for column, start in enumerate(counts):
        image: dict[tuple[int, ...], Fraction] = defaultdict(Fraction)
        for pairs, coefficient in enumerate(projector.coefficients):
            weight = coefficient * Fraction(factorial(degree - 2 * pairs), factorial(degree))
            for lowered in index_counts(pairs, dimension):
                slopes = prod(perm(n, 2 * e) for n, e in zip(start, lowered, strict=True))
                for raised in index_counts(pairs, dimension) if slopes else ():
                    end = tuple(n - 2 * e + 2 * f for n, e, f in zip(start, lowered, raised, strict=True))
                    image[end] += weight * multiplicity(lowered) * slopes * multiplicity(raised)
        entries += [
            (place[end] * len(counts) + column, value / multiplicity(end), 1) for end, value in image.items()
        ]
    return ExactTensor.from_entries((len(counts), len(counts)), entries)


@cache
def _tables(projector: Projector) -> tuple[np.ndarray, np.ndarray]:
    """What sums the components with equal counts, and the projector between counts."""
    classes = np.array(count_of_component(projector.degree, projector.dimension))
    matrix = _by_counts(projector).numpy().T
    return np.eye(len(matrix))[classes], matrix
