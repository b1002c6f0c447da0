r"""Fully connected products by matrix products, path by path, in tiles that stay in the cache.

With $r$ the leg whose components are the rows of the matrix product, $p$ and $q$ the other two legs, and
channels $R, P, Q$, every path is one of

$$T_{nr,PQ} = \sum_{pq} C_{pqr}\, x_{npP}\, y_{nqQ}, \qquad B_{nr,PQ} = \sum_R z_{nrR}\, W_{R,PQ},$$

where $T$ times $W$ gives leg $r$, $T$ times $z$ the weights, and $B$ summed with the couplings and one of
$x, y$ the other leg. A tile holds some of the channels $P$, so that each weight is read once for hundreds
of rows.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from cartesian.kernels.arrays import namespace
from cartesian.kernels.tiles import fold, fold_across, outer
from cartesian.programs.connected import WEIGHTS, Connected, ConnectedPath

_ROWS = 512  # rows of a matrix product
_TILE = 2**20  # numbers of a tile on the CPU: 4 MB
_LARGE_TILE = 2**26  # on a GPU memory is the limit


def evaluate(form: Connected, operands: Sequence[Any], omitted: int, groups: None = None) -> Any:
    """The form of a product on all legs but one, `operands` in the order of the others."""
    assert groups is None
    rows, legs = len(operands[-1]), list(operands)
    result = _zeros(operands[-1], form.lengths[0] if omitted == WEIGHTS else (rows, form.lengths[omitted]))
    legs.insert(omitted, result)
    large = not isinstance(result, np.ndarray) and result.device.type != "cpu"
    # One tile for all paths: fresh memory costs more than filling it.
    scratch, parts = _zeros(result, 0), [irreps.slices for irreps in (form.left, form.right, form.out)]
    for path in form.paths:
        if 0 in path.shape:
            continue
        blocks: list[Any] = [legs[WEIGHTS][path.weights].reshape(path.shape), None, None, None]
        components = 2 * path.degrees[path.reduced - 1] + 1
        step = max(1, (2**20 if large else _ROWS) // components)
        for first in range(0, rows, step):
            for leg in (1, 2, 3):
                block = legs[leg][first : first + step, parts[leg - 1][path.blocks[leg - 1]]]
                blocks[leg] = block.reshape(len(block), 2 * path.degrees[leg - 1] + 1, path.shape[leg - 1])
            p, q = _others(path)
            column = len(blocks[1]) * components * path.shape[q - 1]
            width = min(path.shape[p - 1], max(1, (_LARGE_TILE if large else _TILE) // column))
            if len(scratch) < width * column:
                scratch = _zeros(result, width * column)
            _add_path(path, blocks, omitted, scratch, width)
    return result


def _zeros(like: Any, shape: int | tuple[int, int]) -> Any:
    return np.zeros(shape, like.dtype) if isinstance(like, np.ndarray) else like.new_zeros(shape)


def _others(path: ConnectedPath) -> tuple[int, int]:
    """The legs that are not the reduced one."""
    p, q = (leg for leg in (1, 2, 3) if leg != path.reduced)
    return p, q


def _add_path(path: ConnectedPath, blocks: Sequence[Any], omitted: int, scratch: Any, width: int) -> None:
    """One path on some rows; `blocks`: weights `(u, v, w)` and legs `(rows, components, channels)`."""
    r, (p, q) = path.reduced, _others(path)
    table, xp = path.table.transpose(r - 1, p - 1, q - 1), namespace(scratch)
    rows = len(blocks[r]) * len(table)
    total: Any = None
    reduced: Any = None if omitted == r else blocks[r].reshape(rows, -1)
    for part, tile, weights in _tiles(path, blocks, scratch, width):
        x, y, matrix = blocks[p][:, :, part], blocks[q], tile.reshape(rows, -1)
        if omitted in (WEIGHTS, r):
            outer(table, x, y, tile)
        else:
            xp.matmul(reduced, weights.reshape(len(weights), -1), out=matrix)
        if omitted == r:
            product = matrix @ weights.reshape(len(weights), -1).T
            total = product if total is None else total + product
        elif omitted == WEIGHTS and r == 3:
            # Transposed, so that numbers side by side are added to numbers side by side.
            weights = weights.swapaxes(0, 1).swapaxes(1, 2)
            weights += (matrix.T @ reduced).reshape(weights.shape)
        elif omitted == WEIGHTS:
            weights += (reduced.T @ matrix).reshape(weights.shape)
        elif omitted == p:
            fold(table, y, tile, x)
        else:
            fold_across(table.swapaxes(1, 2), x, tile, y)
    if omitted == r:
        blocks[r][...] += total.reshape(blocks[r].shape)


def _tiles(
    path: ConnectedPath, blocks: Sequence[Any], scratch: Any, width: int
) -> Iterator[tuple[slice, Any, Any]]:
    """Parts of the channels P, room for the tile `(rows, r, P, Q)`, and a view of its weights `(R, P, Q)`."""
    r, (p, q) = path.reduced, _others(path)
    weights = blocks[WEIGHTS]
    if r == 2:
        weights = weights.swapaxes(0, 1)
    elif r == 3:
        weights = weights.swapaxes(1, 2).swapaxes(0, 1)
    shape = len(blocks[r]), 2 * path.degrees[r - 1] + 1
    for first in range(0, path.shape[p - 1], width):
        part = slice(first, min(first + width, path.shape[p - 1]))
        count = part.stop - part.start
        size = shape[0] * shape[1] * count * path.shape[q - 1]
        yield part, scratch[:size].reshape(*shape, count, path.shape[q - 1]), weights[:, part]
