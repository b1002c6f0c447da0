r"""Activations that keep the second moment of normal numbers.

With weights of variance 1/fan-in a layer keeps $\langle x^2 \rangle = 1$, if its activation $f$ does:
we divide by $\sqrt{\langle f(x)^2 \rangle}$, $x \sim N(0, 1)$. For SiLU that is a factor of 1.6765.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from cartesian.kernels.direct import apply

Activation = Callable[[Tensor], Tensor]


class SiLU(nn.SiLU):
    r"""The function $x / (1 + e^{-x})$, as torch's; its second derivative is one formula.

    Losses of forces differentiate it twice on every edge, which torch does in three times as many steps.

    >>> SiLU()(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.2689,  0.0000,  0.7311])
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002, as in torch
        """Apply it element by element."""
        # Compiled code has kernels of its own.
        if torch.compiler.is_compiling() or not input.requires_grad:
            return nn.functional.silu(input)
        return apply(_SiLU, input)


class _SiLU(torch.autograd.Function):
    """$f(x)$."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return nn.functional.silu(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return apply(_Slope, x, gradient)


class _Slope(torch.autograd.Function):
    """$f'(x) y$."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, y: Tensor) -> Tensor:
        return torch.ops.aten.silu_backward(y, x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors
        s = torch.sigmoid(x)
        curvature = torch.addcmul(s, s, s, value=-1) * torch.addcmul(x + 2, x, s, value=-2)
        slope = apply(_Slope, x, gradient)
        return curvature * (gradient * y), slope


class Normalized(nn.Module):
    r"""An activation divided by the root of its second moment under $N(0, 1)$.

    $$x \mapsto f(x) / \sqrt{\langle f^2 \rangle}$$

    Args:
        activation: Any function applied element by element.

    Examples:
        >>> round(Normalized(nn.SiLU()).factor, 4)
        1.6765
    """

    def __init__(self, activation: Activation) -> None:
        super().__init__()
        self.activation = activation
        self.factor = second_moment(activation) ** -0.5

    def forward(self, features: Tensor) -> Tensor:
        """Apply it element by element."""
        return self.factor * self.activation(features)

    def extra_repr(self) -> str:
        """The factor."""
        return f"factor={self.factor:.6g}"


def second_moment(activation: Activation, degree: int = 0) -> float:
    r"""The mean $\langle f(r)^2 \rangle$ where $r$ is a normal number or the norm of a normal tensor.

    Args:
        activation: $f$, called with float64 numbers.
        degree: With $\ell > 0$, $r \ge 0$ is the norm of $2\ell + 1$ normal numbers.

    Raises:
        ValueError: If $f$ vanishes everywhere or is not finite.

    Examples:
        >>> second_moment(lambda r: r, degree=1)
        3.0
    """
    # The trapezoidal rule on a function that decays like exp(-r²/2) converges faster than any power of
    # the step; a kink at zero, as of ReLU, lies on a node.
    bound, nodes = 13.0, 2**14
    start = 0.0 if degree else -bound
    r = torch.linspace(start, bound, nodes + 1, dtype=torch.float64, device="cpu")
    density = torch.exp(-0.5 * r.square()) * r.pow(2 * degree)
    with torch.no_grad():
        moment = float((activation(r).square() * density).sum() / density.sum())
    if not 0 < moment < float("inf"):
        raise ValueError(f"{activation} has the second moment {moment}: it cannot be normalised")
    return moment


def activation_parity(activation: Activation) -> int | None:
    """Whether an activation is even (+1), odd (-1) or neither (`None`), judged at many points.

    >>> activation_parity(torch.tanh), activation_parity(torch.abs), activation_parity(nn.SiLU())
    (-1, 1, None)
    """
    x = torch.linspace(0.01, 5, 199, dtype=torch.float64)
    with torch.no_grad():
        right, left = activation(x), activation(-x)
    for parity in (1, -1):
        if torch.allclose(left, parity * right, rtol=0, atol=1e-12):
            return parity
    return None
