"""Flat features as a list of blocks, components outside and channels inside, and back."""

from collections.abc import Iterable

import torch
from torch import Tensor

from cartesian.spec import Irreps


def to_blocks(features: Tensor, irreps: Irreps) -> list[Tensor]:
    """Views `(..., 2ℓ+1, channels)` of flat features `(..., irreps.dim)`.

    Raises:
        ValueError: If the features have another length.

    Examples:
        >>> [block.tolist() for block in to_blocks(torch.arange(4.0), Irreps("0e + 1o"))]
        [[[0.0]], [[1.0], [2.0], [3.0]]]
    """
    if features.shape[-1] != irreps.dim:
        raise ValueError(f"features of {irreps} have length {irreps.dim}, not {features.shape[-1]}")
    # One split, whose gradient is one concatenation.
    parts = torch.split(features, [block.dim for block in irreps], dim=-1)
    return [
        torch.unflatten(part, -1, (block.irrep.dim, block.channels))
        for part, block in zip(parts, irreps, strict=True)
    ]


def from_blocks(blocks: Iterable[Tensor]) -> Tensor:
    """Flat features `(..., ·)` of blocks `(..., 2ℓ+1, channels)`, the inverse of `to_blocks`."""
    return torch.cat([block.flatten(-2) for block in blocks], dim=-1)
