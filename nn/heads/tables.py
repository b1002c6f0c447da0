"""Numbers that keep their digits: float64 whatever the dtype of the module that holds them."""

from collections.abc import Callable
from typing import Any, Self

from torch import Tensor, nn


class Tables(nn.Module):
    """A module whose floating-point buffers stay in float64; they follow it to other devices.

    Examples:
        >>> import torch
        >>> tables = Tables()
        >>> tables.register_buffer("third", torch.tensor(1 / 3, dtype=torch.float64))
        >>> float(tables.float().double().third)
        0.3333333333333333
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        before: dict[str, Any] = dict(self._buffers)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, buffer in before.items():
            moved = self._buffers[name]
            if buffer is not None and moved is not None and moved.is_floating_point():
                # A module that leaves the meta device gets its numbers from a state dict.
                kept = moved.double() if buffer.is_meta else buffer.to(moved.device)
                self._buffers[name] = kept
        return self
