r"""Updates: what an atom was, and what its neighbours told it, added.

The sum of two independent features of second moment one has two, hence the factor $1/\sqrt{2}$; published
models that leave it out pass `scale=1`.
"""

import torch
from torch import Tensor, nn

from cartesian.nn.layers.blocks import from_blocks, to_blocks
from cartesian.nn.layers.linear import Linear, SpeciesLinear
from cartesian.spec import Irreps


class Residual(nn.Module):
    r"""Add a message to features that may lack some of its irreps, or have others.

    $$h' = s\, (h + m)$$

    Channels beyond those of the message are left out, and missing ones are zero.

    Args:
        irreps: Irreps of the features, each in at most one block.
        out: Irreps of the message and of the result.
        scale: $s$; it multiplies only channels that both have.

    Shape:
        `(..., irreps.dim)` and `(..., out.dim)` to `(..., out.dim)`.

    Raises:
        ValueError: If an irrep occurs in two blocks, or with different numbers of channels.
    """

    def __init__(self, irreps: Irreps | str, out: Irreps | str, scale: float = 0.5**0.5) -> None:
        super().__init__()
        self.irreps, self.out, self.scale = Irreps(irreps), Irreps(out), scale
        for part in (self.irreps, self.out):
            if len({block.irrep for block in part}) < len(part):
                raise ValueError(
                    f"a residual adds block to block, but {part} has an irrep twice: simplify it"
                )
        for block in self.out:
            if block.irrep in self.irreps and self.irreps.count(block.irrep) != block.channels:
                raise ValueError(
                    f"{self.irreps.count(block.irrep)} and {block.channels} channels of {block.irrep} "
                    "cannot be added: mix them with a SelfConnection"
                )

    def forward(self, features: Tensor, message: Tensor) -> Tensor:
        """The sum."""
        kinds = [block.irrep for block in self.irreps]
        own = dict(zip(kinds, to_blocks(features, self.irreps), strict=True))
        return from_blocks(
            [
                (own[kind.irrep] + block) * self.scale if kind.irrep in own else block
                for kind, block in zip(self.out, to_blocks(message, self.out), strict=True)
            ]
        )

    def extra_repr(self) -> str:
        """The irreps."""
        return f"{self.irreps} + {self.out}, scale={self.scale:.4g}"


class SelfConnection(nn.Module):
    r"""Add a message to features whose channels are mixed, with weights of each species if wanted.

    $$h'_i = s\, (W_{z_i} h_i + m_i)$$

    Args:
        irreps: Irreps of the features.
        out: Irreps of the message and of the result.
        species: Number of species; by default all share their weights.
        scale: $s$.

    Shape:
        Features `(nodes, irreps.dim)`, message `(nodes, out.dim)`, species `(nodes,)` to `(nodes, out.dim)`.
    """

    def __init__(
        self, irreps: Irreps | str, out: Irreps | str, species: int = 1, scale: float = 0.5**0.5
    ) -> None:
        super().__init__()
        self.scale = scale
        self.linear = SpeciesLinear(irreps, out, species) if species > 1 else Linear(irreps, out)

    def forward(self, features: Tensor, message: Tensor, species: Tensor | None = None) -> Tensor:
        """The sum."""
        own = self.linear(features) if isinstance(self.linear, Linear) else self.linear(features, species)
        return torch.add(own, message) * self.scale

    def extra_repr(self) -> str:
        """The scale."""
        return f"scale={self.scale:.4g}"
