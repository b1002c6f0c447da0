"""Tensor products whose weights all rows share, in every mode."""

from typing import Any

import numpy as np

from cartesian.kernels import forms
from cartesian.kernels.arrays import namespace
from cartesian.kernels.run import run
from cartesian.programs.tensor_product import TensorProduct


def tensor_product(program: TensorProduct, left: Any, right: Any, weights: Any) -> Any:
    r"""Multiply features row by row, and mix their channels.

    In mode uvw, the fully connected one,

    $$z_{ow} = \sum_p \sum_{uv} w^p_{uvw} \sum_{ab} C^p_{abo}\, x_{au}\, y_{bv} .$$

    Args:
        program: From `cartesian.programs.tensor_product.tensor_product`.
        left, right: `(rows, ·)`, blocks `(2ℓ+1, channels)`; NumPy or torch, one dtype.
        weights: `(program.weights,)`, path by path; of each path `(u,)`, `(v, u)`, `(u, w)` or `(u, v, w)`.

    Returns:
        `(rows, ·)`, blocks of `program.out`. In torch differentiable to any order.

    Raises:
        ValueError: If a shape does not fit.
        TypeError: If the dtypes differ.

    Examples:
        >>> from cartesian.programs.tensor_product import tensor_product as build
        >>> program = build("1o", "1o", "1e", "uvw", "natural")
        >>> x, y = np.array([[1.0, 0, 0]]), np.array([[0, 1.0, 0]])
        >>> tensor_product(program, x, y, np.array([2.0]))  # 2 x × y
        array([[0., 0., 2.]])
    """
    shape = (program.weights,)
    if tuple(weights.shape) != shape:
        raise ValueError(f"the product has {program.weights} weights, not {tuple(weights.shape)}")
    for name, array, irreps in (("left", left, program.left), ("right", right, program.right)):
        if array.ndim != 2 or array.shape[1] != irreps.dim:
            raise ValueError(f"{name} has shape {tuple(array.shape)}, not (rows, {irreps.dim}): {irreps}")
        if array.dtype != weights.dtype:
            raise TypeError(f"{name} has dtype {array.dtype}, but the weights have {weights.dtype}")
    if len(left) != len(right):
        raise ValueError(f"left has {len(left)} rows, but right has {len(right)}")
    if program.form is not None:
        return forms.run(program.text, [weights, left, right])
    assert program.program is not None
    if program.mixing is None:
        return run(program.program, [_all_rows(weights, left), left, right])[0]
    ones = _all_rows(_ones(program.program.row(0), weights), left)
    if program.mode == "uvu":
        return run(program.program, [ones, left, forms.run(program.text, [weights, right])])[0]
    return forms.run(program.text, [weights, run(program.program, [ones, left, right])[0]])


def _all_rows(weights: Any, rows: Any) -> Any:
    return namespace(weights).broadcast_to(weights, (rows.shape[0], weights.shape[0]))


def _ones(count: int, like: Any) -> Any:
    return np.ones(count, like.dtype) if isinstance(like, np.ndarray) else like.new_ones(count)
