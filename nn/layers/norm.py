r"""Normalisation of features by their root mean square, channels and components together."""

import torch
from torch import Tensor, nn

from cartesian.nn.layers.blocks import from_blocks, to_blocks
from cartesian.spec import Irrep, Irreps


class RMSNorm(nn.Module):
    r"""Divide each block by the root mean square of its components and channels.

    $$T_{oc} \mapsto \frac{w_c\, T_{oc}}{\sqrt{\langle T^2 \rangle + \epsilon}}$$

    The mean runs over the $2\ell + 1$ components and all channels of the block, so it is invariant.

    Args:
        irreps: Irreps of the features.
        epsilon: $\epsilon$; what is much smaller than its root stays small.

    Shape:
        `(..., irreps.dim)`, in and out.

    Source:
        B. Zhang, R. Sennrich, NeurIPS 2019, for scalars.
    """

    def __init__(self, irreps: Irreps | str, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.irreps, self.epsilon = Irreps(irreps), epsilon
        self.weight = nn.Parameter(torch.ones(self.irreps.channels))

    def forward(self, features: Tensor) -> Tensor:
        """Normalise features."""
        weights = torch.split(self.weight, [block.channels for block in self.irreps])
        blocks = zip(to_blocks(features, self.irreps), weights, strict=True)
        return from_blocks([self.scaled(block) * weight for block, weight in blocks])

    def scaled(self, block: Tensor) -> Tensor:
        """A block of root mean square one."""
        return block * torch.rsqrt(block.square().mean((-2, -1), keepdim=True) + self.epsilon)

    def extra_repr(self) -> str:
        """The irreps."""
        return f"{self.irreps}, epsilon={self.epsilon}"


class LayerNorm(RMSNorm):
    r"""Subtract the mean over channels from `0e` blocks, then divide all blocks by their root mean square.

    $$x_c \mapsto \frac{w_c\, y_c}{\sqrt{\langle y^2 \rangle + \epsilon}} + b_c, \quad
      T_{oc} \mapsto \frac{w_c\, T_{oc}}{\sqrt{\langle T^2 \rangle + \epsilon}},
      \quad y = x - \langle x \rangle$$

    Args:
        irreps: Irreps of the features.
        epsilon: $\epsilon$.

    Shape:
        `(..., irreps.dim)`, in and out.

    Source:
        J. L. Ba, J. R. Kiros, G. E. Hinton, arXiv:1607.06450, for scalars.
    """

    def __init__(self, irreps: Irreps | str, epsilon: float = 1e-5) -> None:
        super().__init__(irreps, epsilon)
        self.bias = nn.Parameter(torch.zeros(self.irreps.count("0e")))

    def forward(self, features: Tensor) -> Tensor:
        """Normalise features."""
        blocks = to_blocks(features, self.irreps)
        scalars = [kind.irrep == Irrep(0, 1) for kind in self.irreps]
        centred = [
            block - block.mean(-1, keepdim=True) if is_scalar else block
            for block, is_scalar in zip(blocks, scalars, strict=True)
        ]
        blocks = to_blocks(super().forward(from_blocks(centred)), self.irreps)
        biases = iter(torch.split(self.bias, [b.channels for b in self.irreps if b.irrep == Irrep(0, 1)]))
        return from_blocks(
            [
                block + next(biases) if is_scalar else block
                for block, is_scalar in zip(blocks, scalars, strict=True)
            ]
        )
