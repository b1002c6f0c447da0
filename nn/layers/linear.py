r"""Linear layers: channels of equal irreps are mixed, with weights that keep the second moment.

The parameters start from $N(0, 1)$; the matrices used are $W / \sqrt{\text{fan-in}}$, where the fan-in is the
number of input channels of that irrep over all blocks.
"""

import torch
from torch import Tensor, nn

from cartesian.nn.layers.blocks import from_blocks, to_blocks
from cartesian.ops.linear import linear, mixings
from cartesian.spec import Irreps


class _Mixing(nn.Module):
    """Irreps in and out, and the factor of every weight."""

    def __init__(self, irreps: Irreps | str, out: Irreps | str) -> None:
        super().__init__()
        self.irreps, self.out = Irreps(irreps), Irreps(out)
        self.mixings = mixings(self.irreps, self.out)
        self.count = self.mixings[-1].weights.stop if self.mixings else 0

    def scaled(self, weight: Tensor) -> Tensor:
        """Parameters `(..., count)` divided by the root of their fan-in."""
        parts = [
            weight[..., part.weights] * max(self.irreps.count(self.out[part.target].irrep), 1) ** -0.5
            for part in self.mixings
        ]
        return torch.cat(parts, dim=-1) if parts else weight

    def extra_repr(self) -> str:
        """The irreps."""
        return f"{self.irreps} -> {self.out}"


class Linear(_Mixing):
    r"""Mix the channels of each irrep.

    $$z_{oc'} = \frac{1}{\sqrt{n}} \sum_{c=1}^n x_{oc}\, W_{cc'} + b_{c'}$$

    An irrep of `out` that does not occur in `irreps` is zero.

    Args:
        irreps: Irreps of the input.
        out: Irreps of the output.
        bias: Whether channels of `0e` have a bias; no other irrep may have one.

    Shape:
        `(..., irreps.dim)` to `(..., out.dim)`.

    Examples:
        >>> Linear("16x0e + 8x1o", "4x0e + 4x1o")(torch.zeros(2, 40)).shape
        torch.Size([2, 16])
    """

    def __init__(self, irreps: Irreps | str, out: Irreps | str, bias: bool = False) -> None:
        super().__init__(irreps, out)
        self.weight = nn.Parameter(torch.randn(self.count))
        self.bias = nn.Parameter(torch.zeros(self.out.count("0e"))) if bias else None

    def forward(self, features: Tensor) -> Tensor:
        """Mix the channels of features `(..., irreps.dim)`."""
        mixed = linear(features, self.scaled(self.weight), self.irreps, self.out)
        return mixed if self.bias is None else add_to_scalars(mixed, self.bias, self.out)


class SpeciesLinear(_Mixing):
    r"""Mix the channels of each irrep, with weights of each species.

    $$z_{i,oc'} = \frac{1}{\sqrt{n}} \sum_{c=1}^n x_{i,oc}\, W_{z_i,cc'}$$

    Args:
        irreps: Irreps of the input.
        out: Irreps of the output.
        species: Number of species.

    Shape:
        Features `(nodes, irreps.dim)` and species `(nodes,)` to `(nodes, out.dim)`.
    """

    def __init__(self, irreps: Irreps | str, out: Irreps | str, species: int) -> None:
        super().__init__(irreps, out)
        self.species = species
        # The outputs of all species side by side.
        self.stacked = Irreps((species * block.channels, block.irrep) for block in self.out)
        self.weight = nn.Parameter(torch.randn(species, self.count))

    def forward(self, features: Tensor, species: Tensor) -> Tensor:
        """Mix the channels of features of atoms of these species."""
        weight = self.scaled(self.weight)
        if self.species == 1:
            return linear(features, weight[0], self.irreps, self.out)
        # One product for all species, of which each atom keeps its own part.
        columns = [
            weight[:, part.weights].reshape(self.species, *part.shape).transpose(0, 1)
            for part in self.mixings
        ]
        flat = torch.cat([part.flatten() for part in columns]) if columns else weight.flatten()
        blocks = to_blocks(linear(features, flat, self.irreps, self.stacked), self.stacked)
        kept = []
        for block, target in zip(blocks, self.out, strict=True):
            index = species[:, None, None, None].expand(-1, target.irrep.dim, 1, target.channels)
            choices = block.reshape(*block.shape[:2], self.species, target.channels)
            kept.append(choices.gather(2, index)[:, :, 0])
        return from_blocks(kept)


def add_to_scalars(features: Tensor, bias: Tensor, irreps: Irreps) -> Tensor:
    """Add `(channels of 0e,)` to the `0e` blocks of features."""
    parts, start = [], 0
    for block in irreps:
        is_scalar = block.irrep.degree == 0 and block.irrep.parity == 1
        parts.append(bias[start : start + block.channels] if is_scalar else bias.new_zeros(block.dim))
        start += block.channels if is_scalar else 0
    return features + torch.cat(parts)


def from_e3nn(layer: Linear | SpeciesLinear, weights: Tensor) -> Tensor:
    """The parameters of a layer from those of `e3nn.o3.Linear`, which runs over inputs before outputs.

    Args:
        layer: Where the parameters go; of the same irreps.
        weights: `(..., count)`, as e3nn stores them.

    Raises:
        ValueError: If their number differs.
    """
    return _reordered(layer, weights, from_e3nn=True)


def to_e3nn(layer: Linear | SpeciesLinear) -> Tensor:
    """The parameters of a layer as `e3nn.o3.Linear` stores them, the inverse of `from_e3nn`."""
    return _reordered(layer, layer.weight.detach(), from_e3nn=False)


def _reordered(layer: Linear | SpeciesLinear, weights: Tensor, from_e3nn: bool) -> Tensor:
    if weights.shape[-1] != layer.count:
        raise ValueError(
            f"a layer from {layer.irreps} to {layer.out} has {layer.count} weights, not {weights.shape[-1]}"
        )
    theirs = sorted(layer.mixings, key=lambda part: (part.source, part.target))
    sizes = [part.shape[0] * part.shape[1] for part in theirs]
    if from_e3nn:
        pieces = [*torch.split(weights, sizes, dim=-1)] if sizes else []
        pieces = [pieces[theirs.index(part)] for part in layer.mixings]
    else:
        pieces = [weights[..., part.weights] for part in theirs]
    return torch.cat(pieces, dim=-1) if pieces else weights
