r"""Forms of a tensor: compact, full Cartesian, in e3nn's layout, complex spherical.

A compact tensor of degree $\ell$ has $2\ell + 1$ components in the orthonormal frame, so all forms of this
file have the same norm. They differ in where components stand and in which basis.
"""

from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from cartesian.kernels.arrays import as_array, constant, namespace
from cartesian.spec import Irreps
from cartesian.symbolic.exact import sqrt
from cartesian.symbolic.spherical import complex_frame
from cartesian.tables.lookup import frame, made_once, read_only

# Between the rounding of float32 and any wrong phase.
_REAL = 1e-3


def to_full(compact: Any, degree: int, axis: int = -1) -> Any:
    r"""Full Cartesian tensors $T_{i_1 \dots i_\ell} = \sum_a t_a f_{a, i_1 \dots i_\ell}$ of compact ones.

    Args:
        compact: Components along `axis`, `(..., 2ℓ+1, ...)`; NumPy or torch.
        degree: $\ell$.
        axis: Negative; with channels innermost it is -2.

    Returns:
        $\ell$ axes of length 3 in place of `axis`: `(..., 3, …, 3, ...)`.

    Raises:
        ValueError: If the axis does not have length $2\ell + 1$.

    Examples:
        >>> to_full(np.array([0.0, 0.0, 1.0, 0.0, 0.0]), 2).round(3)
        array([[-0.408,  0.   ,  0.   ], [ 0.   ,  0.816,  0.   ], [ 0.   ,  0.   , -0.408]])
    """
    compact, table = as_array(compact), frame(degree).reshape(2 * degree + 1, -1)
    _check_axis(compact, degree, axis)
    full = _along(axis, compact, constant(table, compact))
    place = full.ndim + axis
    return full.reshape((*full.shape[:place], *[3] * degree, *full.shape[place + 1 :]))


def from_full(full: Any, degree: int, axis: int = -1) -> Any:
    r"""Compact components $t_a = f_{a, i_1 \dots i_\ell} T_{i_1 \dots i_\ell}$ of full Cartesian tensors.

    They are those of the symmetric trace-free part: whatever else $T$ contains drops out.

    Args:
        full: $\ell$ axes of length 3 that end at `axis`, `(..., 3, …, 3, ...)`; NumPy or torch.
        degree: $\ell$.
        axis: Negative; with channels innermost it is -2.

    Returns:
        One axis of length $2\ell + 1$ in place of the $\ell$ axes.

    Raises:
        ValueError: If these axes do not have length 3.

    Examples:
        >>> from_full(np.eye(3), 2).round(3)  # δ has no trace-free part
        array([0., 0., 0., 0., 0.])
    """
    full, table = as_array(full), frame(degree).reshape(2 * degree + 1, -1)
    stop = full.ndim + axis + 1
    start = stop - degree
    if axis >= 0 or start < 0 or any(n != 3 for n in full.shape[start:stop]):
        raise ValueError(
            f"a full tensor of degree {degree} has {degree} axes of length 3 that end at axis {axis} (< 0); "
            f"the shape {tuple(full.shape)} has not"
        )
    flat = full.reshape(*full.shape[:start], 3**degree, *full.shape[stop:])
    return _along(axis, flat, constant(table.T, flat))


def to_e3nn(features: Any, irreps: Irreps | str) -> Any:
    r"""Flat features in the layout of e3nn: in each block channels outside, components inside.

    Order, phase and norm of the components are the same, so only the layout differs: `(2ℓ+1, channels)`
    for us, `(channels, 2ℓ+1)` for e3nn.

    Args:
        features: `(..., irreps.dim)`, NumPy or torch.
        irreps: What the last axis holds.

    Raises:
        ValueError: If the last axis does not fit.

    Examples:
        >>> to_e3nn(np.arange(6.0), "2x1o")  # x, x, y, y, z, z
        array([0., 2., 4., 1., 3., 5.])
    """
    irreps = Irreps(irreps)
    return _transposed(features, irreps, [(block.irrep.dim, block.channels) for block in irreps])


def from_e3nn(features: Any, irreps: Irreps | str) -> Any:
    """Flat features from the layout of e3nn, the inverse of `to_e3nn`.

    >>> from_e3nn(np.arange(6.0), "2x1o")
    array([0., 3., 1., 4., 2., 5.])
    """
    irreps = Irreps(irreps)
    return _transposed(features, irreps, [(block.channels, block.irrep.dim) for block in irreps])


