r"""How O(3) acts: orthogonal matrices on compact tensors, on flat features, on full Cartesian axes.

Under an orthogonal matrix $R$, reflections included, a true tensor becomes
$T'_{i\dots} = R_{ij} \cdots T_{j\dots}$; a pseudotensor takes a factor $\det R$ besides.
"""

import math
from typing import Any

import numpy as np

from cartesian.kernels.arrays import as_array, constant, namespace
from cartesian.spec import Irrep, Irreps
from cartesian.tables.lookup import coupling


def wigner(irrep: Irrep | str | int, matrix: Any) -> Any:
    r"""The matrix $D(R)$ of an orthogonal matrix on the compact components of an irrep.

    From degree to degree through the isometric couplings $c$ of $\ell \times 1 \to \ell + 1$:

    $$D^{(\ell+1)}_{po} = c_{bjp}\, D^{(\ell)}_{ba}\, R_{ji}\, c_{aio},$$

    times $\det R$ if the irrep does not have the parity $(-1)^\ell$ of a true tensor.

    Args:
        irrep: Irrep, its label, or a degree, which stands for natural parity.
        matrix: $R$, `(..., 3, 3)`, NumPy or torch.

    Returns:
        `(..., 2ℓ+1, 2ℓ+1)`, to be contracted on its last axis.

    Raises:
        ValueError: If a matrix is not orthogonal to the square root of its precision.

    Examples:
        >>> wigner("1e", -np.eye(3)).round(3) + 0.0  # axial vectors do not change under inversion
        array([[1., 0., 0.], [0., 1., 0.], [0., 0., 1.]])
    """
    irrep = Irrep.natural(irrep) if isinstance(irrep, int) else Irrep(irrep)
    matrix = _orthogonal(matrix)
    return _with_parity(irrep, matrix, _wigners(irrep.degree, matrix)[-1])


def act(matrix: Any, features: Any, irreps: Irreps | str) -> Any:
    """The action of orthogonal matrices on flat features.

    Args:
        matrix: `(..., 3, 3)`; leading axes broadcast against those of the features. A NumPy matrix acts
            on torch features too.
        features: `(..., irreps.dim)`, NumPy or torch, blocks `(2ℓ+1, channels)`.
        irreps: What the last axis holds.

    Raises:
        ValueError: If a matrix is not orthogonal, or the last axis does not fit.

    Examples:
        >>> quarter = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # about z
        >>> act(quarter, np.array([7.0, 1.0, 2.0, 3.0]), "0e + 1o")
        array([ 7., -2.,  1.,  3.])
    """
    irreps, features = Irreps(irreps), as_array(features)
    matrix = _like(_orthogonal(matrix), features)
    if not features.ndim or features.shape[-1] != irreps.dim:
        raise ValueError(
            f"features of {irreps} have {irreps.dim} components on their last axis; "
            f"the shape {tuple(features.shape)} has not"
        )
    if not irreps.blocks:
        return features
    xp, wigners = namespace(features, matrix), _wigners(irreps.max_degree, matrix)
    blocks = []
    for where, (channels, irrep) in zip(irreps.slices, irreps, strict=True):
        block = features[..., where].reshape(*features.shape[:-1], irrep.dim, channels)
        moved = _with_parity(irrep, matrix, wigners[irrep.degree]) @ block
        blocks.append(moved.reshape(*moved.shape[:-2], irrep.dim * channels))
    return xp.concatenate(blocks, -1)


def act_full(matrix: Any, tensor: Any, rank: int, axial: bool = False) -> Any:
    r"""The action of one orthogonal matrix on full Cartesian tensors.

    $$T'_{i\dots} = R_{ij} \cdots T_{j\dots}$$

    Args:
        matrix: `(3, 3)`.
        tensor: `rank` trailing axes of length 3, NumPy or torch.
        rank: Number of Cartesian indices.
        axial: Whether the tensor is a pseudotensor, with a factor $\det R$.

    Raises:
        ValueError: If the matrix is not one orthogonal matrix, or the axes do not have length 3.

    Examples:
        >>> act_full(-np.eye(3), np.array([1.0, 2.0, 3.0]), 1, axial=True)
        array([1., 2., 3.])
    """
    tensor = as_array(tensor)
    matrix = _like(_orthogonal(matrix), tensor)
    if matrix.ndim != 2:
        raise ValueError(f"expected one matrix of shape (3, 3), not an array of shape {tuple(matrix.shape)}")
    if tensor.ndim < rank or any(n != 3 for n in tensor.shape[tensor.ndim - rank :]):
        raise ValueError(
            f"a tensor of rank {rank} has {rank} last axes of length 3; "
            f"the shape {tuple(tensor.shape)} has not"
        )
    xp = namespace(matrix, tensor)
    for axis in range(-rank, 0):
        tensor = xp.moveaxis(xp.tensordot(tensor, matrix, ([axis], [1])), -1, axis)
    return xp.linalg.det(matrix) * tensor if axial else tensor


def _wigners(max_degree: int, matrix: Any) -> list[Any]:
    """The matrices of all degrees up to the largest, natural parity."""
    xp = namespace(matrix)
    result = [xp.ones_like(matrix[..., :1, :1])]
    for degree in range(max_degree):
        table = constant(coupling(degree, 1, degree + 1), matrix)
        moved = xp.einsum("...ba,aio->...bio", result[-1], table)
        moved = xp.einsum("...ji,...bio->...bjo", matrix, moved)
        result.append(xp.einsum("bjp,...bjo->...po", table, moved))
    return result


def _with_parity(irrep: Irrep, matrix: Any, natural: Any) -> Any:
    if irrep.is_natural:
        return natural
    return namespace(matrix).linalg.det(matrix)[..., None, None] * natural


def _like(matrix: Any, features: Any) -> Any:
    """The matrix in the library and dtype of the features."""
    return constant(matrix, features) if namespace(matrix) is np else matrix.to(features)


def _orthogonal(matrix: Any) -> Any:
    matrix = as_array(matrix)
    xp = namespace(matrix)
    if tuple(matrix.shape[-2:]) != (3, 3):
        raise ValueError(f"orthogonal matrices have shape (..., 3, 3), not {tuple(matrix.shape)}")
    gram = matrix @ matrix.swapaxes(-1, -2)
    deviation = abs(gram - constant(np.eye(3), matrix))
    tolerance = math.sqrt(xp.finfo(matrix.dtype).eps)
    if not bool((deviation <= tolerance).all()):
        raise ValueError(
            f"R Rᵀ = 1 must hold for an orthogonal matrix; it is off by {float(deviation.max()):.1e}"
        )
    return matrix
