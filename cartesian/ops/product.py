"""Product of two sets of features over chosen paths, channel with equal channel."""

from typing import Any

from cartesian.kernels.arrays import namespace
from cartesian.kernels.run import Kernel, run
from cartesian.programs.program import Program


def product(program: Program, left: Any, right: Any, weights: Any, kernel: Kernel | None = None) -> Any:
    r"""Multiply features row by row.

    $$z_{oc} = \sum_p w_{pc} \sum_{ab} C^p_{abo}\, x_{ac}\, y_{bc}$$

    Args:
        program: The paths, from `cartesian.programs.build.product`.
        left, right: `(rows, ·)`, blocks `(2ℓ+1, channels)`.
        weights: `(paths × channels,)` for all rows, or `(rows, paths × channels)`.
        kernel: Which kernel to run; `None` takes the fastest.

    Returns:
        `(rows, ·)`, blocks of the program's output. In torch differentiable to any order.

    Examples:
        >>> import numpy as np
        >>> from cartesian.programs.build import product as build
        >>> program = build("1x1o", "1x1o", "1e", normalization="natural")
        >>> product(program, np.array([[1.0, 0, 0]]), np.array([[0, 1.0, 0]]), np.ones(1))  # x × y = z
        array([[0., 0., 1.]])
    """
    if weights.ndim == 1:
        weights = namespace(weights).broadcast_to(weights, (left.shape[0], weights.shape[0]))
    return run(program, [weights, left, right], kernel=kernel)[0]
