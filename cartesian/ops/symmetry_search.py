r"""Which symmetry a measured tensor has, in which orientation, and how far it is from it.

For every group $G$ we look for the rotation $Q$ that minimises the relative distance

$$\frac{\lVert T - P_{Q G Q^T} T \rVert}{\lVert T \rVert}$$

to the nearest invariant tensor. A larger group is never closer than its subgroups: each search also
starts from the results for all groups done before, turned so that a subgroup finds its place in them.

The inversion changes a tensor by a sign only. If it changes nothing, as in elasticity, a group and
its Laue class leave the same tensors unchanged, and only Laue classes can be told apart; if it
reverses the tensor, as in piezoelectricity, centrosymmetric groups leave zero alone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from cartesian.kernels.arrays import as_array, namespace
from cartesian.ops.action import act
from cartesian.ops.invariants import invariant_basis
from cartesian.ops.orientations import best_rotation
from cartesian.ops.spaces import TensorSpace
from cartesian.spec.symmetry import IndexSymmetry
from cartesian.symbolic.point_groups import CRYSTAL_CLASSES, LIMIT_GROUPS, PointGroup


@dataclass(frozen=True, eq=False)
class SymmetryFit:
    """How close a tensor comes to the invariant tensors of a group.

    Attributes:
        group: The point group.
        constants: Number of its independent components.
        distance: Distance to the nearest invariant tensor over the norm of the tensor, from 0 to 1.
        orientation: Rotation `(3, 3)` whose columns are the axes of the group; with it,
            `invariant_part` gives the nearest tensor.
    """

    group: PointGroup
    constants: int
    distance: float
    orientation: np.ndarray


@dataclass(frozen=True, eq=False)
class SymmetryReport:
    """The fits of one tensor to many groups, groups that leave fewer constants first; prints as a table."""

    symmetry: IndexSymmetry
    fits: tuple[SymmetryFit, ...]

    def highest(self, tolerance: float) -> SymmetryFit:
        """The fit within a relative distance that leaves the fewest constants; of equals, the largest group.

        Raises:
            ValueError: If no group comes that close.
        """
        for fit in self.fits:
            if fit.distance <= tolerance:
                return fit
        nearest = min(self.fits, key=lambda fit: fit.distance)
        raise ValueError(
            f"no group is within {tolerance} of this tensor; "
            f"{nearest.group} is nearest, at {nearest.distance:.2g}"
        )

    def __getitem__(self, group: PointGroup | str) -> SymmetryFit:
        group = PointGroup(group)
        for fit in self:
            if fit.group == group:
                return fit
        raise KeyError(f"{group} was not tried; the groups are {', '.join(fit.group.symbol for fit in self)}")

    def __iter__(self) -> Iterator[SymmetryFit]:
        return iter(self.fits)

    def __str__(self) -> str:
        remark = {
            1: "The inversion leaves these tensors unchanged: groups of one Laue class give the same.",
            -1: "The inversion reverses these tensors: centrosymmetric groups leave only zero.",
        }[self.symmetry.parity]
        lines = [f"{fit.group!s:6} {fit.constants:9d} {fit.distance:9.2e}" for fit in self]
        return "\n".join([f"{'group':6} {'constants':>9} {'distance':>9}", *lines, remark])


def find_symmetry(
    tensor: Any, symmetry: IndexSymmetry | str, groups: Iterable[PointGroup | str] | None = None
) -> SymmetryReport:
    r"""Find the distance and the best orientation of a tensor for every point group.

    Args:
        tensor: `(3, …, 3)`, NumPy or torch.
        symmetry: Its index symmetry, or a formula such as `"ijkl=jikl=klij"`.
        groups: Groups to try. If left out, all that can be told apart: the 11 Laue classes and three
            limit groups where the inversion changes nothing, else all that are not centrosymmetric.

    Returns:
        One fit per group, in NumPy.

    Raises:
        ValueError: If the tensor vanishes, has another shape, or breaks the index symmetry
            (`TensorSpace.project` mends that).

    Source:
        The closest tensor: M. Moakher and A. N. Norris, J. Elasticity 85, 215 (2006).

    Examples:
        >>> report = find_symmetry(np.diag([1.0, 1.0, 3.0]), "ij=ji")
        >>> print(report.highest(tolerance=0.01).group)
        ∞/mm
    """
    space = TensorSpace(symmetry)
    array = as_array(tensor)
    if namespace(array) is not np:
        array = array.detach().cpu().numpy()
    flat = space.to_irreps(array.astype(np.float64))
    if flat.ndim != 1:
        raise ValueError(f"expected one tensor of rank {space.rank}, not an array of shape {array.shape}")
    norm = np.linalg.norm(flat)
    if not 0 < norm < np.inf:
        raise ValueError(
            f"a tensor of norm {norm} has no symmetry to look for: it must be finite and nonzero"
        )
    chosen = _distinguishable(space.symmetry.parity) if groups is None else map(PointGroup, groups)
    subspaces = {group: _subspace(space, group) for group in dict.fromkeys(chosen)}
    orientations: dict[bytes, np.ndarray] = {}
    fits = []
    for group, subspace in sorted(subspaces.items(), key=lambda item: len(item[1])):
        # Groups with the same invariant tensors, such as 6/m and 6/mmm in elasticity, are one search.
        key = subspace.tobytes()
        if key not in orientations:
            orientations[key] = _best_orientation(subspace, flat / norm, space, tuple(orientations.values()))
        orientation = orientations[key]
        turned = act(orientation.T, flat / norm, space.irreps)
        distance = float(np.linalg.norm(turned - turned @ subspace.T @ subspace))
        fits.append(SymmetryFit(group, len(subspace), distance, orientation))
    rising = (*CRYSTAL_CLASSES, *LIMIT_GROUPS)
    fits.sort(key=lambda fit: (fit.constants, fit.distance, -rising.index(fit.group.crystal_class)))
    return SymmetryReport(space.symmetry, tuple(fits))


def _distinguishable(parity: int) -> Iterator[PointGroup]:
    groups = map(PointGroup, (*CRYSTAL_CLASSES, *LIMIT_GROUPS))
    return (group for group in groups if group.is_centrosymmetric == (parity == 1))


def _subspace(space: TensorSpace, group: PointGroup) -> np.ndarray:
    basis = invariant_basis(space.symmetry, group)
    return space.to_irreps(basis) if len(basis) else np.zeros((0, space.dim))


def _best_orientation(
    subspace: np.ndarray, tensor: np.ndarray, space: TensorSpace, known: tuple[np.ndarray, ...]
) -> np.ndarray:
    if len(subspace) in (0, space.dim):
        return np.eye(3)
    nested = [orientation @ _nestings() for orientation in known]
    hints = np.concatenate([np.eye(3)[None], *nested])
    return best_rotation(subspace, tensor, space.irreps, hints.swapaxes(1, 2)).T


@cache
def _nestings() -> np.ndarray:
    """Rotations one of which turns a class into a subgroup of any other that has such a subgroup at all.

    They take the axes of the class to those of a cube in all ways, then the frame of the cube to
    itself, to one turned by 45° about z, or to one with z along a diagonal and x along a face diagonal.
    """
    cube = np.array([matrix.numpy() for matrix in PointGroup("432").elements])
    half = np.sqrt(0.5)
    eighth = np.array([[half, -half, 0], [half, half, 0], [0, 0, 1]])
    z, x = np.array([1, 1, 1]) / np.sqrt(3), np.array([1, -1, 0]) * half
    diagonal = np.stack([x, np.cross(z, x), z], axis=1)
    return np.concatenate([frame @ cube for frame in (np.eye(3), eighth, diagonal)])
