"""Filters: functions of the distance with biases, that vanish at the cutoff nevertheless."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cartesian.nn.radial.bases import Basis
from cartesian.nn.radial.envelopes import Envelope
from cartesian.nn.radial.perceptron import Perceptron


class RadialFilters(nn.Module):
    r"""A perceptron of a radial basis with biases, and a linear map of its outputs.

    $$f(d) = u(d)\, \bigl( W N(B(d)) + b \bigr), \qquad \text{or } f(d) = W N(u(d)\, B(d)) + b$$

    with the envelope first: then biases keep the filters from vanishing at the cutoff. $N$ ends with a linear
    map too, so both are multiplied with each other before they are applied.

    Args:
        basis: $B$; its `count` is the number of functions.
        envelope: $u$.
        outputs: Number of filters.
        hidden: Widths of the layers of $N$; the last has no activation.
        envelope_first: Whether the envelope multiplies the basis instead of the filters.

    Shape:
        Lengths `(edges,)` to filters `(edges, outputs)`.

    Source:
        Y. Wang et al., Nat. Commun. 15, 7607 (2024), with the envelope first.
    """

    def __init__(
        self,
        basis: Basis,
        envelope: Envelope,
        outputs: int,
        hidden: Sequence[int] = (64, 64, 64),
        envelope_first: bool = False,
    ) -> None:
        super().__init__()
        self.basis, self.envelope, self.envelope_first = basis, envelope, envelope_first
        *inner, before, last = basis.count, *hidden
        self.inner = Perceptron([*inner, before], bias=True, activate_last=True) if inner else nn.Identity()
        self.last = Perceptron([before, last], bias=True)
        self.filters = Perceptron([last, outputs], bias=True)

    @property
    def basis_readers(self) -> tuple[str, ...]:
        """Names of the parameters that multiply radial functions."""
        return ("inner.weights.0" if isinstance(self.inner, Perceptron) else "last.weights.0",)

    def forward(self, lengths: Tensor) -> Tensor:
        """Filters of edges of these lengths."""
        features, envelope = self.basis(lengths), self.envelope(lengths)[:, None]
        features = self.inner(features * envelope if self.envelope_first else features)
        matrix, bias = self._affine()
        if self.envelope_first:
            return torch.addmm(bias, features, matrix)
        scaled = torch.cat([features * envelope, envelope], dim=1)
        return scaled @ torch.cat([matrix, bias[None]])

    def _affine(self) -> tuple[Tensor, Tensor]:
        """The last two linear maps as one."""
        (first,), (second,) = self.last.weights, self.filters.weights
        second = second * len(second) ** -0.5
        return first @ second * len(first) ** -0.5, self.last.biases[0] @ second + self.filters.biases[0]
