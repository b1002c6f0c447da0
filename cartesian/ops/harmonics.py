r"""Harmonics of many vectors: the STF tensors of their directions, all degrees at once.

With $u$ the direction and $m$ the order about the polar axis $y$ of the frame, multiplying by $u_y$
keeps $m$ and couples a harmonic to the degrees above and below. Read upwards,

$$Y^{(\ell+1)}_m = A_{\ell m}\, u_y\, Y^{(\ell)}_m - B_{\ell m}\, u^2\, Y^{(\ell-1)}_m, \qquad |m| \le \ell,$$

and the two members $m = \pm(\ell + 1)$ come from $m = \pm\ell$ and $(u_z, u_x)$, as cosine and sine of a
sum of angles. All factors are components of the exact couplings $\ell \times 1 \to \ell \pm 1$. Everything is
polynomial in $u$: no poles, no angles, derivatives of any order.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from cartesian.kernels.arrays import as_array, constant, namespace
from cartesian.symbolic.multipoles import product_coefficient
from cartesian.symbolic.traces import stf_norm_squared
from cartesian.tables.lookup import coupling, made_once

Normalization = Literal["component", "norm", "stf"]
_SQUARED_NORMS: dict[str, Callable[[int], int | Fraction]] = {
    "component": lambda degree: 2 * degree + 1,
    "norm": lambda degree: 1,  # noqa: ARG005
    "stf": stf_norm_squared,
}


def harmonics(
    vectors: Any, max_degree: int, normalization: Normalization = "component", normalize: bool = True
) -> Any:
    r"""The compact harmonics of degrees 0 to `max_degree`, one after the other.

    Args:
        vectors: `(..., 3)`, NumPy or torch.
        max_degree: Largest degree $L$.
        normalization: Squared norm of each degree on the unit sphere: `"component"` $2\ell + 1$, `"norm"` 1,
            `"stf"` $\ell!/(2\ell - 1)!!$, which is $\mathrm{STF}(u^{\otimes\ell})$ itself.
        normalize: Take the direction $u = r/|r|$; otherwise $u = r$, and the values are the homogeneous
            polynomials $|r|^\ell\, Y^{(\ell)}$.

    Returns:
        `(..., (L+1)²)`, degree ℓ at `degree_slice(ℓ)`, in the library and dtype of `vectors`. The zero
        vector has no direction: all but degree 0 vanish there, and all derivatives are 0.

    Raises:
        ValueError: If the last axis does not have three components, or an option is unknown.

    Examples:
        >>> harmonics(np.array([0.0, 2.0, 0.0]), 2, "stf").round(4)
        array([1.    , 0.    , 1.    , 0.    , 0.    , 0.    , 0.8165, 0.    , 0.    ])
    """
    vectors = as_array(vectors)
    if not vectors.ndim or vectors.shape[-1] != 3:
        raise ValueError(
            f"vectors have three components on their last axis, not shape {tuple(vectors.shape)}"
        )
    if isinstance(max_degree, bool) or not isinstance(max_degree, int) or max_degree < 0:
        raise ValueError(f"the largest degree is an integer >= 0, not {max_degree!r}")
    if normalization not in _SQUARED_NORMS:
        raise ValueError(f"unknown normalization {normalization!r}: choose 'component', 'norm' or 'stf'")
    xp = namespace(vectors)
    # Components first: each step then works on whole rows of numbers.
    components = xp.moveaxis(vectors, -1, 0)
    if normalize:
        components, squared = _directions(xp, components)
    else:
        squared = (components * components).sum(0)
    x, y, z = components[0:1], components[1:2], components[2:3]
    below, here = None, xp.ones_like(x)
    degrees = [here]
    for degree in range(max_degree):
        up, down, edge = (_column(table, vectors) for table in _factors(degree, normalization))
        inner = up * y * here
        if below is None:
            sine, cosine = edge * x * here, edge * z * here
        else:
            lower = down * squared * below
            inner = xp.concatenate([inner[:1], inner[1:-1] - lower, inner[-1:]])
            sine = edge * (x * here[-1:] + z * here[:1])
            cosine = edge * (z * here[-1:] - x * here[:1])
        below, here = here, xp.concatenate([sine, inner, cosine])
        degrees.append(here)
    return xp.moveaxis(xp.concatenate(degrees), 0, -1)


def degree_slice(degree: int) -> slice:
    r"""Where the $2\ell + 1$ components of a degree stand in the result of `harmonics`.

    >>> degree_slice(2)
    slice(4, 9, None)
    """
    return slice(degree * degree, (degree + 1) ** 2)


def _directions(xp: Any, components: Any) -> tuple[Any, Any]:
    """Unit vectors and their squared length; both 0, with all derivatives, for zero vectors."""
    magnitudes = abs(components)
    # The largest component as unit keeps squares from under- and overflowing. The direction does not
    # depend on this unit, so neither do its derivatives.
    largest = magnitudes.max(0) if xp is np else magnitudes.detach().amax(0)
    zero = largest == 0
    scaled = components / xp.where(zero, xp.ones_like(largest), largest)
    length = xp.sqrt(xp.where(zero, xp.ones_like(largest), (scaled * scaled).sum(0)))
    squared = xp.where(zero, xp.zeros_like(largest), xp.ones_like(largest))
    return xp.where(zero, xp.zeros_like(scaled), scaled / length), squared


@made_once
def _factors(degree: int, normalization: Normalization) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""A and B of the recursion, and the factor of the members $m = \pm(\ell + 1)$.

    With $Y^{(\ell)} = \mathrm{STF}(u^{\otimes\ell})$ and $\gamma$ from `product_coefficient`,
    $u_i Y^{(\ell)}_a = c_{aio} Y^{(\ell+1)}_o + \gamma\, c'_{aio}\, u^2\, Y^{(\ell-1)}_o$, couplings natural.
    """
    y, z = 1, 2
    above = coupling(degree, 1, degree + 1)
    diagonal = above[:, y, 1:-1].diagonal()
    scale = [_scale(normalization, n) for n in range(degree + 2)]
    up = scale[degree + 1] / scale[degree] / diagonal
    edge = scale[degree + 1] / scale[degree] * above[-1:, z, -1]
    if degree == 0:
        return up, np.zeros(0), edge
    gamma = float(product_coefficient(degree, 1, degree - 1))
    below = coupling(degree, 1, degree - 1)[1:-1, y, :].diagonal()
    return up, scale[degree + 1] / scale[degree - 1] * gamma * below / diagonal[1:-1], edge


def _scale(normalization: Normalization, degree: int) -> float:
    return math.sqrt(_SQUARED_NORMS[normalization](degree) / stf_norm_squared(degree))


def _column(table: np.ndarray, vectors: Any) -> Any:
    """A table that stands on the first axis of components."""
    return constant(table.reshape(-1, *[1] * (vectors.ndim - 1)), vectors)
