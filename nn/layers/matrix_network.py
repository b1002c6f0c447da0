r"""Layers of networks whose atoms hold matrices, as TensorNet's do; the matrices as in `matrix`.

Filters are functions of the distance, one for each part and channel, `(edges, 3 channels)`. An atom may send
messages to itself too: their filters `own` are those of the distance zero, where there is no direction.
Linear layers start as those of torch do.

Source:
    G. Simeon, G. de Fabritiis, NeurIPS 2023 (arXiv:2306.06482).
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from cartesian.nn.graph import Graph
from cartesian.nn.layers.embedding import SpeciesEmbedding
from cartesian.nn.layers.filter_message import DirectionMessage, FilterMessage, scale_channels
from cartesian.nn.layers.linear import Linear
from cartesian.nn.layers.matrix import (
    MatrixLinear,
    MatrixProduct,
    from_directions,
    matrix_irreps,
    matrix_norms,
    rescale_matrices,
)
from cartesian.nn.radial.activation import SiLU
from cartesian.ops.norms import squared_norms
from cartesian.spec import Irrep, Irreps


class MatrixEmbedding(nn.Module):
    r"""Directions of the neighbours, weighted by distance and pair of elements.

    $$I_i\, 1 + A_i + S_i = \sum_j Z_{ij} \bigl( p_I\, 1 + p_A [u]_\times + p_S (u u^T - \tfrac13) \bigr),
      \qquad X_i = g_I W I_i\, 1 + g_A W A_i + g_S W S_i$$

    The gates $g$ are a perceptron of the squared norms before the mixing; $Z_{ij}$ is a linear layer of the
    embeddings of both elements.

    Args:
        channels: Number of channels.
        elements: Rows of the table of elements; the atomic number is the row.
        parity: -1 if the vector parts are polar, +1 if parity does not count.

    Shape:
        A graph, filters $p$ `(edges, 3 channels)` and `own` `(3 channels,)` or `None` to matrices
        `(nodes, 9 channels)`.
    """

    def __init__(self, channels: int, elements: int, parity: int = -1) -> None:
        super().__init__()
        self.irreps = matrix_irreps(channels, parity)
        self.elements = SpeciesEmbedding(elements, channels)
        self.pairs = nn.Linear(2 * channels, channels)
        self.message = DirectionMessage(channels, matrix_irreps(1, parity))
        self.gates = nn.Sequential(nn.LayerNorm(channels), *activated(channels, 2 * channels, 3 * channels))
        self.mix = MatrixLinear(channels)

    def forward(self, graph: Graph, filters: Tensor, own: Tensor | None = None) -> Tensor:
        """Matrices of the atoms."""
        elements, vectors = self.elements(graph.atomic_numbers), graph.vectors
        # The layer of pairs is linear, so it acts on the two atoms: one product per atom, not per edge.
        weights = self.pairs.weight.chunk(2, dim=1)
        receivers = nn.functional.linear(elements, weights[0], self.pairs.bias)
        senders = nn.functional.linear(elements, weights[1])
        directions, ones = from_directions(vectors), torch.ones_like(elements)
        # What the receiver says is the same for all its neighbours, so it is multiplied after the sum.
        matrices = self.message(ones, filters, directions, graph)
        matrices = scale_channels(matrices, receivers.repeat(1, 3), self.irreps)
        matrices = matrices + self.message(senders, filters, directions, graph)
        if own is not None:
            identity = from_directions(vectors.new_zeros(3)).repeat_interleave(elements.shape[1])
            factors = own * (receivers + senders).repeat(1, 3)
            matrices = matrices + scale_channels(identity, factors, self.irreps)
        return scale_channels(self.mix(matrices), self.gates(matrix_norms(matrices)), self.irreps)


class MatrixInteraction(nn.Module):
    r"""Exchange matrices with the neighbours and multiply them.

    $$X \mapsto \frac{X}{\lVert X \rVert^2 + 1}, \quad Y = W X, \quad M_i = \sum_j f_{ij} Y_j, \quad
      P = q\,(Y M + M Y), \quad D = W' \frac{P}{\lVert P \rVert^2 + 1}, \quad X \mapsto X + D + q\, D^2$$

    Filters $f$ and weights $W$ are separate for the three parts. Where parity does not count, $P = 2 Y M$,
    as published without $q$.

    Args:
        channels: Number of channels.
        parity: -1 if the vector parts are polar, +1 if parity does not count.

    Shape:
        Matrices `(nodes, 9 channels)`, filters `(edges, 3 channels)`, a graph, `own` `(3 channels,)` or
        `(nodes, 3 channels)`, and $q$ `(nodes, 1)`, to `(nodes, 9 channels)`.
    """

    def __init__(self, channels: int, parity: int = -1) -> None:
        super().__init__()
        self.irreps, self.parity = matrix_irreps(channels, parity), parity
        self.before, self.after = MatrixLinear(channels), MatrixLinear(channels)
        self.message = FilterMessage(self.irreps)
        self.product = MatrixProduct(channels, factor=2.0, parity=parity)
        self.square = MatrixProduct(channels)

    def forward(
        self,
        matrices: Tensor,
        filters: Tensor,
        graph: Graph,
        own: Tensor | None = None,
        charge: Tensor | None = None,
    ) -> Tensor:
        """New matrices of the atoms."""
        matrices = rescale_matrices(matrices)
        mixed = self.before(matrices)
        messages = self.message(mixed, filters, graph)
        if own is not None:
            messages = messages + scale_channels(mixed, own, self.irreps)
        products = self.product(mixed, messages)
        if charge is not None and self.parity == -1:
            products = charge * products
        change = self.after(rescale_matrices(products))
        square = self.square(change, change)
        return matrices + change + (square if charge is None else charge * square)


class MatrixInvariants(nn.Module):
    r"""Scalars of matrices, $x = f(W \hat n + b)$ with $n = [3 I^2, \lVert A \rVert^2, \lVert S \rVert^2]$.

    $\hat n$ is $n$ after a layer norm and $f$ is SiLU.

    Args:
        channels: Number of channels.

    Shape:
        `(nodes, 9 channels)` to `(nodes, channels)`.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.irreps = matrix_irreps(channels)
        self.scalars = nn.Sequential(nn.LayerNorm(3 * channels), *activated(3 * channels, channels))

    def forward(self, matrices: Tensor) -> Tensor:
        """The scalars of each atom."""
        scalars: Tensor = self.scalars(squared_norms(matrices, self.irreps))
        return scalars


