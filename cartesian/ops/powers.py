"""Symmetric products of features with themselves, weighted per element."""

from typing import Any

import numpy as np

from cartesian.kernels import lanes_reference
from cartesian.kernels.arrays import constant, namespace
from cartesian.kernels.groups import sort_groups
from cartesian.programs.powers import Power, lanes


def symmetric_powers(power: Power, features: Any, weights: Any, species: Any) -> Any:
    r"""Sum the symmetric powers of features up to a correlation, with weights per element.

    $$z_{nMc} = \sum_\nu \sum_k W_{s_n k c}\, P^{\nu k}_M(x_{n \cdot c})$$

    The weights are folded with the couplings into one coefficient per monomial, once per element; nodes see
    a polynomial. Nodes are summed in a fixed order.

    Args:
        power: From `cartesian.programs.powers.power_program`.
        features: `(nodes, ·)`, blocks `(2ℓ+1, channels)` of its irreps; NumPy or torch.
        weights: `(elements, power.weights, channels)`, in the order of `power.copies`.
        species: `(nodes,)`, integers, the element of each node.

    Returns:
        `(nodes, ·)`, blocks `(2L+1, channels)` of `power.out`. In torch differentiable to any order.

    Raises:
        TypeError: If species are not integers.
        ValueError: If a shape does not fit, or a species has no weights.

    Examples:
        >>> from cartesian.programs.powers import power_program
        >>> power = power_program("1o", 2, "0e")  # one copy, r · r / √3
        >>> symmetric_powers(power, np.array([[1.0, 2.0, 2.0]]), np.ones((1, 1, 1)), np.array([0])) * 3**0.5
        array([[9.]])
    """
    xp = namespace(features, weights)
    if weights.ndim != 3 or weights.shape[1] != power.weights:
        raise ValueError(
            f"weights have shape {tuple(weights.shape)}, not (elements, {power.weights}, channels): "
            "one per copy"
        )
    channels, dim = weights.shape[2], power.irreps.dim
    if features.ndim != 2 or features.shape[1] != dim * channels:
        raise ValueError(
            f"features have shape {tuple(features.shape)}, not (nodes, {dim * channels}): "
            f"{channels} channels of {power.irreps}"
        )
    if species.shape != (features.shape[0],):
        raise ValueError(f"species have shape {tuple(species.shape)}, but there are {len(features)} nodes")
    out: Any
    coefficients = constant(power.folding.T, weights) @ weights
    operands = [coefficients, features.reshape(-1, dim, channels)]
    if xp is np:
        _check_species(species, len(weights))
        out = lanes_reference.run(lanes(power.text), operands, species, len(weights))[0]
    else:
        from cartesian.kernels import lanes as kernel

        groups = sort_groups(species, len(weights))
        out = kernel.run(power.text, operands, groups)[0]
    return out.reshape(features.shape[0], power.out.dim * channels)


def _check_species(species: np.ndarray, count: int) -> None:
    if species.dtype.kind not in "iu":
        raise TypeError(f"species are integers, not {species.dtype}")
    if len(species) and not (species.min() >= 0 and species.max() < count):
        raise ValueError(
            f"species run from {species.min()} to {species.max()}, but there are weights for {count}"
        )
