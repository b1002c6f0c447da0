"""Programs as generated C on the CPU: NumPy arrays and torch tensors, float32 and float64.

Compiled when first run, and kept (`cartesian.kernels.compiler`). Arrays are read where they lie, row by
row; only a row must be contiguous.
"""

import ctypes
import os
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from cartesian.kernels import compiler
from cartesian.kernels.arrays import namespace
from cartesian.kernels.edges import Edges
from cartesian.kernels.source import source
from cartesian.programs.program import Program

_SCALARS = {"float32": "float", "float64": "double"}


def available() -> bool:
    """Whether this machine can compile kernels."""
    try:
        compiler.toolchain()
    except compiler.CompilerError:
        return False
    return True


def supports(dtype: Any) -> bool:
    """Whether kernels exist for a dtype of NumPy or torch."""
    return _name(dtype) in _SCALARS


def run(program: Program, operands: Sequence[Any], edges: Edges | None) -> list[Any]:
    """Run a program on operands of shape `(rows, ·)`; without `edges`, every leg lives on the rows."""
    return call(function(program, _name(operands[0].dtype)), program, operands, edges)


def call(
    function: Callable[..., int], program: Program, operands: Sequence[Any], edges: Edges | None
) -> list[Any]:
    """Run the compiled function of a program."""
    xp, first = namespace(*operands), operands[0]
    operands = [array if _strides(array)[1] == 1 else _contiguous(array) for array in operands]
    if edges is None:
        sizes = {"edge": len(first)}
        segments, longest = len(first), 1
        indices: list[int | None] = [None, None, None]
    else:
        receivers = len(edges.starts) - 1
        sizes = {"edge": len(edges.senders), "sender": edges.nodes, "receiver": receivers}
        indices = [_pointer(edges.order), _pointer(edges.starts), _pointer(edges.senders)]
        segments, longest = receivers, sizes["edge"]
    outputs = []
    for leg in program.outputs:
        place = program.form.legs[leg].place
        make = xp.zeros if place == "sender" and edges is not None else xp.empty
        shape = (sizes[place if edges is not None else "edge"], program.row(leg))
        outputs.append(make(shape, dtype=first.dtype))
    threads = _threads(xp)
    if edges is not None and threads > 1 and segments:
        longest = int((edges.starts[1:] - edges.starts[:-1]).max())
    failed = function(
        *indices,
        segments,
        longest,
        (ctypes.c_void_p * len(operands))(*map(_pointer, operands)),
        (ctypes.c_int64 * len(operands))(*(_strides(array)[0] for array in operands)),
        (ctypes.c_void_p * len(outputs))(*map(_pointer, outputs)),
        (ctypes.c_int64 * len(outputs))(*(len(array) * array.shape[1] for array in outputs)),
        threads,
    )
    if failed:
        raise MemoryError(f"no memory for {longest} scratch rows per thread")
    return outputs


@cache
def function(program: Program, dtype: str) -> Callable[..., int]:
    """The compiled function of a program for a dtype."""
    loaded = compiler.load(source(program, _SCALARS[dtype])).run
    pointer, integer = ctypes.c_void_p, ctypes.c_int64
    loaded.argtypes = [pointer] * 3 + [integer] * 2 + [pointer] * 4 + [ctypes.c_int]
    loaded.restype = ctypes.c_int
    return loaded


def _name(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def _strides(array: Any) -> tuple[int, int]:
    """Elements from row to row and from column to column."""
    if isinstance(array, np.ndarray):
        row, column = (stride // array.itemsize for stride in array.strides)
    else:
        row, column = array.stride()
    return row, 1 if array.shape[1] <= 1 else column


def _contiguous(array: Any) -> Any:
    return np.ascontiguousarray(array) if isinstance(array, np.ndarray) else array.contiguous()


def _pointer(array: Any) -> int:
    return array.ctypes.data if isinstance(array, np.ndarray) else array.data_ptr()


def _threads(xp: Any) -> int:
    if xp is np:
        return int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
    return xp.get_num_threads()
