"""Convolutions that know everything about an edge: its direction, and weights from its length."""

from torch import Tensor, nn

from cartesian.nn.graph import Graph, safe_norm
from cartesian.nn.layers.message import Message
from cartesian.nn.radial.network import Radial
from cartesian.nn.radial.pairs import Pairs
from cartesian.ops.harmonics import harmonics
from cartesian.programs.build import Kind
from cartesian.spec import Irreps


class Convolution(nn.Module):
    r"""Couple the features of neighbours with harmonics, weighted by a network of the distance.

    $$m_i = W\, \frac{1}{\bar n} \sum_{j \to i} \sum_p R_p(d_{ji})\,
      \big( (W_\text{up} h_j)^{(\ell_1)} \otimes Y^{(\ell_2)}_{ji} \big)^{(\ell_3)},
      \qquad p = (\ell_1, \ell_2, \ell_3)$$

    This is a `Message` with its radial network. Several layers on one graph may share lengths and harmonics;
    then they are made of `Message`.

    Args:
        irreps: Irreps of the features.
        edge_degree: Largest degree $\ell_2$ of the harmonics.
        out: Irreps of the result.
        radial: What the network $R$ is made of, and the cutoff.
        neighbors: $\bar n$. The average number of neighbours keeps means, its root second moments.
        kind: "separate" mixes all paths in $W$; "summed" adds those into one irrep before.

    Shape:
        Features `(nodes, irreps.dim)` and a graph to `(nodes, out.dim)`.

    Raises:
        ValueError: If no path leads to an irrep of `out`, or the number of neighbours is not positive.

    Source:
        S. Batzner et al., Nat. Commun. 13, 2453 (2022).

    Examples:
        >>> import torch
        >>> layer = Convolution("8x0e + 8x1o", edge_degree=2, out="4x0e + 4x2e", radial=Radial(8, cutoff=3.0))
        >>> pair = Graph.from_edges([[0.0, 0, 0], [1.0, 0, 0]], [1, 8], senders=[0, 1], receivers=[1, 0])
        >>> layer(torch.randn(2, layer.irreps.dim), pair).shape
        torch.Size([2, 24])
    """

    def __init__(
        self,
        irreps: Irreps | str,
        edge_degree: int,
        out: Irreps | str,
        radial: Radial,
        neighbors: float = 1.0,
        kind: Kind = "separate",
    ) -> None:
        super().__init__()
        self.edge_degree = edge_degree
        self.message = Message(irreps, out, edge_degree, neighbors, kind)
        self.irreps, self.out = self.message.irreps, self.message.out
        self.radial = radial.network(self.message.weights)

    def forward(self, features: Tensor, graph: Graph) -> Tensor:
        """Messages to all atoms of a graph."""
        vectors, pairs = graph.vectors, Pairs.of(graph)
        weights = self.radial(pairs.reduce(safe_norm(vectors)))
        y, edges = harmonics(vectors, self.edge_degree), pairs.join(graph.edges)
        message: Tensor = self.message(features, y, weights, edges)
        return message
