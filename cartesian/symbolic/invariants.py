r"""Tensors that a point group leaves unchanged: which components are independent, and how the rest follow.

A matrix $g$ of the group acts on a tensor by $T_{i\dots} \mapsto g_{ii'} \cdots T_{i'\dots}$, times $\det g$
if the tensor is axial. A tensor is invariant if the generators of the group leave it unchanged, and
if no rotation about a continuous axis $a$ changes it to first order,
$\sum_k \varepsilon_{a i_k j}\, T_{\dots j \dots} = 0$.

These are linear equations for the independent components of the index symmetry. Their coefficients
are rational, or $A + \sqrt3 B$ where a three- or sixfold axis lies along $z$. The conjugation
$\sqrt3 \to -\sqrt3$ turns such a rotation $D$ into its inverse, so $A = (D + D^{-1})/2$; and since $D$ is
orthogonal, $A T = T$ only if $D T = T$. The rational part of the equations says it all.

Which components count as independent is a choice. We take them as early as they come in this order:
first those with all indices equal, then by their slots (`component_names`), as in a printed matrix
row by row. It is the choice of Nye's tables: $C_{11}, C_{12}, C_{44}$ for a cubic crystal, and
$C_{66} = (C_{11} - C_{12})/2$ for a hexagonal one.

Groups here act in space only. A time-odd tensor is treated as a time-even one, which is right for a
crystal whose magnetic group has no primed elements; if time reversal itself leaves the crystal
unchanged, the tensor is zero.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from types import MappingProxyType

from cartesian.spec.orbits import Index
from cartesian.spec.symmetry import IndexSymmetry
from cartesian.symbolic.component_names import component_names, slot_values
from cartesian.symbolic.exact import ExactTensor, sqrt
from cartesian.symbolic.linear_algebra import nullspace
from cartesian.symbolic.point_groups import PointGroup, determinant, rotation

Weights = dict[Index, Fraction]


@dataclass(frozen=True)
class Invariants:
    r"""The tensors of an index symmetry that a point group leaves unchanged; made by `invariants`.

    Attributes:
        symmetry: Index symmetry of the tensors.
        group: The point group, in its orientation.
        independent: Index tuples that name the independent components.
        relations: For every component, at the index tuple that names it, the independent components it
            is made of and their weights; none if it vanishes.

    Examples:
        >>> cubic = invariants("ijkl=jikl=klij", "m-3m")
        >>> cubic.independent
        ((0, 0, 0, 0), (0, 0, 1, 1), (1, 2, 1, 2))
        >>> cubic.component((2, 2, 1, 1))
        {(0, 0, 1, 1): Fraction(1, 1)}
    """

    symmetry: IndexSymmetry
    group: PointGroup
    independent: tuple[Index, ...] = field(compare=False)
    relations: Mapping[Index, Mapping[Index, Fraction]] = field(compare=False, repr=False)

    @property
    def dim(self) -> int:
        """Number of independent components."""
        return len(self.independent)

    def component(self, index: Index) -> dict[Index, Fraction]:
        """A component as a combination of independent ones; empty if it vanishes."""
        rank = self.symmetry.rank
        if len(index) != rank or not set(index) <= {0, 1, 2}:
            raise ValueError(
                f"{index} is no component of a tensor of rank {rank}: give {rank} indices 0, 1 or 2"
            )
        names = component_names(self.symmetry)
        if index not in names:
            return {}
        name, sign = names[index]
        return {independent: sign * weight for independent, weight in self.relations[name].items()}

    def basis(self) -> tuple[ExactTensor, ...]:
        """One exact tensor `(3, …, 3)` per independent component, which is 1 while the others are 0."""
        entries: dict[Index, list[tuple[int, Fraction, int]]] = {name: [] for name in self.independent}
        for index in component_names(self.symmetry):
            flat = sum(value * 3**k for k, value in enumerate(reversed(index)))
            for independent, weight in self.component(index).items():
                entries[independent].append((flat, weight, 1))
        shape = (3,) * self.symmetry.rank
        return tuple(ExactTensor.from_entries(shape, items) for items in entries.values())


def invariants(symmetry: IndexSymmetry | str, group: PointGroup | str) -> Invariants:
    r"""Derive the tensors of an index symmetry that a point group leaves unchanged.

    Args:
        symmetry: Index symmetry, or a formula such as `"ijk=ikj"`.
        group: Point group, or its symbol; its orientation is that of `PointGroup`.

    Returns:
        The independent components and how all others follow from them, exactly.

    Raises:
        ValueError: If the formula or the symbol cannot be read.

    Source:
        Counts and forms are those of J. F. Nye, Physical Properties of Crystals (1957), Appendix B.

    Examples:
        >>> [invariants("ijkl=jikl=klij", group).dim for group in ("-1", "mmm", "-3m", "∞/mm", "O(3)")]
        [21, 9, 6, 5, 2]
    """
    symmetry = IndexSymmetry.parse(symmetry) if isinstance(symmetry, str) else symmetry
    return _invariants(symmetry, PointGroup(group))


@cache
def _invariants(symmetry: IndexSymmetry, group: PointGroup) -> Invariants:
    named = {name for name, _ in component_names(symmetry).values()}
    names = sorted(named, key=lambda name: (slot_values(symmetry, name), name))
    relations: dict[Index, Weights] = {name: {name: Fraction(1)} for name in names}
    for equations in _conditions(symmetry, group, names):
        relations = _restricted(relations, equations)
    independent = tuple(name for name in names if relations[name] == {name: 1})
    frozen = {name: MappingProxyType(weights) for name, weights in relations.items()}
    return Invariants(symmetry, group, independent, MappingProxyType(frozen))


def _restricted(
    relations: Mapping[Index, Weights], equations: Iterable[Mapping[Index, int]]
) -> dict[Index, Weights]:
    """Relations of the components after further equations, with fewer of them independent."""
    # The unknowns that come first stay independent where there is a choice.
    free = sorted(
        (name for name in relations if name in relations[name]), key=lambda name: len(set(name)) > 1
    )
    place = {name: k for k, name in enumerate(free)}
    rows = []
    for equation in equations:
        row = _substituted(equation, relations)
        rows.append({place[name]: weight for name, weight in row.items()})
    solution: dict[Index, Weights] = {name: {} for name in free}
    for vector in nullspace(rows, len(free)):
        independent = free[min(vector)]
        for k, weight in vector.items():
            solution[free[k]][independent] = weight
    return {name: _substituted(weights, solution) for name, weights in relations.items()}


def _substituted(
    weights: Mapping[Index, int] | Mapping[Index, Fraction], relations: Mapping[Index, Weights]
) -> Weights:
    result: Weights = defaultdict(Fraction)
    for name, weight in weights.items():
        for independent, factor in relations[name].items():
            result[independent] += weight * factor
    return {name: weight for name, weight in result.items() if weight}


def _conditions(
    symmetry: IndexSymmetry, group: PointGroup, names: Iterable[Index]
) -> Iterator[list[dict[Index, int]]]:
    """For each generator, combinations of named components that vanish in an invariant tensor."""
    # Quarter turns are signed permutations: they leave few unknowns to the first-order equations.
    quarters = tuple(rotation(4, axis) for axis in group.rotation_axes)
    for matrix in (*quarters, *group.generators):
        sign = int(determinant(matrix).fraction()) if symmetry.axial else 1
        equations = []
        for name in names:
            terms = _transformed(matrix, name)
            terms[name] = terms.get(name, 0) - sign * matrix.denominator**symmetry.rank
            equations.append(_in_names(symmetry, terms))
        yield equations
    for axis in group.rotation_axes:
        yield [_in_names(symmetry, _rotated(axis.index(1), name)) for name in names]


def _in_names(symmetry: IndexSymmetry, terms: Mapping[Index, int]) -> dict[Index, int]:
    names = component_names(symmetry)
    result: dict[Index, int] = defaultdict(int)
    for index, weight in terms.items():
        if index in names:
            name, sign = names[index]
            result[name] += sign * weight
    return {name: weight for name, weight in result.items() if weight}


def _transformed(matrix: ExactTensor, index: Index) -> dict[Index, int]:
    r"""A component of $d^n\, g \cdots g\, T$, with $d$ the denominator of $g$: the rational weights."""
    terms: dict[Index, tuple[int, int]] = {(): (1, 0)}
    for i in index:
        terms = {
            (*head, j): (a * c + 3 * b * d, a * d + b * c)
            for head, (a, b) in terms.items()
            for j, c, d in _row(matrix, i)
        }
    return {index: rational for index, (rational, _) in terms.items()}


@cache
def _row(matrix: ExactTensor, i: int) -> tuple[tuple[int, int, int], ...]:
    """Column, rational part and factor of √3 of each nonzero entry; one of the two is zero."""
    row = []
    for (j,), entry in (matrix[i] * matrix.denominator).entries():
        rational = entry.radicands == (1,)
        number = int((entry if rational else entry / sqrt(3)).fraction())
        row.append((j, number, 0) if rational else (j, 0, number))
    return tuple(row)


def _rotated(axis: int, index: Index) -> dict[Index, int]:
    """First-order change of a component under a rotation about x, y or z."""
    change: dict[Index, int] = defaultdict(int)
    for k, i in enumerate(index):
        if i != axis:
            j = 3 - axis - i
            change[*index[:k], j, *index[k + 1 :]] += 1 if (i - axis) % 3 == 1 else -1
    return change
