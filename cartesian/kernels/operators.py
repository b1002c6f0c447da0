r"""Programs as one torch operator, `cartesian::contract`, differentiable to any order.

The backward of a program is a program, so the operator's backward calls the operator; the next
derivative does the same. Gradients that nobody asked for, and cotangents that are zero, are left out of
the program before it runs. The program travels as text: graphs that hold it can be exported and saved.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any
from warnings import warn

import torch
from torch import Tensor

from cartesian.kernels import direct, eager, forming, fused, native
from cartesian.kernels.edges import Edges
from cartesian.kernels.source import is_paired
from cartesian.programs.derivative import derivative, without
from cartesian.programs.forming import RADIAL
from cartesian.programs.program import Program


def run(program: Program, operands: list[Tensor], edges: Edges | None) -> list[Tensor]:
    """Run a program on torch tensors, on whatever is fastest for their device and dtype."""
    if edges is None:
        return direct.run(_FAMILY, program.text, operands, ([], 0))
    indices = [*edges[:4], *(index for index in (edges.pair, edges.first) if index is not None)]
    return direct.run(_FAMILY, program.text, operands, (indices, edges.nodes))


def _run(text: str, operands: Sequence[Tensor], indices: list[Tensor], nodes: int) -> list[Tensor]:
    return _compute(Program.parse(text), operands, _edges(indices, nodes))


def _edges(indices: list[Tensor], nodes: int) -> Edges | None:
    return Edges(indices[0], indices[1], indices[2], indices[3], nodes, *indices[4:]) if indices else None


@torch.library.custom_op("cartesian::contract", mutates_args=())
def contract(program: str, operands: list[Tensor], indices: list[Tensor], nodes: int) -> list[Tensor]:
    """Outputs of a program given as text; `indices` are those of `Edges`, with pairs or without, or none."""
    return _run(program, operands, indices, nodes)


def _compute(parsed: Program, operands: Sequence[Tensor], edges: Edges | None) -> list[Tensor]:
    like = operands[0]
    if like.device.type == "cpu" and native.supports(like.dtype) and _compiles():
        return native.run(parsed, operands, edges)
    if forming.is_formed(parsed):
        assert edges is not None
        return forming.run(parsed, operands, edges, _compute)
    on_gpu = like.device.type == "cuda" and fused.supports(like.dtype) and fused.available(like.device)
    if on_gpu and not is_paired(parsed):
        return fused.run(parsed, operands, edges)
    return eager.run(parsed, operands, edges)


@contract.register_fake
def _(program: str, operands: list[Tensor], indices: list[Tensor], nodes: int) -> list[Tensor]:
    parsed, like = Program.parse(program), operands[0]
    rows: dict[str, Any] = dict.fromkeys(("edge", "sender", "receiver"), like.shape[0])
    if indices:
        rows = {"edge": indices[0].shape[0], "sender": nodes, "receiver": indices[3].shape[0] - 1}
    if len(indices) > 4:
        rows["pair"] = indices[5].shape[0]
    if forming.is_formed(parsed):
        rows["radial"] = parsed.row(RADIAL)
    return [like.new_empty((rows[parsed.form.legs[leg].place], parsed.row(leg))) for leg in parsed.outputs]


@cache
def _derivative(program: str, wanted: tuple[int, ...], absent: tuple[int, ...]) -> str:
    parsed = Program.parse(program)
    count = len(parsed.operands)
    return without(derivative(parsed, wanted), tuple(count + k for k in absent)).text


_FAMILY = direct.Family(_run, contract, _derivative)
direct.register(_FAMILY)


@cache
def _compiles() -> bool:
    """Whether native kernels can be made; says so once if not."""
    if native.available():
        return True
    warn("no C compiler found: convolutions run in plain torch, many times slower", stacklevel=2)
    return False
