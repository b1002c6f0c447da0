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

from cartesian.kernels import eager, forming, fused, native
from cartesian.kernels.edges import Edges
from cartesian.programs.derivative import derivative, without
from cartesian.programs.forming import RADIAL
from cartesian.programs.program import Program


def run(program: Program, operands: list[Tensor], edges: Edges | None) -> list[Tensor]:
    """Run a program on torch tensors, on whatever is fastest for their device and dtype."""
    if _only_numbers(operands):
        return _compute(program, operands, edges)
    indices = [] if edges is None else list(edges[:4])
    return contract(program.text, operands, indices, 0 if edges is None else edges.nodes)


def _only_numbers(operands: list[Tensor]) -> bool:
    """Whether nothing but the result is wanted: no gradient, no graph, no transform, no subclass.

    Going through the operator costs as much as a small convolution.
    """
    return not (
        torch.compiler.is_compiling()
        or (torch.is_grad_enabled() and any(array.requires_grad for array in operands))
        or any(type(array) not in (Tensor, torch.nn.Parameter) for array in operands)
        or torch._C._len_torch_dispatch_stack()
        or torch._C._functorch.maybe_current_level() is not None
        or torch.autograd.forward_ad._current_level >= 0
        or torch._C._get_tracing_state() is not None
    )


@torch.library.custom_op("cartesian::contract", mutates_args=())
def contract(program: str, operands: list[Tensor], indices: list[Tensor], nodes: int) -> list[Tensor]:
    """Outputs of a program given as text; `indices` are those of `Edges`, or none."""
    edges = Edges(indices[0], indices[1], indices[2], indices[3], nodes) if indices else None
    return _compute(Program.parse(program), operands, edges)


def _compute(parsed: Program, operands: Sequence[Tensor], edges: Edges | None) -> list[Tensor]:
    if forming.is_formed(parsed):
        assert edges is not None
        return forming.run(parsed, operands, edges, _compute)
    like = operands[0]
    if like.device.type == "cpu" and native.supports(like.dtype) and _compiles():
        return native.run(parsed, operands, edges)
    if like.device.type == "cuda" and fused.supports(like.dtype) and fused.available(like.device):
        return fused.run(parsed, operands, edges)
    return eager.run(parsed, operands, edges)


@contract.register_fake
def _(program: str, operands: list[Tensor], indices: list[Tensor], nodes: int) -> list[Tensor]:
    parsed, like = Program.parse(program), operands[0]
    rows: dict[str, Any] = dict.fromkeys(("edge", "sender", "receiver"), like.shape[0])
    if indices:
        rows = {"edge": indices[0].shape[0], "sender": nodes, "receiver": indices[3].shape[0] - 1}
    if forming.is_formed(parsed):
        rows["radial"] = parsed.row(RADIAL)
    return [like.new_empty((rows[parsed.form.legs[leg].place], parsed.row(leg))) for leg in parsed.outputs]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:  # noqa: ARG001
    program, operands, indices, nodes = inputs
    ctx.program, ctx.nodes, ctx.count = program, nodes, len(operands)
    ctx.save_for_backward(*operands, *indices)
    ctx.set_materialize_grads(False)


def _backward(ctx: Any, cotangents: list[Tensor | None]) -> tuple[Any, ...]:
    saved = list(ctx.saved_tensors)
    operands, indices = saved[: ctx.count], saved[ctx.count :]
    wanted = tuple(i for i in range(ctx.count) if ctx.needs_input_grad[1][i])
    absent = tuple(ctx.count + k for k, cotangent in enumerate(cotangents) if cotangent is None)
    gradients: list[Tensor | None] = [None] * ctx.count
    text = _derivative(ctx.program, wanted, absent)
    given = [array for array in (*operands, *cotangents) if array is not None]
    for i, gradient in zip(wanted, contract(text, given, indices, ctx.nodes), strict=True):
        gradients[i] = gradient
    return None, gradients, [None] * len(indices), None


contract.register_autograd(_backward, setup_context=_setup)


@cache
def _derivative(program: str, wanted: tuple[int, ...], absent: tuple[int, ...]) -> str:
    return without(derivative(Program.parse(program), wanted), absent).text


@cache
def _compiles() -> bool:
    """Whether native kernels can be made; says so once if not."""
    if native.available():
        return True
    warn("no C compiler found: convolutions run in plain torch, many times slower", stacklevel=2)
    return False
