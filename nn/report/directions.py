"""The part of a tensor that turns with the structure.

Whoever ignores directions knows invariants alone, and can say nothing but isotropic tensors. However much he
knows, his root mean square error is at least that of the isotropic part of the true tensor itself: the root
mean square of the part that turns.
"""

import numpy as np

from cartesian.ops.spaces import TensorSpace


def turning(tensors: np.ndarray) -> np.ndarray:
    """Tensors without their isotropic part.

    Args:
        tensors: `(rows, 3**rank)`.

    Examples:
        >>> turning(np.diag([1.0, 2.0, 6.0]).reshape(1, 9)).reshape(3, 3).round(9)
        array([[-2.,  0.,  0.],
               [ 0., -1.,  0.],
               [ 0.,  0.,  3.]])
    """
    rank = round(np.log(tensors.shape[1]) / np.log(3))
    if rank == 0:
        return np.zeros_like(tensors)
    space = TensorSpace("ijklmnopq"[:rank])
    parts = space.to_irreps(tensors.reshape(-1, *[3] * rank))
    turns = np.concatenate([np.full(block.dim, block.irrep.degree > 0) for block in space.irreps])
    return np.asarray(space.from_irreps(parts * turns)).reshape(tensors.shape)
