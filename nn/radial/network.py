"""Radial networks: from the length of an edge to the weights of the paths of a convolution."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cartesian.nn.radial.activation import Activation
from cartesian.nn.radial.bases import Basis, Bessel
from cartesian.nn.radial.envelopes import Envelope, PolynomialEnvelope
from cartesian.nn.radial.perceptron import Perceptron


class RadialNetwork(nn.Module):
    r"""A perceptron of a radial basis, times an envelope.

    $$w(d) = u(d)\, N(B(d)), \qquad \text{or } w(d) = N(u(d)\, B(d)) \text{ with the envelope first}$$

    With the envelope last every weight vanishes at the cutoff as smoothly as the envelope, whatever the
    network. With the envelope first, the published form of several models, this needs a network without
    biases, whose activation is zero at zero; with biases neighbours come and go with a jump.

    Args:
        basis: $B$; its `count` is the number of functions.
        envelope: $u$.
        outputs: Number of weights.
        hidden: Widths of the hidden layers.
        extra: Number of further invariant inputs of each edge, beside the basis.
        activation: By default SiLU; normalised in any case.
        bias: Whether the perceptron has biases.
        activate_last: Whether its outputs are activated.
        envelope_first: Whether the envelope multiplies the basis instead of the weights.

    Shape:
        Lengths `(edges,)` to weights `(edges, outputs)`; their second moment is about one where the
        basis and the envelope are of order one.

    Raises:
        ValueError: If further inputs would not vanish at the cutoff.

    Examples:
        >>> network = RadialNetwork(Bessel(8, 5.0), PolynomialEnvelope(5.0), outputs=3)
        >>> network(torch.tensor([4.0, 5.0, 6.0]))[1:].abs()
        tensor([[0., 0., 0.], [0., 0., 0.]], grad_fn=<AbsBackward0>)
    """

    basis_readers = ("perceptron.weights.0",)
    """Names of the parameters that multiply radial functions."""

    def __init__(
        self,
        basis: Basis,
        envelope: Envelope,
        outputs: int,
        hidden: Sequence[int] = (64, 64, 64),
        *,
        extra: int = 0,
        activation: Activation | None = None,
        bias: bool = False,
        activate_last: bool = False,
        envelope_first: bool = False,
    ) -> None:
        super().__init__()
        if extra and envelope_first:
            raise ValueError(
                f"{extra} further inputs do not vanish at the cutoff, so neither do the weights: "
                "put the envelope last"
            )
        self.basis, self.envelope, self.envelope_first = basis, envelope, envelope_first
        inputs = basis.count + extra
        self.perceptron = Perceptron([inputs, *hidden, outputs], activation, bias, activate_last)

    def forward(self, lengths: Tensor, extra: Tensor | None = None) -> Tensor:
        """Weights of edges of these lengths, `(edges, outputs)`; `extra` is `(edges, extra)`."""
        features, envelope = self.basis(lengths), self.envelope(lengths)[:, None]
        if self.envelope_first:
            return self.perceptron(features * envelope)
        if extra is not None:
            features = torch.cat([features, extra], dim=-1)
        return self.perceptron(features) * envelope


class Radial:
    """What a radial network is made of, before it is known how many weights are wanted.

    A basis with trainable parameters is shared by all networks made from one description.

    Args:
        count: Number of basis functions, if no basis is given.
        cutoff: In Å.
        basis: By default `Bessel(count, cutoff)`.
        envelope: By default `PolynomialEnvelope(cutoff)`.
        hidden: Widths of the hidden layers.
        options: Further arguments of `RadialNetwork`.

    Examples:
        >>> Radial(8, cutoff=5.0).network(outputs=32)(torch.ones(1)).shape
        torch.Size([1, 32])
    """

    def __init__(
        self,
        count: int = 8,
        cutoff: float = 5.0,
        *,
        basis: Basis | None = None,
        envelope: Envelope | None = None,
        hidden: Sequence[int] = (64, 64, 64),
        **options: bool | int | Activation | None,
    ) -> None:
        self.cutoff = float(cutoff)
        self.basis = Bessel(count, cutoff) if basis is None else basis
        self.envelope = PolynomialEnvelope(cutoff) if envelope is None else envelope
        self.hidden, self.options = tuple(hidden), options

    def network(self, outputs: int, **options: bool | int | Activation | None) -> RadialNetwork:
        """A network with this many outputs and new weights; `options` go before those of the description."""
        arguments = {**self.options, **options}
        return RadialNetwork(self.basis, self.envelope, outputs, self.hidden, **arguments)  # type: ignore[arg-type]
