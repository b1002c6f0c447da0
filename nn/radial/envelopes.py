r"""Envelopes: functions that fall from one at the centre to zero at the cutoff, and stay there.

Whatever is multiplied by an envelope appears and disappears smoothly as neighbours cross the cutoff.
All take lengths `(...)` in Å and are finite everywhere with all derivatives.
"""

from math import pi
from typing import Any

import torch
from torch import Tensor, nn

from cartesian.kernels.direct import apply, is_transformed


class Envelope(nn.Module):
    """What all envelopes have in common.

    Args:
        cutoff: Where it reaches zero, in Å.

    Raises:
        ValueError: If the cutoff is not positive.
    """

    def __init__(self, cutoff: float) -> None:
        super().__init__()
        if not cutoff > 0:
            raise ValueError(f"a cutoff is a positive length in Å, not {cutoff!r}")
        self.cutoff = float(cutoff)

    def extra_repr(self) -> str:
        """The cutoff."""
        return f"cutoff={self.cutoff}"


class PolynomialEnvelope(Envelope):
    r"""The polynomial with a threefold zero at the cutoff that is flat to order $p$ at the centre.

    $$u(x) = 1 - \tfrac{(p+1)(p+2)}{2} x^p + p(p+2) x^{p+1} - \tfrac{p(p+1)}{2} x^{p+2}
           = (1 - x)^3 \sum_{k<p} \tbinom{k+2}{2} x^k, \qquad x = d / r_c$$

    Value, slope and curvature vanish at the cutoff. We evaluate the second form: its terms are all
    positive, so no digits cancel. The slope is one product,

    $$u'(x) = -\tfrac{p(p+1)(p+2)}{2} x^{p-1} (1 - x)^2$$

    Args:
        cutoff: $r_c$, in Å.
        power: $p$.

    Source:
        J. Gasteiger, J. Groß, S. Günnemann, ICLR 2020, Eq. (8).

    Examples:
        >>> PolynomialEnvelope(2.0, power=2)(torch.tensor([0.0, 1.0, 2.0, 3.0]))
        tensor([1.0000, 0.3125, 0.0000, 0.0000])
    """

    def __init__(self, cutoff: float, power: int = 6) -> None:
        super().__init__(cutoff)
        if isinstance(power, bool) or not isinstance(power, int) or power < 1:
            raise ValueError(f"the power of an envelope is an integer >= 1, not {power!r}")
        self.power = power

    def forward(self, lengths: Tensor) -> Tensor:
        """Values at `lengths`."""
        x = (lengths / self.cutoff).clamp(max=1.0)
        # Compiled code has kernels of its own, and transformed functions differentiate what they see.
        if torch.compiler.is_compiling() or is_transformed() or not x.requires_grad:
            return _polynomial(x, self.power)
        return apply(_Polynomial, x, self.power)

    def extra_repr(self) -> str:
        """Cutoff and power."""
        return f"{super().extra_repr()}, power={self.power}"


def _polynomial(x: Tensor, power: int) -> Tensor:
    total = torch.full_like(x, power * (power + 1) / 2)
    for k in reversed(range(1, power)):
        total = total * x + k * (k + 1) / 2
    return (1 - x) ** 3 * total


class _Polynomial(torch.autograd.Function):
    """$u(x)$, with the slope as one formula, which losses of forces differentiate again."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, power: int) -> Tensor:
        return _polynomial(x, power)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, int], output: Tensor) -> None:  # noqa: ARG004
        x, ctx.power = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (x,), p = ctx.saved_tensors, ctx.power
        slope = x ** (p - 1) * (1 - x).square()
        return gradient * slope * (-p * (p + 1) * (p + 2) / 2), None


class CosineEnvelope(Envelope):
    r"""Half a period of a cosine, $(1 + \cos \pi d / r_c) / 2$.

    Value and slope vanish at the cutoff, the curvature jumps there: forces are continuous, their
    derivatives are not.

    Source:
        J. Behler, M. Parrinello, Phys. Rev. Lett. 98, 146401 (2007), Eq. (3).

    Examples:
        >>> CosineEnvelope(2.0)(torch.tensor([0.0, 1.0, 2.0, 3.0]))
        tensor([1.0000, 0.5000, 0.0000, 0.0000])
    """

    def forward(self, lengths: Tensor) -> Tensor:
        """Values at `lengths`."""
        return 0.5 * (1 + torch.cos((lengths / self.cutoff).clamp(max=1.0) * pi))


class CosineSquaredEnvelope(CosineEnvelope):
    r"""The square $((1 + \cos \pi d / r_c) / 2)^2$; the first three derivatives vanish at the cutoff.

    Source:
        Y. Zhang, C. Hu, B. Jiang, J. Phys. Chem. Lett. 10, 4962 (2019).

    Examples:
        >>> CosineSquaredEnvelope(2.0)(torch.tensor([0.0, 1.0, 2.0]))
        tensor([1.0000, 0.2500, 0.0000])
    """

    def forward(self, lengths: Tensor) -> Tensor:
        """Values at `lengths`."""
        return super().forward(lengths).square()


class FlatCosineEnvelope(Envelope):
    r"""One up to `start`, half a period of a cosine from there to the cutoff.

    Args:
        cutoff: Where it reaches zero, in Å.
        start: Where it begins to fall, in Å.

    Raises:
        ValueError: If it does not start between zero and the cutoff.

    Examples:
        >>> FlatCosineEnvelope(3.0, start=1.0)(torch.tensor([0.5, 1.0, 2.0, 3.0]))
        tensor([1.0000, 1.0000, 0.5000, 0.0000])
    """

    def __init__(self, cutoff: float, start: float) -> None:
        super().__init__(cutoff)
        if not 0 <= start < cutoff:
            raise ValueError(
                f"an envelope starts to fall between 0 and the cutoff {cutoff} Å, not at {start}"
            )
        self.start = float(start)

    def forward(self, lengths: Tensor) -> Tensor:
        """Values at `lengths`."""
        x = (lengths - self.start) / (self.cutoff - self.start)
        return 0.5 * (1 + torch.cos(x.clamp(0.0, 1.0) * pi))

    def extra_repr(self) -> str:
        """Cutoff and start."""
        return f"{super().extra_repr()}, start={self.start}"
