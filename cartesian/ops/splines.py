r"""Cubic splines of many functions of one variable on equal intervals.

With values $F_k$ at $k = 0 \dots K$ and second derivatives $M_k$ there, the interval as unit, the spline is

$$F_k + t \left( F_{k+1} - F_k - \tfrac{2 M_k + M_{k+1}}{6} \right) + t^2\, \tfrac{M_k}{2}
  + t^3\, \tfrac{M_{k+1} - M_k}{6}, \qquad 0 \le t < 1,$$

and twice differentiable if the $M$ solve a tridiagonal system: they are a fixed linear map of the $F$.
"""

from typing import Any

import numpy as np

from cartesian.kernels.arrays import constant, namespace
from cartesian.kernels.edges import Edges
from cartesian.programs.splines import Spline
from cartesian.tables.lookup import made_once


def spline_coefficients(values: Any, dtype: Any = None) -> Any:
    r"""Polynomials of the spline through values that end flat.

    At the last point the slope is zero, at the first it is that of a polynomial through five points. The
    error is $\tfrac{5}{384} h^4 \max |F^{(4)}|$.

    Args:
        values: $F$, `(K + 1, functions)`, $K \ge 5$; NumPy or torch.
        dtype: Of the result, by default that of the values. To float32 the differences of float64 values are
            rounded, and not the values: slopes keep their digits.

    Returns:
        `(K + 1, 4 × functions)`, ascending powers of $t$ one after the other; constant after the last
        point.

    Raises:
        ValueError: If there are fewer than six points.
    """
    if values.ndim != 2 or len(values) < 6:
        raise ValueError(
            f"a spline goes through at least six points, (points, functions), not {tuple(values.shape)}"
        )
    xp = namespace(values)
    # From differences, which are small: values would leave their rounding in the curvatures.
    steps = values[1:] - values[:-1]
    if dtype is not None:
        values, steps = (x.astype(dtype) if xp is np else x.to(dtype) for x in (values, steps))
    curvatures = constant(_curvatures(len(values)), values) @ steps
    here, there = curvatures[:-1], curvatures[1:]
    cubic = xp.concatenate([values[:-1], steps - here / 3 - there / 6, here / 2, (there - here) / 6], -1)
    end = xp.concatenate([values[-1:], *[0 * values[-1:]] * 3], -1)
    return xp.concatenate([cubic, end], 0)


def spline(coefficients: Any, places: Any) -> Any:
    """Values of splines.

    Args:
        coefficients: `(K + 1, 4 × functions)`, from `spline_coefficients`.
        places: `(points,)`, in units of the interval, from 0; beyond K the splines are constant.

    Returns:
        `(points, functions)`. In torch differentiable by both, to any order.

    Examples:
        >>> values = np.cos(np.linspace(0, np.pi, 17))[:, None]
        >>> spline(spline_coefficients(values), np.array([8.0, 16 / 3, 20.0])).T.round(4) + 0.0
        array([[ 0. ,  0.5, -1. ]])
    """
    xp = namespace(coefficients, places)
    last = len(coefficients) - 1
    if xp is np:
        intervals = np.clip(places, 0, last).astype(np.int64)
        points = np.arange(len(places))
    else:
        intervals = places.detach().clamp(0, last).long()
        points = xp.arange(places.shape[0], device=places.device)
    within = (places - intervals)[:, None]
    edges = Edges(intervals, points, points, points[:1], last + 1)
    from cartesian.kernels.edge_lanes import run

    return run(
        Spline(coefficients.shape[1] // 4).text,
        [coefficients, within.astype(places.dtype) if xp is np else within],
        edges,
    )[0]


@made_once
def _curvatures(points: int) -> np.ndarray:
    """The linear map from differences of values to second derivatives."""
    system = 4 * np.eye(points) + np.eye(points, k=1) + np.eye(points, k=-1)
    system[0, 0] = system[-1, -1] = 2
    bends = 6 * (np.eye(points, points - 1) - np.eye(points, points - 1, k=-1))
    # 2 M_0 + M_1 = 6 (F_1 - F_0 - F'_0), and likewise at the end, where F' = 0.
    bends[0, :4] -= np.array([25, -23, 13, -3]) / 2
    result = np.linalg.solve(system, bends)
    result.flags.writeable = False
    return result
