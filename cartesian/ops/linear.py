r"""Equivariant linear maps: channels of equal irreps are mixed, components are left alone (Schur's lemma)."""

from math import prod
from typing import Any

import numpy as np

from cartesian.kernels import forms
from cartesian.kernels.arrays import as_array, namespace
from cartesian.kernels.groups import Groups
from cartesian.programs.mixing import describe, linear_map
from cartesian.spec import Irreps


def linear(
    features: Any, weights: Any, irreps: Irreps | str, out: Irreps | str, groups: Groups | None = None
) -> Any:
    r"""Mix the channels of each irrep.

    $$z_{oc'} = \sum_c x_{oc}\, W_{cc'}$$

    An irrep of `out` that does not occur in `irreps` is zero.

    Args:
        features: `(..., ·)`, blocks `(2ℓ+1, channels)` of `irreps`; NumPy or torch.
        weights: `(·,)`, the matrices of `mixings(irreps, out)` one after the other, rows first.
        irreps: Irreps of the features.
        out: Irreps of the result.
        groups: Rows that have weights of their own, which then are `(groups, ·)`; `sort_groups(…)` makes
            them. Features are `(rows, ·)`.

    Returns:
        `(..., ·)`, blocks of `out`. In torch differentiable to any order.

    Raises:
        ValueError: If features or weights have another length than the irreps ask for.

    Examples:
        >>> linear(np.array([1.0, 2.0, 3.0]), np.array([10.0]), "1o", "1o + 0e")
        array([10., 20., 30.,  0.])
    """
    features = as_array(features)
    xp = namespace(features, weights)
    compiling = xp is not np and xp.compiler.is_compiling()
    text, lengths = describe(Irreps(irreps), Irreps(out)) if compiling else linear_map(irreps, out)
    if features.shape[-1] != lengths[1]:
        raise ValueError(f"features of {Irreps(irreps)} have length {lengths[1]}, not {features.shape[-1]}")
    shape = lengths[:1] if groups is None else (groups.starts.shape[0] - 1, lengths[0])
    if tuple(weights.shape) != shape:
        raise ValueError(
            f"a linear map from {Irreps(irreps)} to {Irreps(out)} has {lengths[0]} weights"
            f"{'' if groups is None else f' for each of {shape[0]} groups'}, not {tuple(weights.shape)}"
        )
    if groups is not None and (features.ndim != 2 or len(features) != len(groups.order)):
        raise ValueError(
            f"{len(groups.order)} rows belong to groups, but features are {tuple(features.shape)}"
        )
    if features.ndim == 2:
        return forms.run(text, [weights, features], groups)
    leading = features.shape[:-1]
    rows = features.reshape(prod(leading), lengths[1])
    return forms.run(text, [weights, rows]).reshape(*leading, lengths[2])
