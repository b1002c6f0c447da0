r"""Straight-line programs on the edges of a graph: generated C, plain NumPy or torch, and a torch operator.

A row of an operand is that of the edge, of its sender or of its receiver, `(rows, length × channels)`; shared
operands have one number for all channels, `(edges, length)`. A program without edges runs row by row.
"""

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cartesian.kernels import compiler, direct, native
from cartesian.kernels.arrays import namespace
from cartesian.kernels.edge_source import source
from cartesian.kernels.edges import Edges
from cartesian.programs.catalog import channels as count_channels
from cartesian.programs.catalog import lanes as parse
from cartesian.programs.lanes import LaneLeg, Lanes


def run(text: str, operands: Sequence[Any], edges: Edges | None) -> list[Any]:
    """Run a program given as text on NumPy arrays, or on torch tensors by the operator."""
    if namespace(*operands) is np:
        return run_plain(parse(text), count_channels(text), operands, edges)
    indices = [] if edges is None else list(edges[:4])
    nodes = 0 if edges is None else edges.nodes
    return direct.run(_FAMILY, text, operands, (indices, nodes))


def run_plain(program: Lanes, channels: int, operands: Sequence[Any], edges: Edges | None) -> list[Any]:
    """Run a program instruction by instruction, on NumPy arrays or torch tensors."""
    xp, like = namespace(*operands), operands[0]
    per_edge = []
    for array, leg in zip(operands, program.operands, strict=True):
        rows = array if leg.place == "edge" or edges is None else array[getattr(edges, f"{leg.place}s")]
        per_edge.append(rows.reshape(rows.shape[0], leg.length, 1 if leg.shared else channels))
    values: list[Any] = []
    for kind, left, right in program.instructions:
        if kind == "load":
            values.append(per_edge[left][:, right])
        elif kind == "const":
            values.append(program.constants[left])
        else:
            values.append(values[left] + values[right] if kind == "add" else values[left] * values[right])
    outputs = []
    for leg, results in zip(program.outputs, program.results, strict=True):
        zero = 0 * per_edge[0][:, 0] + xp.zeros(channels, **_like(like))
        rows = xp.stack([zero if result is None else zero + values[result] for result in results], 1)
        rows = rows.sum(-1) if leg.shared else rows.reshape(rows.shape[0], leg.length * channels)
        if leg.place != "edge" and edges is not None:
            sums = xp.zeros((_rows(leg, edges), rows.shape[1]), **_like(like))
            index = getattr(edges, f"{leg.place}s")
            rows = sums.index_add(0, index, rows) if xp is not np else _add(sums, index, rows)
        outputs.append(rows)
    return outputs


def _like(array: Any) -> dict[str, Any]:
    return (
        {"dtype": array.dtype}
        if isinstance(array, np.ndarray)
        else {"dtype": array.dtype, "device": array.device}
    )


def _add(sums: np.ndarray, index: np.ndarray, rows: np.ndarray) -> np.ndarray:
    np.add.at(sums, index, rows)
    return sums


def _rows(leg: LaneLeg, edges: Edges) -> int:
    count: int = {"edge": edges.senders.shape[0], "sender": edges.nodes}.get(
        leg.place, edges.starts.shape[0] - 1
    )
    return count


def run_native(text: str, operands: Sequence[Tensor], edges: Edges | None) -> list[Tensor]:
    """Run a program as generated C, float32 or float64 on the CPU."""
    program, channels, like = parse(text), count_channels(text), operands[0]
    operands = [array.contiguous() for array in operands]
    outputs = []
    for leg in program.outputs:
        rows = len(like) if edges is None else _rows(leg, edges)
        outputs.append(like.new_empty((rows, leg.length * (1 if leg.shared else channels))))
    pointers = [None] * 4 if edges is None else [index.contiguous().data_ptr() for index in edges[:4]]
    failed = _function(text, "float" if like.dtype == torch.float32 else "double")(
        *pointers,
        len(like) if edges is None else len(edges.senders),
        len(like) if edges is None else len(edges.starts) - 1,
        0 if edges is None else edges.nodes,
        (ctypes.c_void_p * len(operands))(*[array.data_ptr() for array in operands]),
        (ctypes.c_void_p * len(outputs))(*[array.data_ptr() for array in outputs]),
        (ctypes.c_int64 * len(outputs))(*[array.numel() for array in outputs]),
        native.thread_count(torch, len(like) if edges is None else len(edges.senders)),
    )
    if failed:
        raise MemoryError(f"no memory for the scratch rows of {len(like)} edges")
    return outputs


@torch.library.custom_op("cartesian::edge_lanes", mutates_args=())
def edge_lanes(program: str, operands: list[Tensor], indices: list[Tensor], nodes: int) -> list[Tensor]:
    """Outputs of a straight-line program given as text; `indices` are those of `Edges`, or none."""
    return _run(program, operands, indices, nodes)


def _run(program: str, operands: Sequence[Tensor], indices: list[Tensor], nodes: int) -> list[Tensor]:
    like = operands[0]
    edges = Edges(indices[0], indices[1], indices[2], indices[3], nodes) if indices else None
    if like.device.type == "cpu" and native.supports(like.dtype) and native.available():
        return run_native(program, operands, edges)
    return run_plain(parse(program), count_channels(program), operands, edges)


@edge_lanes.register_fake
def _(program: str, operands: list[Tensor], indices: list[Tensor], nodes: int) -> list[Tensor]:
    channels, like = count_channels(program), operands[0]
    rows: dict[str, Any] = {"edge": like.shape[0]}
    if indices:
        rows = {"edge": indices[0].shape[0], "sender": nodes, "receiver": indices[3].shape[0] - 1}
    return [
        like.new_empty((rows[leg.place], leg.length * (1 if leg.shared else channels)))
        for leg in parse(program).outputs
    ]


_FAMILY = direct.Family(_run, edge_lanes, direct.derived)
direct.register(_FAMILY)


@cache
def _function(text: str, scalar: str) -> Callable[..., int]:
    function = compiler.load(source(text, scalar), "-O2").run
    pointer, integer = ctypes.c_void_p, ctypes.c_int64
    function.argtypes = [pointer] * 4 + [integer] * 3 + [pointer] * 3 + [ctypes.c_int]
    function.restype = ctypes.c_int
    return function
