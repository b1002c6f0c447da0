"""Straight-line programs on rows without channels, `(rows, length)`: generated C, plain NumPy or torch."""

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from cartesian.kernels import compiler, native
from cartesian.kernels.arrays import namespace
from cartesian.kernels.row_source import source
from cartesian.programs.harmonics import lanes as parse
from cartesian.programs.lanes import Lanes

_SCALARS = {"float32": "float", "float64": "double"}
# Fewer rows than this are done before a second thread has begun.
_ROWS_PER_THREAD = 4096


@cache
def lengths(text: str) -> tuple[int, ...]:
    """Length of the rows of every output."""
    return tuple(leg.length for leg in parse(text).outputs)


def run_native(text: str, operands: Sequence[Any]) -> list[Any]:
    """Run a program given as text as generated C, on NumPy arrays or CPU tensors, float32 or float64."""
    like, rows = operands[0], operands[0].shape[0]
    function, pointers_in, pointers_out, sizes = _function(text, like.dtype)
    if isinstance(like, np.ndarray):
        xp: Any = np
        outputs: list[Any] = [np.empty((rows, length), like.dtype) for length in sizes]
        operands = [np.ascontiguousarray(array) for array in operands]
        places = pointers_in(*[array.ctypes.data for array in operands])
        targets = pointers_out(*[array.ctypes.data for array in outputs])
    else:
        xp = namespace(like)
        outputs = [like.new_empty((rows, length)) for length in sizes]
        operands = [array.contiguous() for array in operands]
        places = pointers_in(*[array.data_ptr() for array in operands])
        targets = pointers_out(*[array.data_ptr() for array in outputs])
    threads = native.thread_count(xp, rows, _ROWS_PER_THREAD)
    function(rows, places, targets, threads)
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


@cache
def _function(text: str, dtype: Any) -> tuple[Callable[..., None], Any, Any, tuple[int, ...]]:
    """The compiled function, the types of its lists of operands and outputs, and the lengths of outputs."""
    program = parse(text)
    function = compiler.load(source(program, _SCALARS[str(dtype).removeprefix("torch.")]), "-O2").run
    function.argtypes = [ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
    function.restype = None
    return (
        function,
        ctypes.c_void_p * len(program.operands),
        ctypes.c_void_p * len(program.outputs),
        lengths(text),
    )
