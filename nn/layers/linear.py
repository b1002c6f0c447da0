r"""Linear layers: channels of equal irreps are mixed, with weights that keep the second moment.

The parameters start from $N(0, 1)$; the matrices used are $W / \sqrt{\text{fan-in}}$, where the fan-in is the
number of input channels of that irrep over all blocks.
"""

import torch
from torch import Tensor, nn

from cartesian.kernels.groups import sort_groups
from cartesian.nn.layers.blocks import from_blocks, to_blocks
from cartesian.ops.linear import linear
from cartesian.programs.mixing import mixings
from cartesian.spec import Irreps


class _Mixing(nn.Module):
    """Irreps in and out, and the factor of every weight."""

    def __init__(self, irreps: Irreps | str, out: Irreps | str) -> None:
        super().__init__()
        self.irreps, self.out = Irreps(irreps), Irreps(out)
        self.mixings = mixings(self.irreps, self.out)
        self.count = self.mixings[-1].weights.stop if self.mixings else 0
        fans = [self.irreps.count(self.out[part.target].irrep) for part in self.mixings]
        self.factors = [max(fan, 1) ** -0.5 for fan in fans]
        self.sizes = [part.weights.stop - part.weights.start for part in self.mixings]

    def scaled(self, weight: Tensor) -> Tensor:
        """Parameters `(..., count)` divided by the root of their fan-in."""
        if len(set(self.factors)) < 2:
            return weight * self.factors[0] if self.factors else weight
        parts = zip(torch.split(weight, self.sizes, dim=-1), self.factors, strict=True)
        return torch.cat([part * factor for part, factor in parts], dim=-1)

    def extra_repr(self) -> str:
        """The irreps."""
        return f"{self.irreps} -> {self.out}"


class Linear(_Mixing):
    r"""Mix the channels of each irrep.

    $$z_{oc'} = \frac{s}{\sqrt{n}} \sum_{c=1}^n x_{oc}\, W_{cc'} + b_{c'}$$

    An irrep of `out` that does not occur in `irreps` is zero.

    Args:
        irreps: Irreps of the input.
        out: Irreps of the output.
        bias: Whether channels of `0e` have a bias; no other irrep may have one.
        scale: $s$, which multiplies the weights.

    Shape:
        `(..., irreps.dim)` to `(..., out.dim)`.

    Examples:
        >>> Linear("16x0e + 8x1o", "4x0e + 4x1o")(torch.zeros(2, 40)).shape
        torch.Size([2, 16])
    """

    def __init__(
        self, irreps: Irreps | str, out: Irreps | str, bias: bool = False, scale: float = 1.0
    ) -> None:
        super().__init__(irreps, out)
        self.factors = [factor * scale for factor in self.factors]
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
        self.stacked = Irreps((species * block.channels, block.irrep) for block in self.irreps)
        self.weight = nn.Parameter(torch.randn(species, self.count))

    def forward(self, features: Tensor, species: Tensor) -> Tensor:
        """Mix the channels of features of atoms of these species."""
        weight = self.scaled(self.weight)
        if self.species == 1:
            return linear(features, weight[0], self.irreps, self.out)
        if torch.compiler.is_compiling() or species.device.type != "cpu":
            return self._masked(features, species, weight)
        groups = sort_groups(species, self.species)
        mixed: Tensor = linear(features, weight, self.irreps, self.out, groups)
        return mixed

    def _masked(self, features: Tensor, species: Tensor, weight: Tensor) -> Tensor:
        """The same without looking at the species, which would wait for the device."""
        # One product for all species; an atom has zeros where the features of others would stand.
        own = species[:, None] == torch.arange(self.species, device=species.device)
        spread = from_blocks(
            (own[:, None, :, None] * block[:, :, None]).flatten(2)
            for block in to_blocks(features, self.irreps)
        )
        flat = [weight[:, part.weights].flatten() for part in self.mixings]
        return linear(spread, torch.cat(flat) if flat else weight.flatten(), self.stacked, self.out)


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
