r"""How an argument, or a result, of a function under test transforms under O(3).

An element of the group is an orthogonal matrix $Q$ and, for points, a translation $t$.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from hypothesis import strategies as st

from cartesian.ops.action import act, act_full
from cartesian.spec import Irreps
from cartesian.testing import strategies


@dataclass(frozen=True)
class Element:
    """An element of the group: an orthogonal matrix `(3, 3)` and a translation `(3,)`."""

    matrix: np.ndarray
    shift: np.ndarray

    @property
    def determinant(self) -> int:
        """+1 for rotations, -1 for reflections."""
        return round(np.linalg.det(self.matrix))

    def __str__(self) -> str:
        rows = np.array2string(self.matrix, precision=6, suppress_small=True, prefix="  ")
        moved = f"\nand the translation {self.shift}" if self.shift.any() else ""
        return f"the matrix of determinant {self.determinant:+d}\n  {rows}{moved}"


class Argument(Protocol):
    """The law of one argument: what can be drawn for it, and what a group element makes of it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes that transform, the last ones of an array."""

    def values(self, batch: int) -> st.SearchStrategy[np.ndarray]:
        """Strategy for arrays `(batch, *shape)`, float64."""

    def act(self, element: Element, array: np.ndarray) -> np.ndarray:
        """What an element of the group makes of an array."""

    def blocks(self) -> Iterator[tuple[str, Any]]:
        """Name of each part that transforms by itself, and the index of its components."""


@dataclass(frozen=True)
class Features:
    """Flat vectors of irreps, blocks `(2l+1, channels)`; text or an `Irreps` stands for it."""

    irreps: Irreps

    @property
    def shape(self) -> tuple[int, ...]:
        """One axis with all components."""
        return (self.irreps.dim,)

    def values(self, batch: int) -> st.SearchStrategy[np.ndarray]:
        """Any features, whole blocks zero at times."""
        return strategies.features(self.irreps, batch)

    def act(self, element: Element, array: np.ndarray) -> np.ndarray:
        """Each block by the representation of its irrep; translations do nothing."""
        turned: np.ndarray = act(element.matrix, array, self.irreps)
        return turned

    def blocks(self) -> Iterator[tuple[str, Any]]:
        """One per term of the sum."""
        for block, where in zip(self.irreps, self.irreps.slices, strict=True):
            yield f"{block} at {where.start}:{where.stop}", (..., where)


@dataclass(frozen=True)
class Full:
    """Full Cartesian tensors `(3, …, 3)`; an integer stands for a polar tensor of that rank."""

    rank: int
    axial: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.rank, bool) or not isinstance(self.rank, int) or self.rank < 0:
            raise ValueError(f"the rank of a Cartesian tensor is an integer >= 0, not {self.rank!r}")

    @property
    def shape(self) -> tuple[int, ...]:
        """Three values for each index."""
        return (3,) * self.rank

    def values(self, batch: int) -> st.SearchStrategy[np.ndarray]:
        """Any tensors, without index symmetry."""
        return strategies.values(batch, *self.shape)

    def act(self, element: Element, array: np.ndarray) -> np.ndarray:
        r"""$T'_{ij\dots} = Q_{ia} Q_{jb} \dots T_{ab\dots}$, times $\det Q$ if axial."""
        turned: np.ndarray = act_full(element.matrix, array, self.rank, self.axial)
        return turned

    def blocks(self) -> Iterator[tuple[str, Any]]:
        """The whole tensor."""
        yield f"{'axial ' if self.axial else ''}tensor of rank {self.rank}", ...


@dataclass(frozen=True)
class Positions:
    """Points `(3,)`, which turn as vectors do and follow translations."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The three coordinates."""
        return (3,)

    def values(self, batch: int) -> st.SearchStrategy[np.ndarray]:
        """Any points, some of them equal at times."""
        return strategies.values(batch, 3)

    def act(self, element: Element, array: np.ndarray) -> np.ndarray:
        r"""$r' = Q r + t$."""
        return array @ element.matrix.T + element.shift

    def blocks(self) -> Iterator[tuple[str, Any]]:
        """The whole vector."""
        yield "positions", ...


Law = Argument | Irreps | str | int


def to_arguments(laws: Law | Sequence[Law]) -> tuple[Argument, ...]:
    """The laws of all arguments: text or irreps become `Features`, integers `Full` tensors."""
    if isinstance(laws, (Sequence, Irreps)) and not isinstance(laws, (str, Irreps)):
        return tuple(_argument(law) for law in laws)
    return (_argument(laws),)


def _argument(law: Any) -> Argument:
    if isinstance(law, (str, Irreps)):
        return Features(Irreps(law))
    if isinstance(law, int):
        return Full(law)
    if not all(hasattr(law, name) for name in ("shape", "values", "act", "blocks")):
        raise TypeError(
            f"{law!r} does not say how an argument transforms: give irreps such as '8x0e+8x1o', "
            "the rank of a Cartesian tensor, Full(rank, axial=True) or Positions()"
        )
    argument: Argument = law
    return argument
