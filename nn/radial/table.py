"""Radial functions as linear combinations of a basis, with coefficients of each species."""

import torch
from torch import Tensor, nn

from cartesian.nn.radial.bases import Basis
from cartesian.nn.radial.envelopes import Envelope


class RadialTable(nn.Module):
    r"""A table of radial functions for each species, without a network.

    $$w_{ji,k} = u(d_{ji}) \frac{1}{\sqrt{N}} \sum_{n=1}^N T_{z_j nk}\, B_n(d_{ji})$$

    Args:
        basis: $B$, of $N$ functions.
        envelope: $u$.
        outputs: Number of weights $k$.
        species: Number of species.

    Shape:
        Lengths `(edges,)` and the species of the senders `(edges,)` to weights `(edges, outputs)`.

    Examples:
        >>> from cartesian.nn.radial import Bessel, PolynomialEnvelope
        >>> table = RadialTable(Bessel(8, 5.0), PolynomialEnvelope(5.0), outputs=3, species=2)
        >>> table(torch.ones(4), torch.tensor([0, 1, 1, 0])).shape
        torch.Size([4, 3])
    """

    def __init__(self, basis: Basis, envelope: Envelope, outputs: int, species: int) -> None:
        super().__init__()
        self.basis, self.envelope, self.species = basis, envelope, species
        self.weight = nn.Parameter(torch.randn(species, basis.count, outputs))

    def forward(self, lengths: Tensor, species: Tensor) -> Tensor:
        """Weights of edges of these lengths from senders of these species."""
        functions = self.basis(lengths) * (self.envelope(lengths) * self.basis.count**-0.5)[:, None]
        # One product for all species; an edge has zeros where the functions of others would stand.
        own = species[:, None] == torch.arange(self.species, device=species.device)
        return (own[:, :, None] * functions[:, None]).flatten(1) @ self.weight.flatten(0, 1)

    def extra_repr(self) -> str:
        """Numbers of species, functions and weights."""
        return "{} x {} -> {}".format(*self.weight.shape)
