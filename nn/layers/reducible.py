r"""Layers of tensors with all their components, as HotPP's are: linear maps, gates, products, readouts.

Features are flat, `(nodes, ·)`, blocks `(3^n, channels)` of ranks $n = 0, 1, \dots$ one after the other.
"""

from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from cartesian.kernels.arrays import constant
from cartesian.kernels.edges import Edges
from cartesian.nn.layers.blocks import from_blocks, to_blocks
from cartesian.nn.radial.activation import Activation, second_moment
from cartesian.nn.radial.perceptron import Perceptron
from cartesian.ops.linear import linear
from cartesian.ops.reducible import direction_message, rank_powers
from cartesian.ops.spaces import TensorSpace
from cartesian.programs.reducible import DirectionMessage, RankPowers, Sharing
from cartesian.spec import Irrep, Irreps
from cartesian.tables.lookup import frame


def to_ranks(features: Tensor, channels: Sequence[int]) -> list[Tensor]:
    """Views `(nodes, 3^n, channels[n])` of flat features, one for each rank.

    Raises:
        ValueError: If the features have another length.
    """
    sizes = [3**n * count for n, count in enumerate(channels)]
    if features.shape[-1] != sum(sizes):
        raise ValueError(
            f"tensors of ranks 0 to {len(sizes) - 1} with {list(channels)} channels have "
            f"{sum(sizes)} numbers, not {features.shape[-1]}"
        )
    parts = torch.split(features, sizes, dim=-1)
    return [torch.unflatten(part, -1, (3**n, channels[n])) for n, part in enumerate(parts)]


def from_ranks(blocks: Iterable[Tensor]) -> Tensor:
    """Flat features of blocks `(nodes, 3^n, channels)`, the inverse of `to_ranks`."""
    return torch.cat([block.flatten(-2) for block in blocks], dim=-1)


