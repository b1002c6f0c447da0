"""Who else looks at torch tensors while a function runs on them."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual
from torch.nn import Parameter


def is_recorded(operands: Sequence[Tensor]) -> bool:
    """Whether somebody other than autograd wants to see which operators are called: a compiler, an export."""
    return (
        torch.compiler.is_compiling()
        or torch._C._len_torch_dispatch_stack() > 0
        or torch._C._get_tracing_state() is not None
        or any(type(array) not in (Tensor, Parameter) for array in operands)
    )


@contextmanager
def recorded() -> Iterator[None]:
    """Code runs as compiled code does, without checks of values: `make_fx` by itself does not say so."""
    # An optimised order of contractions would be one for the sizes of the example.
    with (
        patch("torch.compiler.is_compiling", return_value=True),
        torch.backends.opt_einsum.flags(enabled=False),
    ):
        yield


def without_kernels() -> AbstractContextManager[Any]:
    """What generated C does on the CPU is done by operations of torch."""
    return patch("cartesian.kernels.native.supports", return_value=False)


def is_differentiated(operands: Sequence[Tensor]) -> bool:
    """Whether derivatives are wanted, backwards or forwards, or functions of tensors are transformed."""
    return torch._C._are_functorch_transforms_active() or any(
        (array.requires_grad and torch.is_grad_enabled()) or _tangent(array) is not None for array in operands
    )


def _tangent(array: Tensor) -> Tensor | None:
    tangent: Tensor | None = unpack_dual(array).tangent  # type: ignore[no-untyped-call]
    return tangent
