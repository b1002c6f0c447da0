"""Straight-line programs on rows in torch, differentiable to any order.

Harmonics of a few thousand vectors take less time than torch needs to call an operator that is written in
Python. So there are two ways to the same code: the operator `cartesian::rows` for graphs that are compiled or
exported, and an autograd function for everything else, transformations of functions and forward derivatives
included.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from cartesian.kernels import direct, native
from cartesian.kernels.rows import lengths, run_native, run_plain
from cartesian.kernels.watched import is_differentiated, is_recorded
from cartesian.programs.harmonics import lanes as parse


def run(program: str, operands: Sequence[Tensor]) -> list[Tensor]:
    """Outputs `(rows, ·)` of a program given as text, from operands `(rows, ·)`."""
    if is_recorded(operands):
        return list(rows(program, operands))
    if is_differentiated(operands):
        return list(direct.apply(_Rows, program, *operands))
    return _run(program, operands)


def _run(program: str, operands: Sequence[Tensor]) -> list[Tensor]:
    like = operands[0]
    if like.device.type == "cpu" and native.supports(like.dtype) and native.available():
        return run_native(program, operands)
    return run_plain(parse(program), operands)


@torch.library.custom_op("cartesian::rows", mutates_args=())
def rows(program: str, operands: Sequence[Tensor]) -> list[Tensor]:
    """Outputs `(rows, ·)` of a straight-line program given as text, from operands `(rows, ·)`."""
    return _run(program, operands)


@rows.register_fake
def _(program: str, operands: Sequence[Tensor]) -> list[Tensor]:
    return [operands[0].new_empty((operands[0].shape[0], length)) for length in lengths(program)]


_FAMILY = direct.Family(_run, rows, direct.derived)
direct.register(_FAMILY)


class _Rows(torch.autograd.Function):
    """Outputs of a program, `apply(program, *operands)`."""

    @staticmethod
    def forward(program: str, *operands: Tensor) -> tuple[Tensor, ...]:
        return tuple(rows(program, operands) if is_recorded(operands) else _run(program, operands))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:  # noqa: ARG004
        ctx.program, *operands = inputs
        ctx.save_for_backward(*operands)
        ctx.save_for_forward(*operands)
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        operands, needed = ctx.saved_tensors, ctx.needs_input_grad[1:]
        return None, *direct.gradients(_FAMILY, ctx.program, operands, cotangents, needed, run)

    @staticmethod
    def jvp(ctx: Any, _: None, *tangents: Tensor | None) -> tuple[Tensor, ...]:
        """Forward derivatives: the transpose of the gradient, which is linear in the cotangents."""
        operands, given = ctx.saved_tensors, [tangent for tangent in tangents if tangent is not None]
        wanted = " ".join(str(i) for i, tangent in enumerate(tangents) if tangent is not None)
        zeros = [operands[0].new_zeros((operands[0].shape[0], length)) for length in lengths(ctx.program)]
        cotangents = " ".join(str(len(operands) + k) for k in range(len(zeros)))
        return tuple(run(f"{ctx.program}|{wanted},|{cotangents},", [*operands, *zeros, *given]))

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], program: str, *operands: Tensor
    ) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        """Rows do not know of each other: a batch of them is more rows."""
        batched = [
            array.unsqueeze(0).expand(info.batch_size, *array.shape) if dim is None else array.movedim(dim, 0)
            for array, dim in zip(operands, in_dims[1:], strict=True)
        ]
        outputs = run(program, [array.flatten(0, 1) for array in batched])
        sizes = batched[0].shape[:2]
        return tuple(array.reshape(*sizes, -1) for array in outputs), (0,) * len(outputs)