class MatrixReadout(nn.Module):
    r"""Irreducible parts that a head wants, $\sum_c w_c\, (W x + b)_c\, T_c$: matrices gated by scalars.

    Args:
        channels: Number of channels.
        out: Irreps of the result, of degrees 0, 1 and 2.
        parity: -1 if the vector parts are polar; +1 if parity does not count, not in `out` either.

    Shape:
        Matrices `(nodes, 9 channels)` and scalars `(nodes, channels)` to `(nodes, out.dim)`.

    Raises:
        ValueError: If `out` has irreps that the matrices do not hold.
    """

    def __init__(self, channels: int, out: Irreps | str, parity: int = -1) -> None:
        super().__init__()
        self.irreps, out = matrix_irreps(channels, parity), Irreps(out)
        if parity == 1:
            out = Irreps((block.channels, Irrep(block.irrep.degree, 1)) for block in out)
        missing = [str(block.irrep) for block in out if block.irrep not in self.irreps]
        if missing:
            raise ValueError(
                f"matrices hold {matrix_irreps(1, parity)}, from which {', '.join(missing)} cannot be read"
            )
        self.gates = nn.Linear(channels, 3 * channels)
        self.mix = Linear(self.irreps, out)

    def forward(self, matrices: Tensor, scalars: Tensor) -> Tensor:
        """The parts of each atom."""
        parts: Tensor = self.mix(scale_channels(matrices, self.gates(scalars), self.irreps))
        return parts


def activated(*widths: int) -> list[nn.Module]:
    """Linear layers of these widths, each followed by SiLU, the last one too."""
    return [layer for inputs, out in pairwise(widths) for layer in (nn.Linear(inputs, out), SiLU())]
