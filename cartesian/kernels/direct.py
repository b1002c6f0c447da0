"""Operators whose derivative is the same operator on another text, and the short way to them.

An operator of torch that is written in Python takes 100 microseconds to call, as long as a convolution over
a thousand edges. Only graphs that are compiled or exported need it, and transformed functions; everybody
else is served by one autograd function.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.library import CustomOpDef  # type: ignore[attr-defined]

from cartesian.kernels.watched import is_recorded


class Family(NamedTuple):
    """Functions by text, closed under differentiation.

    Attributes:
        compute: Outputs from text, operands, and arguments that are not differentiated.
        operator: The same as an operator of torch. Of what follows the operands, the first is a list of
            tensors, and the others are numbers.
        derive: The text of gradients, from that of a function, the numbers of the operands wanted, and the
            numbers of the outputs without a cotangent; it takes the operands and the cotangents there are.
    """

    compute: Callable[..., Sequence[Tensor]]
    operator: CustomOpDef
    derive: Callable[[str, tuple[int, ...], tuple[int, ...]], str]


def run(family: Family, text: str, operands: Sequence[Tensor], fixed: tuple[Any, ...] = ()) -> list[Tensor]:
    """Outputs of a function on torch tensors, differentiable to any order."""
    if is_recorded(operands) or is_transformed():
        return list(family.operator(text, list(operands), *fixed))
    if torch.is_grad_enabled() and any(array.requires_grad for array in operands):
        return list(apply(_Direct, family, text, fixed, *operands))
    return list(family.compute(text, operands, *fixed))


def register(family: Family) -> None:
    """Give the operator of a family its derivative."""

    def setup(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:  # noqa: ARG001
        ctx.text, operands, *fixed = inputs
        lists, ctx.numbers = [operands, *fixed[:1]], fixed[1:]
        ctx.counts = [len(arrays) for arrays in lists]
        ctx.save_for_backward(*chain(*lists))
        ctx.set_materialize_grads(False)

    def backward(ctx: Any, cotangents: list[Tensor | None]) -> tuple[Any, ...]:
        saved = iter(ctx.saved_tensors)
        operands, *indices = ([next(saved) for _ in range(count)] for count in ctx.counts)

        def call(text: str, given: list[Tensor]) -> Sequence[Tensor]:
            outputs: Sequence[Tensor] = family.operator(text, given, *indices, *ctx.numbers)
            return outputs

        found = gradients(family, ctx.text, operands, cotangents, ctx.needs_input_grad[1], call)
        return None, found, *([None] * len(arrays) for arrays in indices), *(None for _ in ctx.numbers)

    family.operator.register_autograd(backward, setup_context=setup)


def is_transformed() -> bool:
    """Whether functions of tensors are transformed, or differentiated forwards."""
    return torch._C._are_functorch_transforms_active() or torch.autograd.forward_ad._current_level >= 0


def apply(function: type[torch.autograd.Function], *arguments: Any) -> Any:
    """`function.apply`, which without transforms need not read signatures: that takes 30 microseconds."""
    if torch._C._are_functorch_transforms_active():
        return function.apply(*arguments)  # type: ignore[no-untyped-call]
    return super(torch.autograd.Function, function).apply(*arguments)  # type: ignore[misc]


def gradients(
    family: Family,
    text: str,
    operands: Sequence[Tensor],
    cotangents: Sequence[Tensor | None],
    needed: Sequence[bool],
    call: Callable[[str, list[Tensor]], Sequence[Tensor]],
) -> list[Tensor | None]:
    """Gradients with respect to the operands that need one; `call` runs a function of the family."""
    wanted = tuple(i for i in range(len(operands)) if needed[i])
    absent = tuple(k for k, cotangent in enumerate(cotangents) if cotangent is None)
    found: list[Tensor | None] = [None] * len(operands)
    if wanted and len(absent) < len(cotangents):
        given = [array for array in (*operands, *cotangents) if array is not None]
        for i, gradient in zip(wanted, call(family.derive(text, wanted, absent), given), strict=True):
            found[i] = gradient
    return found


def derived(text: str, wanted: tuple[int, ...], absent: tuple[int, ...]) -> str:
    """The text of gradients of straight-line programs: the numbers are written behind."""
    return f"{text}|{' '.join(map(str, wanted))},{' '.join(map(str, absent))}"


class _Direct(torch.autograd.Function):
    """`apply(family, text, fixed, *operands)`."""

    @staticmethod
    def forward(
        ctx: Any, family: Family, text: str, fixed: tuple[Any, ...], *operands: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.family, ctx.text, ctx.fixed = family, text, fixed
        ctx.save_for_backward(*operands)
        ctx.set_materialize_grads(False)
        return tuple(family.compute(text, operands, *fixed))

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Any, ...]:
        def call(text: str, given: list[Tensor]) -> Sequence[Tensor]:
            return run(ctx.family, text, given, ctx.fixed)

        operands, needed = ctx.saved_tensors, ctx.needs_input_grad[3:]
        return None, None, None, *gradients(ctx.family, ctx.text, operands, cotangents, needed, call)
