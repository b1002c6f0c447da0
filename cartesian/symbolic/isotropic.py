r"""Isotropic tensors: the products of δ and ε, an independent set, relations, averages.

A tensor that no rotation changes is a sum of products of deltas, or of one ε and deltas; products
with an ε change sign under reflections. In $d$ dimensions the products are dependent from rank
$2d + 2$ on (with ε from rank $d + 2$ on), because antisymmetrising over $d + 1$ indices gives zero.

Everything follows from the Gram matrix of the products, and that from counting closed loops: no
components are made for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from itertools import product
from typing import Any, Literal

import numpy as np

from cartesian.symbolic.exact import ExactTensor, exact, sqrt
from cartesian.symbolic.expression import Expression, combined
from cartesian.symbolic.factors import delta, epsilon
from cartesian.symbolic.indices import index_names
from cartesian.symbolic.involutions import (
    Involution,
    count_involutions,
    inner_product,
    involutions,
    longest_increase,
)
from cartesian.symbolic.isotropic_basis import isotropic_basis
from cartesian.symbolic.linear_algebra import reduced_echelon
from cartesian.symbolic.rendering import floating, like
from cartesian.symbolic.tableaux import Shape, Vector, count_tableaux, shapes

Group = Literal["SO", "O"]

_MOST_PRODUCTS = 20_000
_MOST_PAIRS = 4_000_000


@dataclass(frozen=True)
class IsotropicTensors:
    r"""The isotropic tensors of a rank.

    Args:
        rank: Number of indices, $n \ge 0$.
        dimension: Number $d \ge 2$ of values of an index.
        group: `"SO"` for tensors that no rotation changes; `"O"` for those that no reflection
            changes either, which are made of deltas alone.

    Raises:
        ValueError: If an argument is out of range.

    Examples:
        >>> len(isotropic(6).products), isotropic(6).count
        (15, 15)
        >>> isotropic(5).count, len(isotropic(5).products), isotropic(5).independent[0]
        (6, 10, Expression(ε_ijl δ_km))
        >>> isotropic(4).text
        'δ_ij δ_kl, δ_ik δ_jl, δ_il δ_jk'
    """

    rank: int
    dimension: int = 3
    group: Group = "SO"

    def __post_init__(self) -> None:
        for name, value, least in (("rank", self.rank, 0), ("dimension", self.dimension, 2)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"isotropic tensors have an integer {name} >= {least}, not {value!r}")
        if self.group not in ("SO", "O"):
            raise ValueError(f"the group is 'SO' (rotations) or 'O' (with reflections), not {self.group!r}")

    # --- what there is

    @property
    def count(self) -> int:
        """Number of linearly independent isotropic tensors; the Riordan numbers for rotations in 3D."""
        return sum(map(count_tableaux, self._shapes(self.dimension)))

    @property
    def count_products(self) -> int:
        """Number of products of δ, and of ε and δ."""
        return sum(count_involutions(self.rank, fixed) for fixed in self._fixed)

    @cached_property
    def products(self) -> tuple[Expression, ...]:
        """All products, those without ε first.

        Raises:
            ValueError: If there are more than twenty thousand.
        """
        return tuple(_product(involution, self.dimension) for involution in self._involutions)

    @cached_property
    def independent(self) -> tuple[Expression, ...]:
        """Products that are linearly independent and span all isotropic tensors.

        They are those whose involution has no increasing subsequence longer than $d$.
        """
        return tuple(self.products[k] for k in self._chosen)

    @cached_property
    def gram(self) -> ExactTensor:
        """Full contractions of all pairs of products: shape `(products, products)`."""
        size = len(self._involutions)
        if size**2 > _MOST_PAIRS:
            raise ValueError(f"{size} products have {size**2} inner products, more than {_MOST_PAIRS}")
        pairs = enumerate(product(self._involutions, repeat=2))
        entries = ((k, inner_product(left, right, self.dimension), 1) for k, (left, right) in pairs)
        return ExactTensor.from_entries((size, size), entries)

    @cached_property
    def relations(self) -> ExactTensor:
        """The linear relations among the products: shape `(relations, products)`.

        Each row, summed with the products, vanishes. It has a 1 at one dependent product, and
        otherwise the independent products.
        """
        size = len(self._involutions)
        dependent = sorted(set(range(size)) - set(self._chosen))
        # Dependent products first, so that elimination solves for them.
        order = [*dependent, *self._chosen]
        place = {k: column for column, k in enumerate(order)}
        vanishing = [
            {place[k]: value for k, value in vector.items()}
            for shape in self._shapes(self.rank)
            if len(shape) > self.dimension
            for vector, _ in isotropic_basis(self._involutions, shape, self.dimension)
        ]
        entries = [
            (number * size + order[column], value, 1)
            for number, row in enumerate(reduced_echelon(vanishing))
            for column, value in row.items()
        ]
        return ExactTensor.from_entries((len(dependent), size), entries)

    @cached_property
    def orthonormal(self) -> tuple[Expression, ...]:
        """An orthonormal set that spans all isotropic tensors, one for each standard tableau.

        It is Young's seminormal basis, normalised; see `cartesian.symbolic.tableaux`.
        """
        names = index_names(self.rank)
        empty = Expression((), names, self.dimension)
        return tuple(
            combined(
                (
                    (graph, coefficient * exact(value) / sqrt(norm_squared))
                    for k, value in vector.items()
                    for graph, coefficient in self.products[k].terms
                ),
                empty,
            )
            for vector, norm_squared in self._orthogonal
        )

    # --- the isotropic part of a tensor

    def project(self, array: Any) -> Any:
        """Isotropic part of any tensors: their mean over all orientations.

        Args:
            array: NumPy array or torch tensor, `(..., d, ..., d)` with `rank` trailing axes.

        Returns:
            The same shape, library and dtype (integers become float64).

        Raises:
            ValueError: If the trailing axes do not fit.
        """
        array = floating(array)
        rows = like(_orthonormal_rows(self), array)
        return (self._flat(array) @ rows.T @ rows).reshape(tuple(array.shape))

    def coefficients(self, array: Any) -> Any:
        """Coefficients of the isotropic part in terms of `independent`: `(..., count)`.

        The array is as for `project`.
        """
        array = floating(array)
        rows, columns = like(_orthonormal_rows(self), array), like(_independent_columns(self), array)
        return self._flat(array) @ rows.T @ columns

    # --- formulas

    @property
    def text(self) -> str:
        """The independent products in Unicode."""
        return ", ".join(item.text for item in self.independent)

    def latex(self) -> str:
        """The independent products in LaTeX."""
        return r",\quad ".join(item.latex() for item in self.independent)

    def __str__(self) -> str:
        return self.text

    def _repr_latex_(self) -> str:
        return f"${self.latex()}$"

    # --- private

    @property
    def _fixed(self) -> tuple[int, ...]:
        return (0, self.dimension) if self.group == "SO" else (0,)

    @cached_property
    def _involutions(self) -> tuple[Involution, ...]:
        if self.count_products > _MOST_PRODUCTS:
            raise ValueError(
                f"there are {self.count_products} isotropic products of rank {self.rank}, more than "
                f"{_MOST_PRODUCTS}; only their numbers are at hand"
            )
        return tuple(w for fixed in self._fixed for w in involutions(self.rank, fixed))

    @cached_property
    def _chosen(self) -> tuple[int, ...]:
        return tuple(k for k, w in enumerate(self._involutions) if longest_increase(w) <= self.dimension)

    def _shapes(self, rows: int) -> Iterator[Shape]:
        """Shapes with at most so many rows, those of the products without ε first."""
        return (shape for fixed in self._fixed for shape in shapes(self.rank, rows, fixed))

    @cached_property
    def _orthogonal(self) -> tuple[tuple[Vector, Fraction], ...]:
        """Orthogonal combinations of the products, and their squared norms."""
        return tuple(
            item
            for shape in self._shapes(self.dimension)
            for item in isotropic_basis(self._involutions, shape, self.dimension)
        )

    def _flat(self, array: Any) -> Any:
        shape, axes = tuple(array.shape), (self.dimension,) * self.rank
        batch = len(shape) - self.rank
        if batch < 0 or shape[batch:] != axes:
            raise ValueError(
                f"isotropic tensors of rank {self.rank} project arrays of shape (..., "
                f"{', '.join(map(str, axes))}), not {shape}"
            )
        return array.reshape(*shape[:batch], self.dimension**self.rank)


def isotropic(rank: int, dimension: int = 3, group: Group = "SO") -> IsotropicTensors:
    """The isotropic tensors of a rank; see `IsotropicTensors`."""
    return IsotropicTensors(rank, dimension, group)


def _product(involution: Involution, dimension: int) -> Expression:
    names = index_names(len(involution))
    fixed = [names[i] for i, image in enumerate(involution) if i == image]
    result = epsilon(fixed, dimension) if fixed else Expression.number(1, dimension)
    for i, image in enumerate(involution):
        if i < image:
            result *= delta((names[i], names[image]), dimension)
    return result


@cache
def _normalised(tensors: IsotropicTensors) -> np.ndarray:
    """The orthonormal set in terms of the products: rows."""
    result = np.zeros((tensors.count, len(tensors.products)))
    for row, (vector, norm_squared) in enumerate(tensors._orthogonal):
        result[row, list(vector)] = [float(value) for value in vector.values()]
        result[row] /= float(norm_squared) ** 0.5
    return result


@cache
def _orthonormal_rows(tensors: IsotropicTensors) -> np.ndarray:
    components = np.zeros((len(tensors.products), tensors.dimension**tensors.rank))
    for row, item in zip(components, tensors.products, strict=True):
        row += item.numpy().ravel()
    return _normalised(tensors) @ components


@cache
def _independent_columns(tensors: IsotropicTensors) -> np.ndarray:
    """The orthonormal set in terms of the independent products: rows."""
    chosen = list(tensors._chosen)
    dependent = sorted(set(range(len(tensors.products))) - set(chosen))
    normalised = _normalised(tensors)
    # Each relation says: one dependent product = -(the rest of the row, which is independent).
    return normalised[:, chosen] - normalised[:, dependent] @ tensors.relations.numpy()[:, chosen]
