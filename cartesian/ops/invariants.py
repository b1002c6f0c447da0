r"""Invariant tensors of a point group as numbers, in any orientation.

An orientation is an orthogonal matrix $Q$ whose columns are the axes of the crystal, seen from the
laboratory. It turns the standard group $G$ into $Q G Q^T$, and an invariant tensor into the tensor with
$Q$ applied to each index.
"""

from functools import cache
from typing import Any

import numpy as np

from cartesian.kernels.arrays import as_array, constant
from cartesian.ops.action import act_full
from cartesian.spec.symmetry import IndexSymmetry
from cartesian.symbolic.invariants import invariants
from cartesian.symbolic.point_groups import PointGroup


def invariant_basis(
    symmetry: IndexSymmetry | str, group: PointGroup | str, orientation: Any = None
) -> np.ndarray:
    r"""Orthonormal basis $B_a$ of the tensors with an index symmetry that a group leaves unchanged.

    Args:
        symmetry: Index symmetry, or a formula such as `"ijk=ikj"`.
        group: Point group, or its symbol.
        orientation: Orthogonal matrix `(3, 3)`; its columns are the crystal axes. The identity if left out.

    Returns:
        Shape `(count, 3, …, 3)`, float64. The projector on the invariant tensors is $\sum_a B_a \otimes B_a$.

    Raises:
        ValueError: If a name cannot be read, or the orientation is not an orthogonal matrix.

    Examples:
        >>> invariant_basis("ijkl=jikl=klij", "m-3m").shape
        (3, 3, 3, 3, 3)
    """
    symmetry = IndexSymmetry.parse(symmetry) if isinstance(symmetry, str) else symmetry
    basis = _standard_basis(symmetry, PointGroup(group))
    return basis if orientation is None else act_full(np.asarray(orientation), basis, symmetry.rank)


def invariant_part(
    tensor: Any, symmetry: IndexSymmetry | str, group: PointGroup | str, orientation: Any = None
) -> Any:
    """The nearest tensor that a group leaves unchanged: the orthogonal projection.

    Args:
        tensor: `(..., 3, …, 3)`, NumPy or torch; what breaks the index symmetry is projected out too.
        symmetry, group, orientation: As for `invariant_basis`.

    Returns:
        Shape, library and dtype of `tensor`.

    Examples:
        >>> invariant_part(np.diag([1.0, 3.0, 5.0]), "ij=ji", "4")
        array([[2., 0., 0.],
               [0., 2., 0.],
               [0., 0., 5.]])
    """
    tensor = as_array(tensor)
    basis = invariant_basis(symmetry, group, orientation)
    axes = basis.ndim - 1
    if tensor.ndim < axes or tuple(tensor.shape[tensor.ndim - axes :]) != basis.shape[1:]:
        raise ValueError(
            f"a tensor of shape {tuple(tensor.shape)} does not have the symmetry {symmetry}: "
            f"the last {axes} axes must have length 3"
        )
    flat = constant(basis.reshape(len(basis), 3**axes), tensor)
    rows = tensor.reshape(-1, 3**axes)
    return (rows @ flat.T @ flat).reshape(tensor.shape)


@cache
def _standard_basis(symmetry: IndexSymmetry, group: PointGroup) -> np.ndarray:
    exact_basis = invariants(symmetry, group).basis()
    shape = (len(exact_basis), *[3] * symmetry.rank)
    rows = np.array([tensor.numpy() for tensor in exact_basis]).reshape(len(exact_basis), 3**symmetry.rank)
    orthonormal, triangle = np.linalg.qr(rows.T)
    basis = (orthonormal * np.sign(np.diag(triangle))).T.reshape(shape)
    basis.flags.writeable = False
    return basis
