"""Forms with shared weights in torch: the operator `cartesian::form`, and an autograd function.

The operator is for graphs that are compiled or exported; calling it takes as long as a small matrix
product, which the function does without.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from cartesian.kernels.form_values import evaluate, lengths
from cartesian.kernels.watched import is_differentiated, is_recorded


def run(text: str, operands: Sequence[Tensor], omitted: int) -> Tensor:
    """The form of a text on all legs but one."""
    if is_recorded(operands):
        return form(text, list(operands), omitted)
    if is_differentiated(operands):
        result: Tensor = _Form.apply(text, omitted, *operands)  # type: ignore[no-untyped-call]
        return result
    return evaluate(text, operands, omitted)


@torch.library.custom_op("cartesian::form", mutates_args=())
def form(text: str, operands: Sequence[Tensor], omitted: int) -> Tensor:
    """The form of a text on all legs but one, operands in the order of the others; weights are leg 0."""
    return evaluate(text, operands, omitted)


@form.register_fake
def _(text: str, operands: Sequence[Tensor], omitted: int) -> Tensor:
    size = lengths(text)[omitted]
    return operands[0].new_empty((operands[-1].shape[0], size) if omitted else (size,))


def _gradient(
    way: Any, text: str, operands: Sequence[Tensor], omitted: int, number: int, cotangent: Tensor
) -> Tensor:
    """With respect to one operand: the cotangent stands on the leg that was left out."""
    legs: list[Tensor | None] = list(operands)
    legs.insert(omitted, cotangent)
    leg = number + (number >= omitted)
    legs[leg] = None
    result: Tensor = way(text, [array for array in legs if array is not None], leg)
    return result


def _setup(ctx: Any, inputs: tuple[str, Sequence[Tensor], int], output: Tensor) -> None:  # noqa: ARG001
    ctx.text, operands, ctx.omitted = inputs
    ctx.save_for_backward(*operands)


def _backward(ctx: Any, cotangent: Tensor) -> tuple[None, list[Tensor | None], None]:
    operands = ctx.saved_tensors
    gradients = [
        _gradient(form, ctx.text, operands, ctx.omitted, k, cotangent) if wanted else None
        for k, wanted in enumerate(ctx.needs_input_grad[1])
    ]
    return None, gradients, None


form.register_autograd(_backward, setup_context=_setup)


class _Form(torch.autograd.Function):
    """`apply(text, omitted, *operands)`."""

    @staticmethod
    def forward(text: str, omitted: int, *operands: Tensor) -> Tensor:
        return form(text, operands, omitted) if is_recorded(operands) else evaluate(text, operands, omitted)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG004
        ctx.text, ctx.omitted, *operands = inputs
        ctx.save_for_backward(*operands)
        ctx.save_for_forward(*operands)
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor | None) -> tuple[Tensor | None, ...]:
        operands = ctx.saved_tensors
        gradients = [
            _gradient(run, ctx.text, operands, ctx.omitted, k, cotangent) if wanted else None
            for k, wanted in enumerate(ctx.needs_input_grad[2:])
            if cotangent is not None
        ]
        return None, None, *(gradients or [None] * len(operands))

    @staticmethod
    def jvp(ctx: Any, _: None, __: None, *tangents: Tensor | None) -> Tensor:
        """One operand after the other is replaced by its tangent."""
        operands = ctx.saved_tensors
        return torch.stack(
            [
                run(ctx.text, [*operands[:k], tangent, *operands[k + 1 :]], ctx.omitted)
                for k, tangent in enumerate(tangents)
                if tangent is not None
            ]
        ).sum(0)

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], text: str, omitted: int, *operands: Tensor
    ) -> tuple[Tensor, int]:
        """One call each, since weights may differ."""
        results = [
            run(
                text,
                [
                    x if dim is None else x.select(dim, k)
                    for x, dim in zip(operands, in_dims[2:], strict=True)
                ],
                omitted,
            )
            for k in range(info.batch_size)
        ]
        return torch.stack(results), 0
