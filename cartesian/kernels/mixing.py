r"""Linear maps by matrix products, one per pair of blocks, over strided views: no block is copied.

The components of a block are matrices `(rows, channels)` whose rows lie as far apart as rows of features.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from cartesian.kernels.arrays import namespace
from cartesian.programs.mixing import OUT, WEIGHTS, LinearMap, Mixing, mixings
from cartesian.spec import Irreps


def evaluate(form: LinearMap, operands: Sequence[Any], omitted: int) -> Any:
    """The form of a linear map on all legs but one, `operands` in the order of the others."""
    if omitted == WEIGHTS:
        return _weights(form, *operands)
    weights, given = operands
    parts, sides = _parts(form), (form.irreps, form.out)
    forward = omitted == OUT
    source, target = sides if forward else sides[::-1]
    result = _empty(given, (given.shape[0], target.dim))
    blocks, made, filled = _blocks(given, source), _blocks(result, target), set()
    for part in parts:
        matrix = weights[part.weights].reshape(part.shape)
        a, b = (part.source, part.target) if forward else (part.target, part.source)
        _multiply(blocks[a], matrix if forward else matrix.T, made[b], add=b in filled)
        filled.add(b)
    for k, block in enumerate(made):
        if k not in filled:
            block[...] = 0
    return result


@cache
def _parts(form: LinearMap) -> tuple[Mixing, ...]:
    return mixings(form.irreps, form.out)


def _weights(form: LinearMap, features: Any, out: Any) -> Any:
    """Gradient with respect to the weights."""
    result = _empty(features, form.lengths[:1])
    inside, outside = _blocks(features, form.irreps), _blocks(out, form.out)
    for part in _parts(form):
        matrix = result[part.weights].reshape(part.shape)
        for k, (x, z) in enumerate(zip(inside[part.source], outside[part.target], strict=True)):
            _multiply(x.T, z, matrix, add=k > 0)
    return result


def _empty(like: Any, shape: tuple[int, ...]) -> Any:
    if isinstance(like, np.ndarray):
        return np.empty(shape, like.dtype)
    return like.new_empty(shape)


def _blocks(rows: Any, irreps: Irreps) -> list[Any]:
    """Views `(components, rows, channels)` of every block."""
    return [
        rows[:, part].reshape(rows.shape[0], block.irrep.dim, block.channels).swapaxes(0, 1)
        for part, block in zip(irreps.slices, irreps, strict=True)
    ]


def _multiply(left: Any, right: Any, out: Any, add: bool) -> None:
    """`out = left @ right`, or `out += left @ right`; of several matrices if left is several."""
    xp = namespace(out)
    if xp is np:
        out[...] = out + left @ right if add else left @ right
    elif left.ndim == 2:
        out.addmm_(left, right) if add else xp.mm(left, right, out=out)
    else:
        many = right.expand(left.shape[0], *right.shape)
        out.baddbmm_(left, many) if add else xp.bmm(left, many, out=out)
