r"""Gates: nonlinearities that scale every channel by an invariant.

Of the activations, each is divided by the root of its second moment, so that normal features keep theirs.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from cartesian.nn.layers.blocks import from_blocks, to_blocks
from cartesian.nn.radial.activation import (
    Activation,
    Normalized,
    SiLU,
    activation_parity,
    second_moment,
)
from cartesian.ops.norms import squared_norms
from cartesian.spec import Irrep, Irreps


class Gate(nn.Module):
    r"""Scale every channel by an activated scalar of its own; scalars are activated themselves.

    $$T_c \mapsto \hat g(s_c)\, T_c, \qquad x \mapsto \hat f(x)$$

    The input holds, one after the other, the scalars of `out`, one gate `0e` for every other channel,
    and these channels themselves; `irreps` says so, for the linear layer before.

    Args:
        out: Irreps of the output.
        even: $f$ of `0e` channels; by default SiLU.
        odd: $f$ of `0o` channels, an odd function; by default the hyperbolic tangent.
        gate: $g$; by default SiLU.

    Attributes:
        irreps: Irreps of the input.

    Shape:
        `(..., irreps.dim)` to `(..., out.dim)`.

    Raises:
        ValueError: If the activation of pseudoscalars is not odd.

    Source:
        M. Weiler et al., NeurIPS 2018; the defaults are those of S. Batzner et al.,
        Nat. Commun. 13, 2453 (2022).

    Examples:
        >>> Gate("8x0e + 4x1o").irreps
        8x0e+4x0e+4x1o
    """

    def __init__(
        self,
        out: Irreps | str,
        even: Activation | None = None,
        odd: Activation | None = None,
        gate: Activation | None = None,
    ) -> None:
        super().__init__()
        self.out = Irreps(out)
        self.even = Normalized(SiLU() if even is None else even)
        self.odd = Normalized(nn.Tanh() if odd is None else odd)
        self.gate = Normalized(SiLU() if gate is None else gate)
        if activation_parity(self.odd) != -1:
            raise ValueError(f"pseudoscalars change sign under inversion, so {odd} must be an odd function")
        scalars = self.out.filter(lambda irrep: irrep.degree == 0)
        gated = self.out.filter(lambda irrep: irrep.degree > 0)
        gates = Irreps([(gated.channels, "0e")] if len(gated) else [])
        self.irreps = scalars + gates + gated

    def forward(self, features: Tensor) -> Tensor:
        """Apply the gates."""
        blocks = to_blocks(features, self.irreps)
        scalars = iter(blocks)
        activated = {
            k: (self.even if block.irrep.parity == 1 else self.odd)(next(scalars))
            for k, block in enumerate(self.out)
            if block.irrep.degree == 0
        }
        if len(activated) == len(self.out):
            return from_blocks(activated.values()) if activated else features
        gates, start = self.gate(next(scalars)), 0
        for k, block in enumerate(self.out):
            if k not in activated:
                activated[k] = gates[..., start : start + block.channels] * next(scalars)
                start += block.channels
        return from_blocks(activated[k] for k in range(len(self.out)))

    def extra_repr(self) -> str:
        """The irreps."""
        return f"{self.irreps} -> {self.out}"


class NormGate(nn.Module):
    r"""Scale every channel by a function of its own squared norm; scalars `0e` are activated themselves.

    $$T_c \mapsto g(w_c \lVert T_c \rVert^2 + b_c)\, T_c, \qquad x_c \mapsto f(x_c)$$

    The squared norm is a polynomial, so the gradient is defined everywhere. `g` may be `torch.sigmoid`
    (named "silu" in HotPP, its default), `torch.tanh` ("jilu"), `tanh_ratio` ("tanh") or `step` ("relu").

    Args:
        irreps: Irreps of the features.
        gate: $g$; by default the logistic function.
        even: $f$; by default SiLU.
        normalize: Whether $f$ and $T g$, at first with $w = 1$ and $b = 0$, are divided by the root of their
            second moment.

    Shape:
        `(..., irreps.dim)`, in and out.

    Source:
        Y. Wang et al., Nat. Commun. 15, 7607 (2024), without normalisation.
    """

    def __init__(
        self,
        irreps: Irreps | str,
        gate: Activation | None = None,
        even: Activation | None = None,
        normalize: bool = True,
    ) -> None:
        super().__init__()
        self.irreps = self.out = Irreps(irreps)
        self.gate = torch.sigmoid if gate is None else gate
        self.even = SiLU() if even is None else even
        self.factors = [
            _factor(block.irrep, self.gate, self.even) if normalize else 1.0 for block in self.irreps
        ]
        channels = self.irreps.channels - self.irreps.count("0e")
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, features: Tensor) -> Tensor:
        """Apply the gates."""
        gated, start = [], 0
        for block, kind, factor in zip(
            to_blocks(features, self.irreps), self.irreps, self.factors, strict=True
        ):
            if kind.irrep == Irrep(0, 1):
                gated.append(factor * self.even(block))
                continue
            own = slice(start, start + kind.channels)
            norms = squared_norms(block.flatten(-2), Irreps([kind]))
            gates = self.gate(self.weight[own] * norms + self.bias[own])
            gated.append(factor * gates[..., None, :] * block)
            start = own.stop
        return from_blocks(gated) if gated else features

    def extra_repr(self) -> str:
        """The irreps."""
        return str(self.irreps)


def _factor(irrep: Irrep, gate: Activation, even: Activation) -> float:
    if irrep == Irrep(0, 1):
        return second_moment(even) ** -0.5

    def gated_norm(norm: Tensor) -> Tensor:
        return gate(norm.square()) * norm

    return float(irrep.dim / second_moment(gated_norm, irrep.degree)) ** 0.5


def tanh_ratio(x: Tensor) -> Tensor:
    r"""The even function $\tanh(x) / x$, smooth at zero.

    >>> tanh_ratio(torch.tensor([0.0, 1.0]))
    tensor([1.0000, 0.7616])
    """
    # Derivatives of tanh(x)/x lose digits like 1/x²; below 0.03 the next term of the series is 10⁻¹⁷.
    is_small = x.abs() < 0.03
    square = torch.where(is_small, x, 0.0).square()
    series = 1 - square * (1 / 3 - square * (2 / 15 - square * (17 / 315 - square * (62 / 2835))))
    regular = torch.where(is_small, 1.0, x)
    return torch.where(is_small, series, regular.tanh() / regular)


def step(x: Tensor) -> Tensor:
    """One where `x > 0`, zero elsewhere; its derivative is zero, so what it decides is not trained.

    >>> step(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 1.])
    """
    return (x > 0).to(x.dtype)


GateMaker = Callable[[Irreps], Gate | NormGate]
