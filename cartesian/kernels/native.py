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

from cartesian.kernels import compiler, formed_source, forming
from cartesian.kernels.arrays import namespace
from cartesian.kernels.edges import Edges
from cartesian.kernels.source import is_paired, source
from cartesian.programs.forming import RADIAL
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
    first = operands[0]
    if not supports(first.dtype) or not (isinstance(first, np.ndarray) or first.device.type == "cpu"):
        raise TypeError(f"native kernels take float32 and float64 on the CPU, not {first.dtype}")
    return call(function(program, _name(first.dtype)), program, operands, edges)


def call(
    function: Callable[..., int], program: Program, operands: Sequence[Any], edges: Edges | None
) -> list[Any]:
    """Run the compiled function of a program."""
    xp, first = namespace(operands[0]), operands[0]
    rows = [row(array) for array in operands]
    sizes = {"edge": len(first)}
    indices: list[int | None] = [None, None, None]
    segments, longest, shared = len(first), 1, list[int]()
    threads = thread_count(xp, len(first if edges is None else edges.senders))
    if edges is not None:
        segments = len(edges.starts) - 1
        sizes = {"edge": len(edges.senders), "sender": edges.nodes, "receiver": segments}
        if edges.pair is not None and is_paired(program):
            sizes["pair"] = edges.rows("pair")
            shared = [_pointer(edges.pair), sizes["pair"]]
        if forming.is_formed(program):
            sizes["radial"] = program.row(RADIAL)
        indices = [_pointer(edges.order), _pointer(edges.starts), _pointer(edges.senders)]
        if threads > 1 and segments:
            longest = int((edges.starts[1:] - edges.starts[:-1]).max())
    outputs = []
    for leg in program.outputs:
        place = program.form.legs[leg].place
        make = xp.zeros if place == "sender" else xp.empty
        outputs.append(make((sizes[place], program.row(leg)), dtype=first.dtype))
    pointers, integers = ctypes.c_void_p * len(rows), ctypes.c_int64 * len(rows)
    out_pointers, out_integers = ctypes.c_void_p * len(outputs), ctypes.c_int64 * len(outputs)
    failed = function(
        *indices,
        segments,
        longest,
        pointers(*[pointer for _, pointer, _ in rows]),
        integers(*[stride for _, _, stride in rows]),
        out_pointers(*map(_pointer, outputs)),
        out_integers(*[array.shape[0] * array.shape[1] for array in outputs]),
        threads,
        *shared,
    )
    if failed:
        raise MemoryError(f"no memory for {longest} scratch rows per thread")
    return outputs


@cache
def function(program: Program, dtype: str) -> Callable[..., int]:
    """The compiled function of a program for a dtype."""
    make = formed_source.source if forming.is_formed(program) else source
    loaded = compiler.load(make(program, _SCALARS[dtype])).run
    pointer, integer = ctypes.c_void_p, ctypes.c_int64
    loaded.argtypes = [pointer] * 3 + [integer] * 2 + [pointer] * 4 + [ctypes.c_int]
    if is_paired(program):
        loaded.argtypes += [pointer, integer]
    loaded.restype = ctypes.c_int
    return loaded


@cache
def _name(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def row(array: Any) -> tuple[Any, int, int]:
    """The array (or a copy with contiguous rows), where it begins, and the elements from row to row."""
    if isinstance(array, np.ndarray):
        if array.strides[1] != array.itemsize and array.shape[1] > 1:
            array = np.ascontiguousarray(array)
        return array, array.ctypes.data, array.strides[0] // array.itemsize
    step, column = array.stride()
    if column != 1 and array.shape[1] > 1:
        array = array.contiguous()
        step = array.stride(0)
    return array, array.data_ptr(), step


def _pointer(array: Any) -> int:
    return array.ctypes.data if isinstance(array, np.ndarray) else array.data_ptr()


def thread_count(xp: Any, rows: int, least: int = 128) -> int:
    """Threads for so many edges or nodes: as many as the library was told, each with `least` rows or more."""
    told = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1) if xp is np else xp.get_num_threads()
    return min(told, 1 + rows // least)
