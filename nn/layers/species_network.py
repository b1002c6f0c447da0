r"""Networks of scalars with weights of each species: every element has a network of its own.

Linear layers start as Glorot's, with biases of zero; the last of a residual block and the last of all start
from zero, so at first a block changes nothing and a network answers zero.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, silu


class SpeciesDense(nn.Module):
    r"""Linear layer with weights of each species, $y_i = x_i W_{z_i} + b_{z_i}$.

    Args:
        inputs, outputs: Widths.
        species: Number of species.
        zero: Whether the weights start from zero.

    Shape:
        `(nodes, inputs)` and species `(nodes,)` to `(nodes, outputs)`.
    """

    def __init__(self, inputs: int, outputs: int, species: int, zero: bool = False) -> None:
        super().__init__()
        bound = 0.0 if zero else (6 / (inputs + outputs)) ** 0.5
        # Species between inputs and outputs: the matrices of all species stand side by side.
        self.weight = nn.Parameter(torch.empty(inputs, species, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(species, outputs))

    def forward(self, x: Tensor, species: Tensor) -> Tensor:
        """Apply the layers of these species."""
        _, count, outputs = self.weight.shape
        # One product for all species, of which each atom keeps its own part.
        y = torch.unflatten(x @ self.weight.flatten(1), -1, (count, outputs))
        own = y.gather(1, species[:, None, None].expand(-1, 1, outputs))[:, 0] if count > 1 else y[:, 0]
        return own + self.bias.index_select(0, species)


class SpeciesActivation(nn.Module):
    r"""SiLU with slopes of each species and channel, $x_c \mapsto a_{zc}\, \mathrm{SiLU}(b_{zc}\, x_c)$.

    Args:
        width: Number of channels.
        slope: $b$ at first; $a$ is one.
        species: Number of species.
    """

    def __init__(self, width: int, slope: float, species: int) -> None:
        super().__init__()
        self.amplitudes = nn.Parameter(torch.ones(species, width))
        self.slopes = nn.Parameter(torch.full((species, width), slope))

    def forward(self, x: Tensor, species: Tensor) -> Tensor:
        """Activate `(nodes, width)`."""
        amplitudes, slopes = (table.index_select(0, species) for table in (self.amplitudes, self.slopes))
        return amplitudes * silu(slopes * x)


class SpeciesLayerNorm(nn.Module):
    """Layer normalisation with weights of each species.

    Args:
        width: Number of channels.
        species: Number of species.
    """

    def __init__(self, width: int, species: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(species, width))
        self.bias = nn.Parameter(torch.zeros(species, width))

    def forward(self, x: Tensor, species: Tensor) -> Tensor:
        """Normalise each row of `(nodes, width)`."""
        weight, bias = (table.index_select(0, species) for table in (self.weight, self.bias))
        return layer_norm(x, x.shape[-1:]) * weight + bias


class Stages(nn.Module):
    """Activation, layer norm and linear layer, several times.

    Args:
        widths: Of the input, after each stage, and of the output.
        inputs: Number of inputs of the layer before.
        species: Number of species.
        normalize: Whether there are layer norms.
        slope: Of the activations at first; by default one over the inputs of the layer before.
    """

    def __init__(
        self, widths: Sequence[int], inputs: int, species: int, normalize: bool, slope: float | None = None
    ) -> None:
        super().__init__()
        self.parts = nn.ModuleList()
        for k, (width, after) in enumerate(pairwise(widths)):
            self.parts.append(SpeciesActivation(width, 1 / inputs if slope is None else slope, species))
            if normalize:
                self.parts.append(SpeciesLayerNorm(width, species))
            self.parts.append(SpeciesDense(width, after, species, zero=k == len(widths) - 2))
            inputs = width

    def forward(self, x: Tensor, species: Tensor) -> Tensor:
        """Apply the stages."""
        for part in self.parts:
            x = part(x, species)
        return x


class SpeciesNetwork(nn.Module):
    r"""A linear layer, residual blocks, and a linear layer after a last activation.

    $$x \mapsto W_2\, f\big( (1 + B) \cdots (1 + B)\, W_1 x \big)$$

    A block $B$ is, for every hidden layer, an activation, a layer norm and a linear layer; it ends with the
    width with which it began.

    Args:
        inputs, outputs: Widths.
        hidden: Widths of the hidden layers.
        species: Number of species.
        blocks: Number of residual blocks.
        normalize: Whether blocks have layer norms.
        slope: Of the activations at first. By default one over the inputs of the layer before, as published;
            for inputs of size one that is nearly no activation, and 1 learns sooner.

    Shape:
        `(nodes, inputs)` and species `(nodes,)` to `(nodes, outputs)`.

    Raises:
        ValueError: If there is no hidden layer, or a width is not positive.

    Source:
        The networks of REANN: Y. Zhang, J. Xia, B. Jiang, J. Chem. Phys. 156, 114801 (2022).

    Examples:
        >>> network = SpeciesNetwork(108, 8, (128, 128), species=3)
        >>> sum(p.numel() for p in network.parameters())
        147864
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        hidden: Sequence[int],
        species: int,
        blocks: int = 1,
        normalize: bool = True,
        slope: float | None = None,
    ) -> None:
        super().__init__()
        if not hidden or min(inputs, outputs, species, *hidden) < 1:
            raise ValueError(
                "a network has positive widths and at least one hidden layer, not "
                f"{[inputs, *hidden, outputs]} for {species} species"
            )
        first, last = hidden[0], hidden[-1]
        self.first = SpeciesDense(inputs, first, species)
        self.blocks = nn.ModuleList(
            Stages([*hidden, first], inputs, species, normalize, slope) for _ in range(blocks)
        )
        self.last = Stages([first, outputs], last if blocks else inputs, species, False, slope)

    def forward(self, x: Tensor, species: Tensor) -> Tensor:
        """Apply the networks of these species."""
        x = self.first(x, species)
        for block in self.blocks:
            x = x + block(x, species)
        result: Tensor = self.last(x, species)
        return result
