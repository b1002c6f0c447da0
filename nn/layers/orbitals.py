r"""Orbitals: powers of the edge vectors times functions of the distance, and densities of them.

A power $r^{\otimes n}$ is symmetric but has traces. Its parts of degree $\ell = n, n-2, \dots$ stand in the
order of `cartesian.ops.vector_powers`, those of equal degree side by side in one block.
"""

import torch
from torch import Tensor, nn

from cartesian.nn.graph import Graph
from cartesian.nn.layers.blocks import to_blocks
from cartesian.nn.layers.filter_message import FilterMessage, scale_channels
from cartesian.ops.convolution import convolution
from cartesian.ops.vector_powers import power_irreps
from cartesian.programs.build import convolution as build


class OrbitalMessage(nn.Module):
    r"""Sum orbitals of the neighbours, each grown by what its atom holds.

    $$W_{i,aw} = \sum_{j \to i} c_{jw} \left( f_{ji,w}\, r_{ji,a} + u_{ji} V_{j,aw} \right),
      \qquad r_a \text{ the components of } r^{\otimes n}, \; n \le L$$

    The sum of both orbitals would be a state of each edge; here it is never formed: the first term has a
    filter on powers, $(0, \ell \to \ell)$, and the second a scalar one, $(\ell, 0 \to \ell)$.

    Args:
        waves: Number of channels $w$.
        max_rank: $L$.

    Attributes:
        irreps: Irreps of $W$ and $V$, the powers times the waves.

    Shape:
        Coefficients $c$ `(nodes, waves)`, powers `(edges, ·)`, filters $f$ and $u$, each spread over the
        channels `(edges, irreps.channels)`, and $V$ `(nodes, irreps.dim)` or `None`, to
        `(nodes, irreps.dim)`.
    """

    def __init__(self, waves: int, max_rank: int) -> None:
        super().__init__()
        edge = power_irreps(max_rank)
        self.program = build(f"{waves}x0e", edge)
        self.irreps = (waves * edge).simplify()
        self.message = FilterMessage(self.irreps)

    def spread(self, filters: Tensor) -> Tensor:
        """Filters `(edges, waves)` or `(edges, 1)` for all channels, `(edges, irreps.channels)`."""
        return filters.repeat(1, self.irreps.channels // filters.shape[1])

    def forward(
        self,
        coefficients: Tensor,
        powers: Tensor,
        filters: Tensor,
        envelope: Tensor,
        held: Tensor | None,
        graph: Graph,
    ) -> Tensor:
        """The sums at all atoms."""
        orbitals: Tensor = convolution(self.program, coefficients, powers, filters, graph.edges)
        if held is None:
            return orbitals
        grown = scale_channels(held, self.spread(coefficients), self.irreps)
        return orbitals + self.message(grown, envelope, graph)

    def extra_repr(self) -> str:
        """The irreps."""
        return str(self.irreps)


class Density(nn.Module):
    r"""Squared orbitals after a mixing of waves for each rank, summed over all components.

    $$\rho_m = \sum_{n \le L} \sum_{a \in n} \Big( \sum_w \gamma_{nwm} W_{aw} \Big)^2$$

    One Glorot matrix $\gamma_{wm}$ stands in all ranks at first.

    Args:
        waves: Number of channels $w$.
        max_rank: $L$.
        orbitals: Number of mixtures $m$.

    Shape:
        `(nodes, ·)`, the irreps of `OrbitalMessage`, to `(nodes, orbitals)`.
    """

    def __init__(self, waves: int, max_rank: int, orbitals: int) -> None:
        super().__init__()
        bound = (6 / (waves + orbitals)) ** 0.5
        start = torch.empty(waves, orbitals).uniform_(-bound, bound)
        self.weight = nn.Parameter(start.repeat(max_rank + 1, 1, 1))
        self.irreps = OrbitalMessage(waves, max_rank).irreps

    def forward(self, orbitals: Tensor) -> Tensor:
        """Densities at all atoms."""
        _, waves, count = self.weight.shape
        density = orbitals.new_zeros(orbitals.shape[0], count)
        for degree, block in enumerate(to_blocks(orbitals, self.irreps)):
            # Ranks degree, degree + 2, … stand side by side.
            ranked = torch.unflatten(block, -1, (-1, waves))
            mixed = torch.einsum("narw,rwm->narm", ranked, self.weight[degree::2])
            density = density + mixed.square().sum((1, 2))
        return density
