r"""Messages weighted by scalars alone: functions of the distance and of the two atoms, without directions.

Such a filter has degree 0, so the coupling is trivial: features of degree $\ell$ stay what they are,
$(\ell, 0 \to \ell)$, or scalars take the direction of the edge, $(0, \ell \to \ell)$.
"""

import torch
from torch import Tensor, nn

from cartesian.nn.graph import Graph
from cartesian.nn.layers.blocks import from_blocks, to_blocks
from cartesian.ops.convolution import convolution
from cartesian.programs.build import convolution as build
from cartesian.spec import Irreps


class FilterMessage(nn.Module):
    r"""Sum the features of neighbours, every channel times a filter.

    $$M_{i,\ell c} = \sum_{j \to i} f_{ji,\ell c}\, X_{j,\ell c}$$

    Args:
        irreps: Irreps of the features, sorted and each once.

    Shape:
        Features `(nodes, irreps.dim)` and filters `(edges, irreps.channels)` to `(nodes, irreps.dim)`.

    Raises:
        ValueError: If the irreps are not sorted, or one occurs twice.
    """

    def __init__(self, irreps: Irreps | str) -> None:
        super().__init__()
        self.irreps = Irreps(irreps)
        if self.irreps != self.irreps.simplify():
            raise ValueError(
                f"filters stand in the order of irreps: give {self.irreps.simplify()}, not {self.irreps}"
            )
        self.program = build(self.irreps, "0e", self.irreps, kind="summed")

    def forward(self, features: Tensor, filters: Tensor, graph: Graph) -> Tensor:
        """The messages that the atoms of a graph receive."""
        ones = filters.new_ones(filters.shape[0], 1)
        out: Tensor = convolution(self.program, features, ones, filters, graph.edges)
        return out

    def extra_repr(self) -> str:
        """The irreps."""
        return str(self.irreps)


class DirectionMessage(nn.Module):
    r"""Sum the directions of neighbours, times their scalars and a filter.

    $$M_{i,\ell c} = \sum_{j \to i} f_{ji,\ell c}\, x_{j,c}\, Y^{(\ell)}_{ji}$$

    Args:
        channels: Number of channels.
        directions: Irreps of $Y$, sorted and each once, with one channel.

    Attributes:
        out: Irreps of the messages, `channels` of each.

    Shape:
        Scalars `(nodes, channels)`, filters `(edges, out.channels)` and directions
        `(edges, directions.dim)` to `(nodes, out.dim)`.

    Raises:
        ValueError: If the irreps are not sorted, or one occurs twice.
    """

    def __init__(self, channels: int, directions: Irreps | str) -> None:
        super().__init__()
        directions = Irreps(directions)
        if directions != Irreps((1, block.irrep) for block in directions.simplify()):
            raise ValueError(f"directions are sorted irreps with one channel each, not {directions}")
        self.out = channels * directions
        self.program = build(f"{channels}x0e", directions, self.out, kind="summed")

    def forward(self, scalars: Tensor, filters: Tensor, directions: Tensor, graph: Graph) -> Tensor:
        """The messages that the atoms of a graph receive."""
        out: Tensor = convolution(self.program, scalars, directions, filters, graph.edges)
        return out

    def extra_repr(self) -> str:
        """The irreps."""
        return str(self.out)


def scale_channels(features: Tensor, factors: Tensor, irreps: Irreps | str) -> Tensor:
    r"""Multiply all components of each channel by one number, $f_{\ell c}\, X_{\ell c}$.

    Args:
        features: `(..., irreps.dim)`.
        factors: `(..., irreps.channels)`, the channels of all blocks one after the other.
        irreps: Irreps of the features.

    Examples:
        >>> scale_channels(torch.ones(4), torch.tensor([2.0, 3.0]), "0e + 1o")
        tensor([2., 3., 3., 3.])
    """
    irreps = Irreps(irreps)
    parts = torch.split(factors, [block.channels for block in irreps], dim=-1)
    blocks = to_blocks(features, irreps)
    return from_blocks(block * part[..., None, :] for block, part in zip(blocks, parts, strict=True))
