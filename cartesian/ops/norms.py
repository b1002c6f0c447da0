r"""Invariants of features: inner products and norms, channel by channel.

Components stand in orthonormal frames, so these are the inner products and norms of the full tensors.
"""

from typing import Any

from cartesian.kernels.arrays import as_array, namespace
from cartesian.spec import Irreps


def inner_products(left: Any, right: Any, irreps: Irreps | str) -> Any:
    r"""Inner products $\sum_o x_{oc}\, y_{oc}$ of equal channels.

    Args:
        left, right: `(..., ·)`, blocks `(2ℓ+1, channels)` of `irreps`; NumPy or torch.
        irreps: Irreps of both.

    Returns:
        `(..., channels)`, the channels of all blocks one after the other.

    Raises:
        ValueError: If one has another length than the irreps ask for.

    Examples:
        >>> import numpy as np
        >>> inner_products(np.array([1.0, 2.0, 2.0, 5.0]), np.ones(4), "1o + 0e")
        array([5., 5.])
    """
    left, right, irreps = as_array(left), as_array(right), Irreps(irreps)
    for features in (left, right):
        if features.shape[-1] != irreps.dim:
            raise ValueError(f"features of {irreps} have length {irreps.dim}, not {features.shape[-1]}")
    products = left * right
    sums = [
        products[..., part].reshape(*products.shape[:-1], block.irrep.dim, block.channels).sum(-2)
        for block, part in zip(irreps, irreps.slices, strict=True)
    ]
    return namespace(left, right).concatenate(sums, -1) if sums else products


def squared_norms(features: Any, irreps: Irreps | str) -> Any:
    r"""Squared norms $\sum_o x_{oc}^2$ of every channel, `(..., channels)`; smooth everywhere.

    >>> import numpy as np
    >>> squared_norms(np.array([1.0, 2.0, 2.0, 5.0]), "1o + 0e")
    array([ 9., 25.])
    """
    return inner_products(features, features, irreps)


def norms(features: Any, irreps: Irreps | str) -> Any:
    r"""Norms $(\sum_o x_{oc}^2)^{1/2}$ of every channel, `(..., channels)`.

    The norm has no derivative at zero; there it is 0 with all its derivatives.

    >>> import numpy as np
    >>> norms(np.array([1.0, 2.0, 2.0, 0.0]), "1o + 0e")
    array([3., 0.])
    """
    squares = squared_norms(features, irreps)
    xp = namespace(squares)
    zero = squares == 0
    roots = xp.sqrt(xp.where(zero, xp.ones_like(squares), squares))
    return xp.where(zero, xp.zeros_like(squares), roots)
