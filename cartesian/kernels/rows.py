"""Straight-line programs on rows without channels, `(rows, length)`: generated C, plain NumPy or torch."""

import ctypes
import os
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from cartesian.kernels import compiler
from cartesian.kernels.arrays import namespace
from cartesian.kernels.row_source import source
from cartesian.programs.harmonics import lanes as parse
from cartesian.programs.lanes import Lanes

# Fewer rows than this are done before a second thread has begun.
_ROWS_PER_THREAD = 4096


@cache
def lengths(text: str) -> tuple[int, ...]:
    """Length of the rows of every output."""
    return tuple(leg.length for leg in parse(text).outputs)


def run_native(text: str, operands: Sequence[Any]) -> list[Any]:
    """Run a program given as text as generated C, on NumPy arrays or CPU tensors, float32 or float64."""
    xp, like, rows = namespace(operands[0]), operands[0], operands[0].shape[0]
    outputs = [xp.empty((rows, length), dtype=like.dtype) for length in lengths(text)]
    if xp is np:
        operands = [np.ascontiguousarray(array) for array in operands]
        places = [array.ctypes.data for array in (*operands, *outputs)]
        threads = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
    else:
        operands = [array.contiguous() for array in operands]
        places = [array.data_ptr() for array in (*operands, *outputs)]
        threads = xp.get_num_threads()
    scalar = _SCALARS[like.dtype if xp is np else str(like.dtype)]
    function, pointers_in, pointers_out = _function(text, scalar)
    count = len(operands)
    threads = min(threads, 1 + rows // _ROWS_PER_THREAD)
    function(rows, pointers_in(*places[:count]), pointers_out(*places[count:]), threads)
    return outputs


def run_plain(program: Lanes, operands: Sequence[Any]) -> list[Any]:
    """Run a program instruction by instruction, on NumPy arrays or torch tensors."""
    xp, values = namespace(*operands), []
    zero = 0 * operands[0][:, 0]
    for kind, left, right in program.instructions:
        if kind == "load":
            values.append(operands[left][:, right])
        elif kind == "const":
            values.append(zero + program.constants[left])
        elif kind == "inverse":
            values.append(_inverse(xp, operands[left]))
        else:
            values.append(values[left] + values[right] if kind == "add" else values[left] * values[right])
    return [
        xp.stack([zero if result is None else values[result] for result in results], -1)
        for results in program.results
    ]


def _inverse(xp: Any, vectors: Any) -> Any:
    """1/|r|, 0 for vectors that are zero or too short for it."""
    largest = xp.amax(abs(vectors), -1)
    zero = largest < float(xp.finfo(vectors.dtype).tiny)
    unit = 1 / xp.where(zero, xp.ones_like(largest), largest)
    square = xp.where(zero, xp.ones_like(largest), ((vectors * unit[:, None]) ** 2).sum(-1))
    return xp.where(zero, xp.zeros_like(largest), unit / xp.sqrt(square))


_SCALARS: dict[Any, str] = {
    np.dtype(np.float32): "float",
    np.dtype(np.float64): "double",
    "torch.float32": "float",
    "torch.float64": "double",
}


@cache
def _function(text: str, scalar: str) -> tuple[Callable[..., None], Any, Any]:
    """The compiled function, and the types of its lists of operands and outputs."""
    program = parse(text)
    function = compiler.load(source(program, scalar), "-O2").run
    function.argtypes = [ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
    function.restype = None
    return (
        function,
        ctypes.c_void_p * len(program.operands),
        ctypes.c_void_p * len(program.outputs),
    )
