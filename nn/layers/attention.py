r"""Attention: an atom listens more to the neighbours whose keys fit its query.

A plain softmax over neighbours is not for potentials: its weights add up to one however far the neighbours
are, so energies jump as the last one leaves. Ours counts every neighbour by its envelope, and the atom itself
by one.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cartesian.nn.graph import Graph, safe_norm
from cartesian.nn.layers.linear import Linear
from cartesian.nn.layers.message import Message
from cartesian.nn.layers.norm import RMSNorm
from cartesian.nn.radial.network import Radial
from cartesian.nn.radial.pairs import Pairs
from cartesian.ops.harmonics import harmonics
from cartesian.ops.norms import inner_products
from cartesian.spec import Irreps


class Attention(nn.Module):
    r"""Convolve with weights that depend on the features of both atoms.

    $$m_i = W \sqrt{\bar n} \sum_{j \to i} a_{ji}^h \sum_p R_p(d_{ji})\,
      \big( (W_\text{up} h_j)^{(\ell_1)} \otimes Y^{(\ell_2)}_{ji} \big)^{(\ell_3)}, \qquad
      a_{ji}^h = \frac{u_{ji}\, e^{s_{ji}^h}}{1 + \sum_k u_{ki}\, e^{s_{ki}^h}}, \qquad
      s_{ji}^h = \frac{\langle q_i^h, k_j^h \rangle}{\sqrt{\dim}} + R^h(d_{ji})$$

    Queries $q$ and keys $k$ are linear maps of the features, normalised to a root mean square of one. The
    inner product runs over the components of all irreps, in the channels of one head $h$; so the weights
    $a$ are invariant under rotations and reflections. The envelope $u$ is that of the radial network $R$.

    Args:
        irreps: Irreps of the features.
        edge_degree: Largest degree $\ell_2$ of the harmonics.
        out: Irreps of the result.
        radial: What the network $R$ is made of, and the cutoff.
        heads: Number of heads, among which the channels of each irrep are divided.
        neighbors: $\bar n$. The average number of neighbours keeps second moments.

    Shape:
        Features `(nodes, irreps.dim)` and a graph to `(nodes, out.dim)`.

    Raises:
        ValueError: If the channels of an irrep cannot be divided among the heads, no path leads to an irrep
            of `out`, or the number of neighbours is not positive.

    Source:
        A. Vaswani et al., NeurIPS 2017; F. B. Fuchs et al., NeurIPS 2020, for tensors; A. Henry et al.,
        Findings of EMNLP 2020, for normalised queries and keys.

    Examples:
        >>> layer = Attention("8x0e + 8x1o", 2, "4x0e + 4x2e", Radial(8, cutoff=3.0), heads=4)
        >>> pair = Graph.from_edges([[0.0, 0, 0], [1.0, 0, 0]], [1, 8], senders=[0, 1], receivers=[1, 0])
        >>> layer(torch.randn(2, layer.irreps.dim), pair).shape
        torch.Size([2, 24])
    """

    head_of_channel: Tensor
    head_of_weight: Tensor

    def __init__(
        self,
        irreps: Irreps | str,
        edge_degree: int,
        out: Irreps | str,
        radial: Radial,
        heads: int = 1,
        neighbors: float = 1.0,
    ) -> None:
        super().__init__()
        self.irreps, self.out = Irreps(irreps), Irreps(out)
        self.edge_degree, self.heads = edge_degree, heads
        for block in self.irreps:
            if heads < 1 or block.channels % heads:
                raise ValueError(
                    f"{block.channels} channels of {block.irrep} are not divided by {heads} heads"
                )
        if not neighbors > 0:
            raise ValueError(f"weights are scaled by a positive number of neighbours, not {neighbors!r}")
        self.message = Message(self.irreps, self.out, edge_degree, neighbors**-0.5)
        self.queries, self.keys = self._normalized(), self._normalized()
        self.radial = radial.network(self.message.weights + heads)
        self.envelope = radial.envelope
        # The head of every channel, and of every weight.
        paths = [term.channels for term in self.message.program.form.terms]
        channels = [block.channels for block in self.irreps]
        self.register_buffer("head_of_channel", _heads(channels, heads), persistent=False)
        self.register_buffer("head_of_weight", _heads(paths, heads), persistent=False)

    def forward(self, features: Tensor, graph: Graph) -> Tensor:
        """Messages to all atoms of a graph."""
        vectors, pairs = graph.vectors, Pairs.of(graph)
        lengths = pairs.reduce(safe_norm(vectors))
        radial, envelope = pairs.expand(self.radial(lengths)), pairs.expand(self.envelope(lengths))
        weights, scores = torch.split(radial, [self.message.weights, self.heads], dim=-1)
        attention = shares(self.scores(features, graph) + scores, envelope[:, None], graph)
        weights = weights * attention.index_select(1, self.head_of_weight)
        message: Tensor = self.message(features, harmonics(vectors, self.edge_degree), weights, graph.edges)
        return message

    def scores(self, features: Tensor, graph: Graph) -> Tensor:
        """How well keys fit queries, `(edges, heads)`."""
        queries = self.queries(features).index_select(0, graph.receivers)
        keys = self.keys(features).index_select(0, graph.senders)
        products = inner_products(queries, keys, self.irreps)
        sums = products.new_zeros(products.shape[0], self.heads)
        sums = sums.index_add(1, self.head_of_channel, products)
        return sums * (self.heads / self.irreps.dim) ** 0.5

    def _normalized(self) -> nn.Module:
        return nn.Sequential(Linear(self.irreps, self.irreps), RMSNorm(self.irreps))

    def extra_repr(self) -> str:
        """The number of heads."""
        return f"heads={self.heads}"


def shares(scores: Tensor, envelope: Tensor, graph: Graph) -> Tensor:
    r"""What each neighbour gets of the attention of an atom.

    $$a_{ji} = \frac{u_{ji}\, e^{s_{ji}}}{1 + \sum_k u_{ki}\, e^{s_{ki}}}$$

    A neighbour comes and goes as smoothly as its envelope, the last one too. Scores of any size are allowed.

    Args:
        scores: $s$, `(edges, heads)`.
        envelope: $u$, `(edges, 1)` or `(edges, heads)`, from 0 to 1.
        graph: Whose edges these are.

    Returns:
        `(edges, heads)`; the sum over the neighbours of an atom is below one.

    Examples:
        >>> pair = Graph.from_edges([[0.0, 0, 0], [1.0, 0, 0]], [1, 8], senders=[0, 1], receivers=[1, 0])
        >>> shares(torch.tensor([[0.0], [1000.0]]), torch.tensor([[1.0], [0.5]]), pair)
        tensor([[0.5000],
                [1.0000]])
    """
    # Outside the cutoff a large score must not meet the zero of the envelope.
    scores = torch.where(envelope > 0, scores, 0.0)
    # The result does not depend on the numbers taken away, so neither do its derivatives.
    largest = scores.new_zeros(graph.nodes, scores.shape[1])
    receivers = graph.receivers[:, None].expand_as(scores)
    largest = largest.scatter_reduce(0, receivers, scores.detach(), "amax")
    parts = envelope * torch.exp(scores - largest.index_select(0, graph.receivers))
    totals = torch.exp(-largest) + graph.sum_receivers(parts)
    return parts / totals.index_select(0, graph.receivers)


def _heads(channels: Sequence[int], heads: int) -> Tensor:
    """The head of each of so many channels, block by block."""
    return torch.cat([torch.arange(count) * heads // count for count in channels])