class RankLinear(nn.Module):
    r"""Mix the channels of each rank; scalars have a bias.

    $$z_{n c'} = \frac{s}{\sqrt{C_n}} \sum_{c=1}^{C_n} x_{n c}\, W^{(n)}_{c c'} + \delta_{n0}\, b_{c'}$$

    Args:
        inputs: Number of channels $C_n$ of each rank, rank 0 first.
        outputs: Number of channels of the result, the same for all ranks.
        scale: $s$, which multiplies the weights.

    Shape:
        `(nodes, ·)`, in and out.
    """

    def __init__(self, inputs: Sequence[int], outputs: int, scale: float = 1.0) -> None:
        super().__init__()
        self.inputs, self.scale = tuple(inputs), scale
        # A linear map asks a block for its number of components only; there is an irrep for any odd number.
        kinds = [Irrep((3**n - 1) // 2, 1) for n in range(len(self.inputs))]
        self.irreps = Irreps(zip(self.inputs, kinds, strict=True))
        self.out = Irreps((outputs, kind) for kind in kinds)
        self.weight = nn.Parameter(torch.randn(sum(inputs), outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, features: Tensor) -> Tensor:
        """Mix the channels."""
        weights = (self.weight * self._factors()).flatten()
        mixed: Tensor = linear(features, weights, self.irreps, self.out)
        return mixed + nn.functional.pad(self.bias, (0, mixed.shape[-1] - len(self.bias)))

    def _factors(self) -> Tensor | float:
        """What multiplies each line of the matrices."""
        factors = [self.scale * count**-0.5 for count in self.inputs]
        if len(set(factors)) == 1:
            return factors[0]
        lines = [factor for factor, count in zip(factors, self.inputs, strict=True) for _ in range(count)]
        return self.weight.new_tensor(lines)[:, None]

    def extra_repr(self) -> str:
        """The channels of each rank."""
        return f"{self.inputs} -> {self.weight.shape[1]}"


class RankGate(nn.Module):
    r"""Scale the tensors of one rank, every channel by a function of its squared norm.

    $$T_c \mapsto a\, g(w_c \lVert T_c \rVert^2 + b_c)\, T_c, \qquad \text{scalars: }
      x_c \mapsto a\, g(w_c x_c + b_c)\, x_c$$

    At first $w = 1$ and $b = 0$, and $a$ keeps the second moment of normal tensors. With the logistic
    function as $g$ scalars go through SiLU, with `tanh_ratio` through tanh, with `step` through ReLU.

    Args:
        channels: Number of channels.
        rank: Number of Cartesian indices $n$.
        gate: $g$; by default the logistic function.

    Shape:
        `(nodes, 3^n, channels)`, in and out.

    Source:
        Y. Wang et al., Nat. Commun. 15, 7607 (2024), where scalars have $w$ and $b$ too, and do not use them.
    """

    def __init__(self, channels: int, rank: int, gate: Activation = torch.sigmoid) -> None:
        super().__init__()
        self.rank, self.gate = rank, gate
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        if rank == 0:
            moment = second_moment(lambda x: gate(x) * x)
        else:
            moment = second_moment(lambda norm: gate(norm.square()) * norm, (3**rank - 1) // 2) / 3**rank
        self.factor = moment**-0.5

    def forward(self, block: Tensor) -> Tensor:
        """Apply the gate."""
        scaled: Tensor = self.factor * self.gate(self.weight * self.invariant(block) + self.bias) * block
        return scaled

    def invariant(self, block: Tensor) -> Tensor:
        """The squared norm, or a scalar itself, `(nodes, 1, channels)`."""
        return block.square().sum(-2, keepdim=True) if self.rank else block

    def extra_repr(self) -> str:
        """Channels and rank."""
        return f"{len(self.weight)}, rank={self.rank}"


class RankGates(nn.Module):
    """A gate for every rank, one for scalars and one for tensors, all ranks at once.

    Args:
        channels: Number of channels.
        rank: Largest rank.
        even, gate: $g$ of scalars and of tensors; see `RankGate`.

    Shape:
        `(nodes, ·)`, in and out.
    """

    def __init__(
        self, channels: int, rank: int, even: Activation = torch.sigmoid, gate: Activation = torch.sigmoid
    ) -> None:
        super().__init__()
        self.channels = (channels,) * (rank + 1)
        self.ranks = nn.ModuleList(RankGate(channels, n, gate if n else even) for n in range(rank + 1))
        self._functions = [even] if even is gate else [even, gate]
        self._factors = np.array([[gate.factor] for gate in self.ranks])

    def forward(self, features: Tensor) -> Tensor:
        """Apply the gates."""
        blocks = to_ranks(features, self.channels)
        weight, bias = self._stacked("weight"), self._stacked("bias")
        # An entry of a list of modules has no type.
        kinds = cast("Iterable[RankGate]", self.ranks)
        invariants = [gate.invariant(block) for gate, block in zip(kinds, blocks, strict=True)]
        arguments = torch.addcmul(bias, weight, torch.cat(invariants, dim=1))
        scales = (constant(self._factors, features) * self._gated(arguments)).split(1, dim=1)
        spread = [scale.expand_as(block) for scale, block in zip(scales, blocks, strict=True)]
        return torch.cat(spread, dim=1).flatten(1) * features

    def _stacked(self, name: str) -> Tensor:
        """A parameter of all ranks, `(ranks, channels)`."""
        return torch.stack([getattr(gate, name) for gate in self.ranks])

    def _gated(self, arguments: Tensor) -> Tensor:
        """The functions of scalars and of tensors, of `(nodes, ranks, channels)`."""
        first, *other = self._functions
        if not other:
            return first(arguments)
        return torch.cat([first(arguments[:, :1]), other[0](arguments[:, 1:])], dim=1)


class RankMessage(nn.Module):
    r"""Contract the tensors of neighbours with powers of the directions, sum over neighbours, mix.

    $$m_{i,o} = V_o\, \frac{1}{\bar n} \sum_{j \to i} \sum_{n + r - 2z = o} w_{ji,r}\;
      (U T)_{j,n} \cdot_z u_{ji}^{\otimes r}$$

    Args:
        channels: Number of channels.
        rank: Largest rank of the features.
        edge_rank: Largest power $r$ of a direction.
        out_rank: Largest rank of the message.
        sharing: Whether contractions with the same power of the direction share their weights ("rank"), or
            each has its own ("path").
        factors: With more than one, the sums are multiplied with each other before they are mixed: all
            contractions of that many, of the same channel.
        neighbors: $\bar n$, the average number of neighbours.

    Attributes:
        weights: Number of weights $w$ of an edge.

    Shape:
        Features `(nodes, ·)`, directions `(edges, 3)` and weights `(edges, weights)` to `(nodes, ·)`.

    Raises:
        ValueError: If the number of neighbours is not positive, or that of factors.

    Source:
        Y. Wang et al., Nat. Commun. 15, 7607 (2024); products of messages are in the later code of HotPP.
    """

    def __init__(
        self,
        channels: int,
        rank: int,
        edge_rank: int,
        out_rank: int,
        sharing: Sharing = "rank",
        factors: int = 1,
        neighbors: float = 1.0,
    ) -> None:
        super().__init__()
        if not neighbors > 0 or factors < 1:
            raise ValueError(
                f"sums are divided by a positive number of neighbours and have at least one factor, "
                f"not {neighbors!r} and {factors!r}"
            )
        self.neighbors = float(neighbors)
        self.program = DirectionMessage(channels, rank, edge_rank, out_rank, sharing)
        self.powers = RankPowers(channels, out_rank, factors)
        self.weights = self.program.weights * channels
        self.up = RankLinear([channels] * (rank + 1), channels)
        # Powers of sums are no sums: then it is the sums that are divided.
        scale = 1 / self.neighbors if factors == 1 else 1.0
        self.mix = RankLinear([channels * count for count in self.powers.copies], channels, scale)

    def forward(self, features: Tensor, directions: Tensor, weights: Tensor, edges: Edges) -> Tensor:
        """Messages to all atoms."""
        sums = direction_message(self.program, self.up(features), directions, weights, edges)
        if self.powers.factors > 1:
            sums = rank_powers(self.powers, sums / self.neighbors)
        message: Tensor = self.mix(sums)
        return message


class RankReadout(nn.Module):
    r"""Irreps of an observable from the tensors of each atom.

    Tensors of every rank that is needed go through two linear maps, $y = L_2\, g(L_1 h)$. That of the rank of
    the observable is projected onto its index symmetry; irreps of lower degree come from the trace-free parts
    of the tensors of their own rank besides. For a polarizability that is $a_i 1 + \mathrm{sym}\, B_i$.

    Args:
        channels: Number of channels.
        rank: Largest rank of the features.
        irreps: What is wanted.
        space: Index symmetry of the observable; by default there is none, and irreps of natural parity come
            from trace-free parts alone.

    Shape:
        `(nodes, ·)` to `(nodes, irreps.dim)`.

    Raises:
        ValueError: If the features have no tensors of a rank that is needed, or the observable is axial.

    Source:
        Y. Wang et al., Nat. Commun. 15, 7607 (2024).
    """

    def __init__(
        self, channels: int, rank: int, irreps: Irreps | str, space: TensorSpace | None = None
    ) -> None:
        super().__init__()
        self.irreps, self.space = Irreps(irreps), space
        self.channels = (channels,) * (rank + 1)
        copies = {} if space is None else {space.rank: 1}
        projected = Irreps([]) if space is None else space.irreps
        for block in self.irreps:
            if block.irrep.is_natural:
                copies.setdefault(block.irrep.degree, block.channels)
            elif block.irrep not in projected or (space is not None and space.symmetry.axial):
                raise ValueError(f"{block.irrep} is no part of tensors of natural parity that are not axial")
        if max(copies, default=0) > rank:
            raise ValueError(
                f"{self.irreps} is read from tensors of rank {max(copies)}, but those of the atoms end with "
                f"rank {rank}"
            )
        self.branches = nn.ModuleDict(
            {
                str(n): nn.Sequential(
                    Perceptron([channels, channels], bias=n == 0),
                    RankGate(channels, n),
                    Perceptron([channels, count], bias=n == 0),
                )
                for n, count in sorted(copies.items())
            }
        )

    def forward(self, features: Tensor) -> Tensor:
        """Read the irreps out."""
        blocks = to_ranks(features, self.channels)
        tensors = {int(n): branch(blocks[int(n)]) for n, branch in self.branches.items()}
        parts: dict[Irrep, Tensor] = {}
        if self.space is not None:
            top = tensors.pop(self.space.rank).reshape(features.shape[0], *[3] * self.space.rank)
            irreps = self.space.irreps
            whole = to_blocks(self.space.to_irreps(top, tolerance=None), irreps)
            parts = {block.irrep: part for block, part in zip(irreps, whole, strict=True)}
        for n, tensor in tensors.items():
            table = constant(frame(n).reshape(2 * n + 1, 3**n), features)
            irrep = Irrep(n, (-1) ** n)
            parts[irrep] = parts.get(irrep, 0) + table @ tensor
        return from_blocks(parts[block.irrep] for block in self.irreps)
