r"""Fully connected products by matrix products, path by path, some rows at a time so that tiles stay in the cache.

With $r$ the leg whose components are the rows of the matrix product, $p$ and $q$ the other two legs, and channels
$R, P, Q$, every path is one of

$$T_{nr,PQ} = \sum_{pq} C_{pqr}\, x_{npP}\, y_{nqQ}, \qquad B_{nr,PQ} = \sum_R z_{nrR}\, W_{R,PQ},$$

where $T$ times $W$ gives leg $r$, $T$ times $z$ the weights, and $B$ summed with the couplings and one of $x, y$ the
other leg.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cartesian.kernels.arrays import constant, namespace
from cartesian.programs.connected import WEIGHTS, Connected, ConnectedPath

# Numbers in a tile on the CPU: a few MB, which a core's share of the cache holds.
_TILE = 2**20
# On a GPU memory is the limit.
_LARGE_TILE = 2**26


def evaluate(form: Connected, operands: Sequence[Any], omitted: int) -> Any:
    """The form of a product on all legs but one, `operands` in the order of the others."""
    xp = namespace(*operands)
    legs: list[Any] = list(operands)
    legs.insert(omitted, None)
    like = operands[-1]
    rows = len(like)
    shape = (form.lengths[0],) if omitted == WEIGHTS else (rows, form.lengths[omitted])
    result = np.zeros(shape, like.dtype) if xp is np else like.new_zeros(shape)
    parts = [irreps.slices for irreps in (form.left, form.right, form.out)]
    on_cpu = xp is np or like.device.type == "cpu"
    for path in form.paths:
        u, v, w = path.shape
        r = path.reduced
        if not u * v * w:
            continue
        size = (2 * path.degrees[r - 1] + 1) * u * v * w // path.shape[r - 1]
        step = max(1, (_TILE if on_cpu else _LARGE_TILE) // size)
        for first in range(0, rows, step):
            blocks: list[Any] = [None] * 4
            for leg in (1, 2, 3):
                array = result if leg == omitted else legs[leg]
                block = array[first : first + step, parts[leg - 1][path.blocks[leg - 1]]]
                blocks[leg] = block.reshape(len(block), 2 * path.degrees[leg - 1] + 1, path.shape[leg - 1])
            blocks[0] = (result if omitted == WEIGHTS else legs[WEIGHTS])[path.weights].reshape(path.shape)
            blocks[omitted] += _path(path, blocks, omitted)
    return result


def _path(path: ConnectedPath, blocks: Sequence[Any], omitted: int) -> Any:
    """One path on some rows; `blocks` are the weights `(u, v, w)` and the legs `(rows, components, channels)`."""
    r = path.reduced
    p, q = (leg for leg in (1, 2, 3) if leg != r)
    # Axes p, q, r.
    table = path.table.transpose(p - 1, q - 1, r - 1)
    rows = len(blocks[1])
    if omitted in (WEIGHTS, r):
        tensor = _outer(table, blocks[p], blocks[q]).reshape(rows * table.shape[2], -1)
        if omitted == r:
            return (tensor @ _matrix(blocks[WEIGHTS], r)).reshape(blocks[r].shape)
        reduced = blocks[r].reshape(len(tensor), -1)
        return _from_matrix(tensor, reduced, path.shape, r)
    reduced = blocks[r].reshape(rows * table.shape[2], -1)
    tensor = (reduced @ _matrix(blocks[WEIGHTS], r).T).reshape(
        rows, table.shape[2], path.shape[p - 1], path.shape[q - 1]
    )
    if omitted == p:
        # (rows, r, p, Q) with (rows, r, Q, P)
        return (_fold(table.transpose(2, 0, 1), blocks[q]) @ tensor.swapaxes(2, 3)).sum(1)
    return (_fold(table.transpose(2, 1, 0), blocks[p]) @ tensor).sum(1)


def _outer(table: np.ndarray, left: Any, right: Any) -> Any:
    """`(rows, r, P, Q)` from `(rows, p, P)` and `(rows, q, Q)`."""
    return left.swapaxes(1, 2)[:, None] @ _fold(table.transpose(2, 0, 1), right)


def _fold(table: np.ndarray, block: Any) -> Any:
    """Couplings `(r, a, b)` on a block `(rows, b, channels)`: `(rows, r, a, channels)`."""
    r, a, b = table.shape
    matrix = constant(np.ascontiguousarray(table.reshape(r * a, b)), block)
    return (matrix @ block).reshape(len(block), r, a, block.shape[2])


def _matrix(weights: Any, reduced: int) -> Any:
    """Weights as a matrix, channels of the reduced leg in its columns."""
    u, v, w = weights.shape
    if reduced == 1:
        return weights.reshape(u, v * w).T
    if reduced == 2:
        return weights.swapaxes(0, 1).reshape(v, u * w).T
    return weights.reshape(u * v, w)


def _from_matrix(tensor: Any, reduced: Any, shape: tuple[int, int, int], leg: int) -> Any:
    """Gradient of the weights `(u, v, w)` from that of their matrix."""
    u, v, w = shape
    if leg == 1:
        return (reduced.T @ tensor).reshape(u, v, w)
    if leg == 2:
        return (reduced.T @ tensor).reshape(v, u, w).swapaxes(0, 1)
    return (tensor.T @ reduced).reshape(u, v, w)
