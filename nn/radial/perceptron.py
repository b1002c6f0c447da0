"""Perceptrons of scalars, normalised so that every layer keeps the second moment of its input."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from cartesian.nn.radial.activation import Activation, Normalized, SiLU


class Perceptron(nn.Module):
    r"""Linear maps with activations between them.

    $$x \mapsto W_n\, \hat f( \dots \hat f(W_1 x + b_1) \dots ) + b_n, \qquad
      W_k = \tilde W_k / \sqrt{\text{fan-in}}$$

    The parameters $\tilde W$ start from $N(0, 1)$, the biases from zero; $\hat f$ has second moment one.

    Args:
        widths: Number of inputs, of every hidden layer, and of outputs.
        activation: $f$ before normalisation; by default SiLU.
        bias: Whether there are biases.
        activate_last: Whether the outputs are activated too.

    Shape:
        `(..., widths[0])` to `(..., widths[-1])`.

    Raises:
        ValueError: If there are fewer than two widths, or one is not positive.

    Examples:
        >>> sum(p.numel() for p in Perceptron([8, 64, 64, 3]).parameters())
        4800
    """

    def __init__(
        self,
        widths: Sequence[int],
        activation: Activation | None = None,
        bias: bool = False,
        activate_last: bool = False,
    ) -> None:
        super().__init__()
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError(
                f"a perceptron has at least two positive widths, inputs first, not {list(widths)}"
            )
        self.widths = tuple(widths)
        self.activation = Normalized(SiLU() if activation is None else activation)
        self.activate_last = activate_last
        pairs = list(pairwise(widths))
        self.weights = nn.ParameterList(torch.randn(fan_in, out) for fan_in, out in pairs)
        self.biases = nn.ParameterList(torch.zeros(out) for _, out in pairs if bias)

    def forward(self, features: Tensor) -> Tensor:
        """Apply it to the last axis."""
        factor = 1.0
        for k, weight in enumerate(self.weights):
            features = features @ (weight * (factor * len(weight) ** -0.5))
            if self.biases:
                features = features + self.biases[k]
            if k < len(self.weights) - 1:
                # The factor of the activation goes into the next weights, which are fewer.
                features, factor = self.activation.activation(features), self.activation.factor
        return self.activation(features) if self.activate_last else features

    def extra_repr(self) -> str:
        """The widths."""
        return " -> ".join(map(str, self.widths))
