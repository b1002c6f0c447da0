r"""Standard inputs: for every species, mean zero and deviation one on typical structures.

Densities are sums of squares: large, and much the same for all atoms of a species. What tells these apart is
a small part of them, and a network of the densities themselves learns it late.
"""

import torch
from torch import Tensor, nn

FLOOR = 0.01
"""Smallest deviation, as a part of the mean: what hardly varies in typical structures may do so in others."""


class SpeciesStandard(nn.Module):
    r"""Standardise each channel for each species, $x_c \mapsto (x_c - m_{zc}) / s_{zc}$.

    The constants $m$ and $s$ are parameters that no optimiser changes, at first 0 and 1; `settle` finds them.

    Args:
        width: Number of channels.
        species: Number of species.

    Shape:
        `(nodes, width)` and species `(nodes,)` to `(nodes, width)`.

    Examples:
        >>> standard = SpeciesStandard(width=1, species=1)
        >>> standard.settle(torch.tensor([[3.0], [5.0]]), torch.tensor([0, 0]))
        >>> standard(torch.tensor([[5.0], [6.0]]), torch.tensor([0, 0]))
        tensor([[1.],
                [2.]])
    """

    def __init__(self, width: int, species: int) -> None:
        super().__init__()
        # Parameters and not buffers: they are weights of a trained model like any other.
        self.means = nn.Parameter(torch.zeros(species, width), requires_grad=False)
        self.deviations = nn.Parameter(torch.ones(species, width), requires_grad=False)

    @torch.no_grad()
    def settle(self, x: Tensor, species: Tensor) -> None:
        """Take means and deviations of these inputs; a species without any keeps its constants."""
        for z in torch.unique(species).tolist():
            rows = x[species == z].double()
            means, deviations = rows.mean(0), rows.std(0, correction=0)
            deviations = torch.maximum(deviations, FLOOR * means.abs())
            self.means[z] = means
            self.deviations[z] = torch.where(deviations > 0, deviations, 1.0)

    def forward(self, x: Tensor, species: Tensor) -> Tensor:
        """Standardise the inputs of atoms of these species."""
        means, deviations = (table.index_select(0, species) for table in (self.means, self.deviations))
        return (x - means) / deviations
