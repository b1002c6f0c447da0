r"""Equivariant linear maps: channels of equal irreps are mixed, components are left alone (Schur's lemma)."""

from math import prod
from typing import Any, NamedTuple

from cartesian.kernels.arrays import as_array, namespace
from cartesian.spec import Irreps


class Mixing(NamedTuple):
    """One matrix of a linear map: block `source` to block `target`, its part of the weights, its shape."""

    source: int
    target: int
    weights: slice
    shape: tuple[int, int]


def mixings(irreps: Irreps | str, out: Irreps | str) -> tuple[Mixing, ...]:
    """The matrices of the linear maps from `irreps` to `out`, in the order of their weights.

    >>> mixings("4x0e + 2x1o", "3x0e")
    (Mixing(source=0, target=0, weights=slice(0, 12, None), shape=(4, 3)),)
    """
    found, start = [], 0
    for target, b in enumerate(Irreps(out)):
        for source, a in enumerate(Irreps(irreps)):
            if a.irrep == b.irrep:
                stop = start + a.channels * b.channels
                found.append(Mixing(source, target, slice(start, stop), (a.channels, b.channels)))
                start = stop
    return tuple(found)


def linear(features: Any, weights: Any, irreps: Irreps | str, out: Irreps | str) -> Any:
    r"""Mix the channels of each irrep.

    $$z_{oc'} = \sum_c x_{oc}\, W_{cc'}$$

    An irrep of `out` that does not occur in `irreps` is zero.

    Args:
        features: `(..., ·)`, blocks `(2ℓ+1, channels)` of `irreps`; NumPy or torch.
        weights: `(·,)`, the matrices of `mixings(irreps, out)` one after the other, rows first.
        irreps: Irreps of the features.
        out: Irreps of the result.

    Returns:
        `(..., ·)`, blocks of `out`.

    Raises:
        ValueError: If features or weights have another length than the irreps ask for.

    Examples:
        >>> import numpy as np
        >>> linear(np.array([1.0, 2.0, 3.0]), np.array([10.0]), "1o", "1o + 0e")
        array([10., 20., 30.,  0.])
    """
    features, irreps, out = as_array(features), Irreps(irreps), Irreps(out)
    xp, parts = namespace(features), mixings(irreps, out)
    count = parts[-1].weights.stop if parts else 0
    if features.shape[-1] != irreps.dim:
        raise ValueError(f"features of {irreps} have length {irreps.dim}, not {features.shape[-1]}")
    if tuple(weights.shape) != (count,):
        raise ValueError(
            f"a linear map from {irreps} to {out} has {count} weights, not {tuple(weights.shape)}"
        )
    leading = features.shape[:-1]
    results: list[Any] = [None] * len(out)
    for part in parts:
        block = features[..., irreps.slices[part.source]]
        # One matrix product over all rows and components.
        block = block.reshape(prod(leading) * out[part.target].irrep.dim, part.shape[0])
        block = block @ weights[part.weights].reshape(part.shape)
        block = block.reshape(*leading, out[part.target].dim)
        old = results[part.target]
        results[part.target] = block if old is None else old + block
    empty = features[..., :1] * 0
    filled = [
        xp.broadcast_to(empty, (*leading, block.dim)) if result is None else result
        for block, result in zip(out, results, strict=True)
    ]
    return xp.concatenate(filled, -1) if filled else features[..., :0]
