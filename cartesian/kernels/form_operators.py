"""Forms with shared weights in torch: the operator `cartesian::form`, and an autograd function.

The operator is for graphs that are compiled or exported; calling it takes as long as a small matrix
product, which the function does without.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from cartesian.kernels.direct import apply
from cartesian.kernels.form_values import evaluate, lengths, parse
from cartesian.kernels.groups import Groups
from cartesian.kernels.watched import is_differentiated, is_recorded, without_kernels
from cartesian.programs.mixing import LinearMap


def run(text: str, operands: Sequence[Tensor], omitted: int, groups: Groups | None = None) -> Tensor:
    """The form of a text on all legs but one."""
    if is_recorded(operands):
        return form(text, list(operands), omitted, list(groups or ()))
    if is_differentiated(operands):
        result: Tensor = apply(_Form, text, omitted, groups, *operands)
        return result
    return evaluate(text, operands, omitted, groups)


@torch.library.custom_op("cartesian::form", mutates_args=())
def form(text: str, operands: Sequence[Tensor], omitted: int, groups: Sequence[Tensor]) -> Tensor:
    """The form of a text on all legs but one, operands in the order of the others; weights are leg 0."""
    return evaluate(text, operands, omitted, Groups(*groups) if groups else None)


def products(text: str, operands: Sequence[Tensor], omitted: int, groups: Sequence[Tensor]) -> Any:
    """`form` as matrix products of torch: for few rows they cost less than calling an operator in Python.

    For linear maps without groups; else `NotImplemented`, with which the operator stays.
    """
    if groups or not isinstance(parse(text)[0], LinearMap):
        return NotImplemented
    with without_kernels():
        return evaluate(text, operands, omitted)


@form.register_fake
def _(text: str, operands: Sequence[Tensor], omitted: int, groups: Sequence[Tensor]) -> Tensor:
    size = lengths(text)[omitted]
    rows = [operands[-1].shape[0]] if omitted else [groups[1].shape[0] - 1] if groups else []
    return operands[0].new_empty([*rows, size])


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


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001
    ctx.text, operands, ctx.omitted, groups = inputs
    ctx.count = len(operands)
    ctx.save_for_backward(*operands, *groups)


def _backward(ctx: Any, cotangent: Tensor) -> tuple[Any, ...]:
    saved = list(ctx.saved_tensors)
    operands, groups = saved[: ctx.count], saved[ctx.count :]

    def way(text: str, given: list[Tensor], omitted: int) -> Tensor:
        return form(text, given, omitted, groups)

    gradients = [
        _gradient(way, ctx.text, operands, ctx.omitted, k, cotangent) if wanted else None
        for k, wanted in enumerate(ctx.needs_input_grad[1])
    ]
    return None, gradients, None, [None] * len(groups)


form.register_autograd(_backward, setup_context=_setup)


class _Form(torch.autograd.Function):
    """`apply(text, omitted, groups, *operands)`."""

    @staticmethod
    def forward(text: str, omitted: int, groups: Groups | None, *operands: Tensor) -> Tensor:
        if is_recorded(operands):
            return form(text, operands, omitted, list(groups or ()))
        return evaluate(text, operands, omitted, groups)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG004
        ctx.text, ctx.omitted, ctx.groups, *operands = inputs
        ctx.save_for_backward(*operands)
        ctx.save_for_forward(*operands)
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor | None) -> tuple[Tensor | None, ...]:
        operands, way = ctx.saved_tensors, partial(run, groups=ctx.groups)
        gradients = [
            _gradient(way, ctx.text, operands, ctx.omitted, k, cotangent) if wanted else None
            for k, wanted in enumerate(ctx.needs_input_grad[3:])
            if cotangent is not None
        ]
        return None, None, None, *(gradients or [None] * len(operands))

    @staticmethod
    def jvp(ctx: Any, _: None, __: None, ___: None, *tangents: Tensor | None) -> Tensor:
        """One operand after the other is replaced by its tangent."""
        operands = ctx.saved_tensors
        return torch.stack(
            [
                run(ctx.text, [*operands[:k], tangent, *operands[k + 1 :]], ctx.omitted, ctx.groups)
                for k, tangent in enumerate(tangents)
                if tangent is not None
            ]
        ).sum(0)

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[Any, ...],
        text: str,
        omitted: int,
        groups: Groups | None,
        *operands: Tensor,
    ) -> tuple[Tensor, int]:
        """One call each, since weights may differ."""
        results = [
            run(
                text,
                [
                    x if dim is None else x.select(dim, k)
                    for x, dim in zip(operands, in_dims[3:], strict=True)
                ],
                omitted,
                groups,
            )
            for k in range(info.batch_size)
        ]
        return torch.stack(results), 0