def to_complex(compact: Any, degree: int, axis: int = -1) -> Any:
    r"""Complex spherical components: polar axis $z$, Condon-Shortley phase, order $m = -\ell, \dots, \ell$.

    Those of $\mathrm{STF}(n^{\otimes\ell})$ are proportional to $Y_{\ell m}(n)$, those of `harmonics` in
    the normalization `"component"` are $\sqrt{4\pi}\, Y_{\ell m}(n)$.

    Args:
        compact: Components along `axis`, `(..., 2ℓ+1, ...)`; NumPy or torch.
        degree: $\ell$.
        axis: Negative; with channels innermost it is -2.

    Raises:
        ValueError: If the axis does not have length $2\ell + 1$.

    Examples:
        >>> to_complex(np.array([1.0, 0.0, 0.0]), 1).round(3)
        array([ 0.707+0.j,  0.   +0.j, -0.707+0.j])
    """
    compact = as_array(compact)
    _check_axis(compact, degree, axis)
    real, imaginary = (_along(axis, compact, constant(table, compact)) for table in _complex_tables(degree))
    return real + 1j * imaginary


def from_complex(components: Any, degree: int, axis: int = -1) -> Any:
    r"""Compact components of a real tensor from its complex spherical ones, the inverse of `to_complex`.

    Args:
        components: Complex, along `axis`, in the order $m = -\ell, \dots, \ell$.
        degree: $\ell$.
        axis: Negative; with channels innermost it is -2.

    Raises:
        ValueError: If the axis does not have length $2\ell + 1$, or the tensor is not real,
            $t_{-m} = (-1)^m t_m^*$: another phase convention, most often.

    Examples:
        >>> from_complex(np.array([1j, 0.0, 1j]), 1).round(3)
        array([ 0.   , -1.414,  0.   ])
    """
    if namespace(components) is np:
        components = np.asarray(components)
    _check_axis(components, degree, axis)
    parts = as_array(components.real), as_array(components.imag)
    tables = [constant(table.T, parts[0]) for table in _complex_tables(degree)]
    real, imaginary = (_along(axis, part, tables[0]) for part in parts)
    compact = real + _along(axis, parts[1], tables[1])
    rest = imaginary - _along(axis, parts[0], tables[1])
    if bool(abs(rest).sum() > _REAL * abs(components).sum()):
        raise ValueError(
            f"the components of degree {degree} are not those of a real tensor: t_-m must be (-1)^m t_m* "
            "(polar axis z, Condon-Shortley phase, order m = -l, ..., l)"
        )
    return compact


def _along(axis: int, array: Any, table: Any) -> Any:
    """The table applied to one axis: contracted with the first axis of the table, the second in its place."""
    xp = namespace(array)
    return xp.moveaxis(xp.tensordot(array, table, ([axis], [0])), -1, axis)


def _check_axis(array: Any, degree: int, axis: int) -> None:
    if not -array.ndim <= axis < 0 or array.shape[axis] != 2 * degree + 1:
        raise ValueError(
            f"a compact tensor of degree {degree} has {2 * degree + 1} components along axis {axis} (< 0); "
            f"the shape {tuple(array.shape)} has not"
        )


def _transposed(features: Any, irreps: Irreps, shapes: list[tuple[int, int]]) -> Any:
    """Flat features with the two axes of every block exchanged."""
    features = as_array(features)
    if not features.ndim or features.shape[-1] != irreps.dim:
        raise ValueError(
            f"features of {irreps} have {irreps.dim} components on their last axis; "
            f"the shape {tuple(features.shape)} has not"
        )
    xp, lead = namespace(features), features.shape[:-1]
    blocks = [
        features[..., where].reshape(*lead, *shape).swapaxes(-1, -2).reshape(*lead, prod(shape))
        for where, shape in zip(irreps.slices, shapes, strict=True)
    ]
    return xp.concatenate(blocks, -1) if blocks else features


@made_once
def _complex_tables(degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Real and imaginary part of the transposed unitary matrix, so that components stand first."""
    matrix = complex_frame(degree).transpose()
    conjugate = matrix.conjugate()
    half, imaginary = Fraction(1, 2), sqrt(-1)
    return read_only((matrix + conjugate) * half), read_only((conjugate - matrix) * imaginary * half)
