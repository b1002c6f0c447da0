r"""What stands beside the matrix products of a fully connected product, on tiles of rows.

With $C$ of axes $(r, a, b)$, factors $x$: `(rows, a, P)` and $y$: `(rows, b, Q)`, and a tile $T$:
`(rows, r, P, Q)`. On the CPU these are generated C, elsewhere small matrix products.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from cartesian.kernels import compiler, native
from cartesian.kernels.arrays import constant, namespace
from cartesian.kernels.tile_source import source

_LANES = 16  # numbers in the widest register of any processor


def outer(table: np.ndarray, x: Any, y: Any, tile: Any) -> None:
    r"""Set the tile to $\sum_{ab} C_{rab}\, x_{aP}\, y_{bQ}$."""
    if not _compiled(y.shape[2], x, y, tile):
        tile[...] = x.swapaxes(1, 2)[:, None] @ _coupled(table, y)
        return
    _call("outer", table, x, tile.shape, *_place(x), *_place(y), _start(tile))


def fold(table: np.ndarray, y: Any, tile: Any, out: Any) -> None:
    r"""Add $\sum_{brQ} C_{rab}\, y_{bQ}\, T_{rPQ}$ to `out`, `(rows, a, P)`."""
    if not _compiled(y.shape[2], y, tile, out):
        out += (_coupled(table, y) @ tile.swapaxes(2, 3)).sum(1)
        return
    _call("fold", table, out, tile.shape, *_place(y), _start(tile), *_place(out))


def fold_across(table: np.ndarray, x: Any, tile: Any, out: Any) -> None:
    r"""Add $\sum_{brP} C_{rab}\, x_{bP}\, T_{rPQ}$ to `out`, `(rows, a, Q)`."""
    if not _compiled(tile.shape[3], x, tile, out):
        out += (_coupled(table, x) @ tile).sum(1)
        return
    _call("fold_across", table, out, tile.shape, *_place(x), _start(tile), *_place(out))


def _coupled(table: np.ndarray, block: Any) -> Any:
    """Couplings `(r, a, b)` with a block `(rows, b, channels)`: `(rows, r, a, channels)`."""
    r, a, b = table.shape
    matrix = constant(np.ascontiguousarray(table).reshape(r * a, b), block)
    return (matrix @ block).reshape(len(block), r, a, block.shape[2])


def _compiled(channels: int, *blocks: Any) -> bool:
    """Whether blocks, whose rows may lie apart, can be handed to generated C."""
    if channels % _LANES or not native.supports(blocks[0].dtype) or not native.available():
        return False
    on_cpu = isinstance(blocks[0], np.ndarray) or blocks[0].device.type == "cpu"
    return on_cpu and all(_is_dense(block) for block in blocks)


def _is_dense(block: Any) -> bool:
    if isinstance(block, np.ndarray):
        return block[:1, :1].flags.c_contiguous
    contiguous: bool = block[:1, :1].is_contiguous()
    return contiguous


def _call(name: str, table: np.ndarray, like: Any, shape: tuple[int, ...], *arguments: int) -> None:
    rows, r, p, q = shape
    xp = namespace(like)
    table = np.ascontiguousarray(table, np.float32 if like.dtype == xp.float32 else np.float64)
    threads = native.thread_count(xp, rows)
    function = _function(name, table.shape[1], "float" if table.dtype == np.float32 else "double")
    function(rows, table.ctypes.data, r, table.shape[2], p, q, *arguments, threads)


def _start(array: Any) -> int:
    start: int = array.ctypes.data if isinstance(array, np.ndarray) else array.data_ptr()
    return start


def _place(array: Any) -> tuple[int, int, int]:
    """Where a block begins, and the numbers from row to row and from component to component."""
    if isinstance(array, np.ndarray):
        rows, components = (step // array.itemsize for step in array.strides[:2])
    else:
        rows, components = array.stride()[:2]
    return _start(array), rows, components


@cache
def _function(name: str, components: int, scalar: str) -> Callable[..., None]:
    function = getattr(compiler.load(source(components, scalar), "-O3"), name)
    pointer, integer, number = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int
    block = [pointer, integer, integer]
    last = [*block, pointer] if name == "outer" else [pointer, *block]
    function.argtypes = [integer, pointer, *[number] * 4, *block, *last, number]
    function.restype = None
    return function
