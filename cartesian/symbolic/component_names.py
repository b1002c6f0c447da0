r"""Names of the independent components of a tensor, and where they stand in its printed matrix.

A component is named by its indices, counted from 1: $T_{112}$. Neighbouring indices that may be
exchanged form a *pair* and can be named by one number in Voigt's order,

$$11 \to 1,\quad 22 \to 2,\quad 33 \to 3,\quad 23 \to 4,\quad 13 \to 5,\quad 12 \to 6,$$

as $C_{44} = C_{2323}$ in elasticity and $d_{14} = d_{123}$ in piezoelectricity. Pairs are taken from the last
index on. Single indices and pairs are the *slots* of the tensor. Of components that are equal up
to a sign by index symmetry, the one with the smallest slots gives the name.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from cartesian.spec.orbits import Index
from cartesian.spec.symmetry import IndexSymmetry

VOIGT_PAIRS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


@cache
def slots(symmetry: IndexSymmetry) -> tuple[tuple[int, ...], ...]:
    """Positions of the indices in each slot: singles, and pairs of neighbours that may be exchanged.

    >>> slots(IndexSymmetry.parse("ijk=ikj")), slots(IndexSymmetry.parse("ijkl=jikl"))
    (((0,), (1, 2)), ((0, 1), (2,), (3,)))
    """
    result: list[tuple[int, ...]] = []
    last = symmetry.rank - 1
    while last >= 0:
        swapped = list(range(symmetry.rank))
        swapped[last - 1 : last + 1] = swapped[last - 1 : last + 1][::-1]
        paired = last > 0 and symmetry.group.sign(swapped) == 1
        result.append((last - 1, last) if paired else (last,))
        last -= len(result[-1])
    return tuple(reversed(result))


def slot_values(symmetry: IndexSymmetry, index: Index) -> tuple[int, ...]:
    """Number of each slot at an index tuple, from 0: the index itself, or its Voigt pair.

    >>> slot_values(IndexSymmetry.parse("ijk=ikj"), (0, 2, 1))
    (0, 3)
    """
    values = (tuple(sorted(index[position] for position in slot)) for slot in slots(symmetry))
    return tuple(VOIGT_PAIRS.index(value) if len(value) == 2 else value[0] for value in values)


@cache
def component_names(symmetry: IndexSymmetry) -> Mapping[Index, tuple[Index, int]]:
    """For each index tuple the one that names its component, and the sign between the two.

    Components that vanish by index symmetry have no name and are left out.

    >>> names = component_names(IndexSymmetry.parse("ijkl=jikl=klij"))
    >>> names[2, 2, 1, 0]  # C36, not C63
    ((2, 2, 0, 1), 1)
    """
    names = {}
    for orbit in symmetry.orbits():
        name, sign = min(orbit, key=lambda member: (slot_values(symmetry, member[0]), member[0]))
        names.update({index: (name, sign * other) for index, other in orbit})
    return MappingProxyType(names)
