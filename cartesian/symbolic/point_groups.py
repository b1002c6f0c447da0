r"""The 32 crystallographic point groups and the seven limit groups of Curie, as exact matrices.

A Hermann-Mauguin symbol is read, not looked up: each of its places belongs to a direction, and
holds a rotation $n$, a rotation with inversion $\bar n$, a mirror $m$ across the direction, or $n/m$.
The group is what these operations generate. Directions of the places, in orthonormal axes:

| system | first | second | third |
| --- | --- | --- | --- |
| triclinic | any | | |
| monoclinic, one place | y | | |
| monoclinic, three places; orthorhombic | x | y | z |
| tetragonal | z | x | x + y |
| trigonal, hexagonal, limit groups | z | x | y |
| cubic | z | x + y + z | x + y |

These are the conventional axes of the International Tables A and of the IEEE standard on
piezoelectricity (176-1987): $b \parallel y$ is the unique axis of a monoclinic crystal, elsewhere
$c \parallel z$ and $a \parallel x$. Other settings have their own symbols: `112` or `211` for `2`,
`312` for `32`, `-4m2` for `-42m`, `-62m` for `-6m2`. All matrices are rational, or have entries
$\pm\sqrt3/2$ where a three- or sixfold axis lies along $z$.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import ExactTensor, exact, sqrt
from cartesian.symbolic.point_group_symbols import CRYSTAL_CLASSES, LIMIT_GROUPS, read_symbol, settings

__all__ = ["CRYSTAL_CLASSES", "LIMIT_GROUPS", "PointGroup", "determinant", "rotation"]

_Axis = tuple[int, int, int]

X, Y, Z = (1, 0, 0), (0, 1, 0), (0, 0, 1)
_IDENTITY = exact([[1, 0, 0], [0, 1, 0], [0, 0, 1]])

_DIRECTIONS: dict[str, tuple[_Axis, ...]] = {
    "triclinic": (Z,),
    "monoclinic": (X, Y, Z),
    "orthorhombic": (X, Y, Z),
    "tetragonal": (Z, X, (1, 1, 0)),
    "trigonal": (Z, X, Y),
    "hexagonal": (Z, X, Y),
    "cubic": (Z, (1, 1, 1), (1, 1, 0)),
    "cylindrical": (Z, X, Y),
}


@dataclass(frozen=True, slots=True, init=False)
class PointGroup:
    r"""A group of rotations and reflections about a point, in a stated orientation.

    Args:
        symbol: Hermann-Mauguin symbol, short or full (`"m-3m"`, `"4/m -3 2/m"`, with a minus sign or an
            overline), or Schoenflies symbol in the standard setting (`"Oh"`). Limit groups
            are written with `∞` or `inf`: `"∞/mm"`, `"infm"`, `"SO(3)"`, `"O(3)"`.

    Attributes:
        symbol: The short Hermann-Mauguin symbol of this setting.

    Raises:
        ValueError: If there is no such group; the message lists similar symbols.

    Source:
        International Tables for Crystallography A, Sections 2.1.3 and 3.2.1.

    Examples:
        >>> group = PointGroup("Oh")
        >>> group.symbol, group.order, group.system
        ('m-3m', 48, 'cubic')
        >>> PointGroup("312").crystal_class, PointGroup("312").laue_class.symbol
        ('32', '-31m')
    """

    symbol: str

    def __init__(self, symbol: "str | PointGroup") -> None:
        text = symbol.symbol if isinstance(symbol, PointGroup) else symbol
        if not isinstance(text, str):
            raise TypeError(f"a point group is named by its symbol, such as 'm-3m', not by {symbol!r}")
        object.__setattr__(self, "symbol", read_symbol(text))

    @property
    def system(self) -> str:
        """Crystal system; `cylindrical` or `spherical` for the limit groups."""
        return settings()[self.symbol].system

    @property
    def crystal_class(self) -> str:
        """Symbol of the group in its standard setting."""
        return settings()[self.symbol].standard

    @property
    def schoenflies(self) -> str:
        """Schoenflies symbol, which does not tell the settings apart."""
        return settings()[self.symbol].schoenflies

    @property
    def generators(self) -> tuple[ExactTensor, ...]:
        """A few matrices `(3, 3)` that generate the group, for a limit group together with its rotations."""
        return _generators(self.symbol)

    @property
    def rotation_axes(self) -> tuple[_Axis, ...]:
        """Axes of continuous rotation that generate those of a limit group; empty for a finite group."""
        return {"cylindrical": (Z,), "spherical": (X, Y)}.get(self.system, ())

    @property
    def elements(self) -> tuple[ExactTensor, ...]:
        """All matrices `(3, 3)` of a finite group, the identity first; an error for a limit group."""
        if self.rotation_axes:
            raise ValueError(f"the limit group {self} has infinitely many elements; use its generators")
        return _elements(self.symbol)

    @property
    def order(self) -> int | float:
        """Number of elements; `math.inf` for a limit group."""
        return math.inf if self.rotation_axes else len(self.elements)

    @property
    def is_centrosymmetric(self) -> bool:
        """Whether the inversion belongs to the group."""
        return -_IDENTITY in self

    @property
    def is_chiral(self) -> bool:
        """Whether all elements are rotations, so that a structure can differ from its mirror image."""
        return all(determinant(matrix) == 1 for matrix in self.generators)

    @property
    def laue_class(self) -> "PointGroup":
        """The smallest group that holds this one and the inversion."""
        groups = (PointGroup(symbol) for symbol, row in settings().items() if row.system == self.system)
        return next(group for group in groups if group.is_centrosymmetric and self.is_subgroup_of(group))

    def is_subgroup_of(self, other: "PointGroup | str") -> bool:
        """Whether every element is one of `other`, both in the orientation they have.

        >>> PointGroup("mmm").is_subgroup_of("m-3m"), PointGroup("3").is_subgroup_of("m-3m")
        (True, False)
        """
        other = PointGroup(other)
        continuous = other.system == "spherical" or set(self.rotation_axes) <= set(other.rotation_axes)
        return continuous and all(matrix in other for matrix in self.generators)

    def __contains__(self, matrix: ExactTensor) -> bool:
        if not self.rotation_axes:
            return matrix in _elements(self.symbol)
        if einsum("ij,kj->ik", matrix, matrix) != _IDENTITY:
            return False
        # An element is known up to the rotations by its determinant and by where it sends the axis.
        return self._label(matrix) in {self._label(element) for element in _elements(self.symbol)}

    def _label(self, matrix: ExactTensor) -> tuple[ExactTensor, ExactTensor]:
        return determinant(matrix), matrix[2, 2] if self.system == "cylindrical" else exact(1)

    def latex(self) -> str:
        r"""The symbol in LaTeX.

        >>> print(PointGroup("-43m").latex())
        \bar{4}3m
        """
        return (
            re.sub("-([1-9])", r"\\bar{\1}", self.symbol).replace("∞", r"\infty ").replace(" /", "/").strip()
        )

    def __str__(self) -> str:
        return self.symbol


def determinant(matrix: ExactTensor) -> ExactTensor:
    """Determinant of an exact `(3, 3)` matrix."""
    (a, b, c), (d, e, f), (g, h, i) = ([matrix[row, k] for k in range(3)] for row in range(3))
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


@cache
def _generators(symbol: str) -> tuple[ExactTensor, ...]:
    system = settings()[symbol].system
    if system == "spherical":
        return (-_IDENTITY,) if symbol == "O(3)" else ()
    places = re.findall(r"(-?)([1-9∞m])(/m)?", symbol)
    directions = (Y,) if system == "monoclinic" and len(places) == 1 else _DIRECTIONS[system]
    kept: list[ExactTensor] = []
    for (bar, kind, mirror), axis in zip(places, directions, strict=False):
        operations = []
        if kind.isdigit():
            operations.append(rotation(int(kind), axis) * (-1 if bar else 1))
        if kind == "m" or mirror:
            operations.append(-rotation(2, axis))
        for operation in operations:
            if operation not in _closure(kept):
                kept.append(operation)
    return tuple(kept)


@cache
def rotation(order: int, axis: _Axis) -> ExactTensor:
    r"""Rotation by $2\pi/n$ about an axis $d$, exact for $n = 1, 2, 3, 4, 6$.

    $$R = \cos\varphi\, 1 + (1 - \cos\varphi)\, \hat d \hat d^T + \sin\varphi\, [\hat d]_\times$$

    Examples:
        >>> rotation(3, (1, 1, 1)).latex()  # x to y to z
        '\\begin{pmatrix} 0 & 0 & 1 \\\\ 1 & 0 & 0 \\\\ 0 & 1 & 0 \\end{pmatrix}'
    """
    half = Fraction(1, 2)
    cosines = {1: Fraction(1), 2: Fraction(-1), 3: -half, 4: Fraction(0), 6: half}
    if order not in cosines:
        raise ValueError(f"a crystallographic rotation has order 1, 2, 3, 4 or 6, not {order}")
    cosine = cosines[order]
    square = sum(d * d for d in axis)
    # sin φ / |d| as one root, so that a threefold axis along (1, 1, 1) comes out rational
    sine = sqrt((1 - cosine**2) / square)
    a, b, c = axis
    outer = exact([[Fraction(d * e, square) for e in axis] for d in axis])
    cross = exact([[0, -c, b], [c, 0, -a], [-b, a, 0]])
    return _IDENTITY * cosine + outer * (1 - cosine) + cross * sine


@cache
def _elements(symbol: str) -> tuple[ExactTensor, ...]:
    return _closure(_generators(symbol))


def _closure(generators: Iterable[ExactTensor]) -> tuple[ExactTensor, ...]:
    generators = tuple(generators)
    elements = dict.fromkeys([_IDENTITY])
    pending = [_IDENTITY]
    while pending:
        element = pending.pop()
        for generator in generators:
            product = einsum("ij,jk->ik", generator, element)
            if product not in elements:
                elements[product] = None
                pending.append(product)
    return tuple(elements)
