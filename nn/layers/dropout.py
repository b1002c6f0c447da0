"""Dropout of whole irreps."""

import torch
from torch import Tensor, nn

from cartesian.nn.layers.blocks import from_blocks, to_blocks
from cartesian.spec import Irreps


class Dropout(nn.Module):
    r"""Set channels to zero at random while training, all components of a channel together.

    $$T_c \mapsto \frac{m_c}{1 - p}\, T_c, \qquad m_c = 0 \text{ with probability } p, \text{ else } 1$$

    Args:
        irreps: Irreps of the features.
        probability: $p$, below one.

    Shape:
        `(..., irreps.dim)`, in and out.

    Raises:
        ValueError: If the probability is not in $[0, 1)$.
    """

    def __init__(self, irreps: Irreps | str, probability: float) -> None:
        super().__init__()
        if not 0 <= probability < 1:
            raise ValueError(f"channels are dropped with a probability from 0 to below 1, not {probability}")
        self.irreps, self.probability = Irreps(irreps), probability

    def forward(self, features: Tensor) -> Tensor:
        """Drop channels, or do nothing when not training."""
        if not self.training or self.probability == 0:
            return features
        kept = torch.rand_like(features[..., : self.irreps.channels]) >= self.probability
        masks = (kept / (1 - self.probability)).to(features.dtype)
        parts = torch.split(masks, [block.channels for block in self.irreps], dim=-1)
        blocks = zip(to_blocks(features, self.irreps), parts, strict=True)
        return from_blocks([block * mask[..., None, :] for block, mask in blocks])

    def extra_repr(self) -> str:
        """Irreps and probability."""
        return f"{self.irreps}, probability={self.probability}"
