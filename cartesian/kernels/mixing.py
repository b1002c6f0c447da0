r"""Linear maps by matrix products, one per pair of blocks, over strided views: no block is copied.

The components of a block are matrices `(rows, channels)` whose rows lie as far apart as rows of features. On
the CPU generated C runs over all blocks at once. Rows may belong to groups with weights of their own. Where
somebody records what torch does, nothing is written into parts of an array: not every reader of such a record
can differentiate that.
"""

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from cartesian.kernels import compiler, native
from cartesian.kernels.arrays import namespace
from cartesian.kernels.groups import Groups
from cartesian.kernels.linear_source import source
from cartesian.programs.mixing import OUT, WEIGHTS, LinearMap, Mixing, mixings
from cartesian.spec import Irreps


def evaluate(form: LinearMap, operands: Sequence[Any], omitted: int, groups: Groups | None = None) -> Any:
    """The form of a linear map on all legs but one, `operands` in the order of the others.

    With groups the weights are `(groups, ·)`.
    """
    like = operands[-1]
    on_cpu = isinstance(like, np.ndarray) or like.device.type == "cpu"
    if on_cpu and native.supports(like.dtype) and native.available():
        return _compiled(form, operands, omitted, groups)
    if groups is not None:
        return _grouped(form, operands, omitted, groups)
    if omitted == WEIGHTS:
        return _weights(form, *operands)
    weights, given = operands
    forward = omitted == OUT
    source, target = (form.irreps, form.out) if forward else (form.out, form.irreps)
    rows, blocks = given.shape[0], _blocks(given, source)
    result = None if _is_recorded(given) else _empty(given, (rows, target.dim))
    made, filled = [None] * len(target) if result is None else _blocks(result, target), set()
    for part in _parts(form):
        matrix = weights[part.weights].reshape(part.shape)
        a, b = (part.source, part.target) if forward else (part.target, part.source)
        made[b] = _multiply(blocks[a], matrix if forward else matrix.T, made[b], add=b in filled)
        filled.add(b)
    if result is None:
        parts = [
            given.new_zeros(rows, block.dim)
            if found is None
            else found.swapaxes(0, 1).reshape(rows, block.dim)
            for found, block in zip(made, target, strict=True)
        ]
        return namespace(given).cat([given[:, :0], *parts], 1)
    for k, block in enumerate(made):
        if k not in filled:
            block[...] = 0
    return result


def _compiled(form: LinearMap, operands: Sequence[Any], omitted: int, groups: Groups | None) -> Any:
    """The same by generated C."""
    xp, like = namespace(operands[-1]), operands[-1]
    rows, table = like.shape[0], _table(form, omitted)
    count = 1 if groups is None else groups.starts.shape[0] - 1
    whole = np.array([0, rows])
    order = 0 if groups is None else _start(groups.order)
    starts = whole.ctypes.data if groups is None else _start(groups.starts)
    head = table.numbers.ctypes.data, len(table.numbers), order, starts, count
    threads = native.thread_count(xp, rows)
    function = _function(omitted == WEIGHTS, "float" if like.dtype == xp.float32 else "double")
    if omitted == WEIGHTS:
        given = [native.row(array) for array in operands]
        places = [number for _, *place in given for number in place]
        size = table.lengths[0]
        result = _empty(like, (size,) if groups is None else (count, size))
        if function(*head, *places, _start(result), size, threads):
            raise MemoryError("no memory to copy some rows of a linear map")
        return result
    weights = operands[0] if groups is None else operands[0].reshape(-1)
    weights = np.ascontiguousarray(weights) if xp is np else weights.contiguous()
    x, x_start, x_row = native.row(operands[1])
    width = table.lengths[omitted]
    result = (xp.zeros if table.is_partial else xp.empty)((rows, width), dtype=x.dtype)
    matrix = _start(weights), table.lengths[0]
    if function(*head, x_start, x_row, *matrix, _start(result), width, omitted != OUT, threads):
        raise MemoryError(f"no memory for the {table.lengths[0]} weights of a linear map")
    return result


