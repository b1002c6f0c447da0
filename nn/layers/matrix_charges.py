r"""Charges of atoms that hold matrices, and filters that depend on the charges of both atoms.

Source:
    G. Simeon et al., arXiv:2601.00581 (TensorNet2).
"""

import torch
from torch import Tensor, nn

from cartesian.nn.graph import Graph
from cartesian.nn.layers.matrix import matrix_irreps
from cartesian.nn.layers.matrix_network import activated
from cartesian.nn.radial.activation import SiLU
from cartesian.ops.norms import squared_norms


class MatrixCharges(nn.Module):
    r"""Charges of the atoms and how soft they are, $(q, f) = W f(W f(W \hat n + b) + b) + b$.

    $\hat n$ is $n = [\mathrm{tr} X / 3, \lVert A \rVert^2, \lVert S \rVert^2]$ after a layer norm.

    Args:
        channels: Number of channels of the matrices.
        count: Number of charges of an atom.

    Shape:
        Matrices `(nodes, 9 channels)` to $q$ and $f$, both `(nodes, count)`, as
        `cartesian.nn.heads.equilibrate` takes them.
    """

    def __init__(self, channels: int, count: int) -> None:
        super().__init__()
        self.channels = channels
        hidden = activated(3 * channels, channels, channels)
        self.network = nn.Sequential(nn.LayerNorm(3 * channels), *hidden, nn.Linear(channels, 2 * count))

    def forward(self, matrices: Tensor) -> tuple[Tensor, Tensor]:
        """Charges and softness."""
        norms = squared_norms(matrices, matrix_irreps(self.channels))[:, self.channels :]
        # The matrix of degree 0 is the unit matrix over √3.
        traces = matrices[:, : self.channels] * 3**-0.5
        charges, softness = self.network(torch.cat([traces, norms], dim=-1)).chunk(2, dim=-1)
        return charges, softness


class ChargedFilters(nn.Module):
    r"""Filters from radial functions and charges, a perceptron of $[B(d_{ij}), q_i, q_j]$.

    Args:
        functions: Number of radial functions.
        charges: Number of charges of an atom.
        channels: Number of channels.

    Shape:
        Radial functions `(edges + 1, functions)`, the last those of an atom on itself, charges
        `(nodes, charges)` and a graph to filters `(edges, 3 channels)` and `(nodes, 3 channels)`.
    """

    def __init__(self, functions: int, charges: int, channels: int) -> None:
        super().__init__()
        self.sizes = [functions, charges, charges]
        self.first = nn.Linear(sum(self.sizes), channels)
        self.further = nn.Sequential(SiLU(), *activated(channels, 2 * channels, 3 * channels))

    def forward(self, radial: Tensor, charges: Tensor, graph: Graph) -> tuple[Tensor, Tensor]:
        """Filters of the edges, and of each atom on itself."""
        # The first layer is linear, so it acts on the charges of atoms, not of edges.
        of_radial, of_receivers, of_senders = torch.split(self.first.weight, self.sizes, dim=1)
        hidden = nn.functional.linear(radial, of_radial, self.first.bias)
        receivers, senders = charges @ of_receivers.T, charges @ of_senders.T
        of_edges, of_self = torch.split(hidden, [hidden.shape[0] - 1, 1])
        edges = receivers.index_select(0, graph.receivers) + senders.index_select(0, graph.senders)
        return self.further(of_edges + edges), self.further(of_self + receivers + senders)