class _Table(NamedTuple):
    """Pairs of blocks for generated C, `(pairs, 7)`; whether some block of the result is in none; lengths."""

    numbers: np.ndarray
    is_partial: bool
    lengths: tuple[int, int, int]


@cache
def _table(form: LinearMap, omitted: int) -> _Table:
    """Channels of both sides, components, where the blocks and the matrix begin, and if the result is new."""
    turn = omitted not in (OUT, WEIGHTS)
    numbers, seen = [], set[int]()
    for part in _parts(form):
        ends = part.source, part.target
        sides = form.irreps, form.out
        left, right = (side[end] for side, end in zip(sides, ends, strict=True))
        x, z = (side.slices[end].start for side, end in zip(sides, ends, strict=True))
        row = [left.channels, right.channels, left.irrep.dim, x, z, part.weights.start, 0]
        made = ends[1]
        if turn:
            row[:5], made = [row[1], row[0], row[2], row[4], row[3]], ends[0]
        row[6] = made not in seen
        seen.add(made)
        numbers.append(row)
    target = form.irreps if turn else form.out
    return _Table(np.array(numbers, np.int64).reshape(-1, 7), len(seen) < len(target), form.lengths)


@cache
def _function(is_gradient: bool, scalar: str) -> Callable[..., int]:
    library = compiler.load(source(scalar))
    pointer, integer, number = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int
    function = library.gradient if is_gradient else library.apply
    block: list[Any] = [pointer, integer]
    # The other one is told besides whether matrices are transposed.
    function.argtypes = [*block, pointer, *block * 4, *[number] * (1 if is_gradient else 2)]
    function.restype = number
    return function


def _start(array: Any) -> int:
    start: int = array.ctypes.data if isinstance(array, np.ndarray) else array.data_ptr()
    return start


def _grouped(form: LinearMap, operands: Sequence[Any], omitted: int, groups: Groups) -> Any:
    """One group after the other."""
    order, starts = groups.order, [int(start) for start in groups.starts]
    width, like = form.lengths[omitted], operands[-1]
    result = _empty(like, (len(starts) - 1, width) if omitted == WEIGHTS else (like.shape[0], width))
    for group, (first, last) in enumerate(pairwise(starts)):
        own = order[first:last]
        given = [x[group] if omitted != WEIGHTS and k == 0 else x[own] for k, x in enumerate(operands)]
        result[group if omitted == WEIGHTS else own] = evaluate(form, given, omitted)
    return result


@cache
def _parts(form: LinearMap) -> tuple[Mixing, ...]:
    return mixings(form.irreps, form.out)


def _weights(form: LinearMap, features: Any, out: Any) -> Any:
    """Gradient with respect to the weights."""
    result = None if _is_recorded(features) else _empty(features, form.lengths[:1])
    inside, outside = _blocks(features, form.irreps), _blocks(out, form.out)
    made: list[Any] = []
    for part in _parts(form):
        matrix: Any = None if result is None else result[part.weights].reshape(part.shape)
        for k, (x, z) in enumerate(zip(inside[part.source], outside[part.target], strict=True)):
            matrix = _multiply(x.T, z, matrix, add=k > 0)
        made.append(matrix)
    if result is None:
        return namespace(features).cat([features[:0].reshape(-1), *(matrix.reshape(-1) for matrix in made)])
    return result


def _is_recorded(array: Any) -> bool:
    xp = namespace(array)
    return xp is not np and bool(xp.compiler.is_compiling())


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


def _multiply(left: Any, right: Any, out: Any, add: bool) -> Any:
    """`left @ right`, of several matrices if left is several; into `out` if there is one, or added to it."""
    if out is None:
        return left @ right
    xp = namespace(out)
    if xp is np:
        out[...] = out + left @ right if add else left @ right
        return out
    if _is_recorded(out):
        return out + left @ right
    if left.ndim == 2:
        return out.addmm_(left, right) if add else xp.mm(left, right, out=out)
    many = right.expand(left.shape[0], *right.shape)
    return out.baddbmm_(left, many) if add else xp.bmm(left, many, out=out)
