"""Harmonics of many vectors: the STF tensors of their directions, all degrees at once.

The recursion is that of `cartesian.programs.harmonics`. On the CPU it runs as one pass of generated C,
elsewhere degree by degree on whole rows of numbers.
"""

from math import prod
from typing import Any

import numpy as np

from cartesian.kernels import native, rows
from cartesian.kernels.arrays import as_array, constant, namespace
from cartesian.programs.harmonics import SQUARED_NORMS, Harmonics, Normalization, factors

# The length of the generated code grows like the square of the degree, and compiling takes longer than that.
_COMPILED = 10


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
        vector has no direction: all but degree 0 vanish there, and all derivatives are 0. Vectors whose
        inverse length leaves the range of the dtype count as zero.

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
    if normalization not in SQUARED_NORMS:
        raise ValueError(f"unknown normalization {normalization!r}: choose 'component', 'norm' or 'stf'")
    program = Harmonics(max_degree, normalization, bool(normalize))
    out = _compiled(program, vectors)
    return recursion(program, vectors) if out is None else out


def degree_slice(degree: int) -> slice:
    r"""Where the $2\ell + 1$ components of a degree stand in the result of `harmonics`.

    >>> degree_slice(2)
    slice(4, 9, None)
    """
    return slice(degree * degree, (degree + 1) ** 2)


def _compiled(program: Harmonics, vectors: Any) -> Any:
    """The harmonics as generated C; `None` where it cannot be had."""
    xp = namespace(vectors)
    if program.max_degree > _COMPILED or vectors.dtype not in (xp.float32, xp.float64):
        return None
    flat = vectors if vectors.ndim == 2 else vectors.reshape(prod(vectors.shape[:-1]), 3)
    if xp is np:
        if not native.available():
            return None
        (out,) = rows.run_native(program.text, [flat])
    else:
        if vectors.device.type != "cpu":
            return None
        from cartesian.kernels import row_operators

        (out,) = row_operators.run(program.text, [flat])
    return out if flat is vectors else out.reshape(*vectors.shape[:-1], out.shape[-1])


def recursion(program: Harmonics, vectors: Any) -> Any:
    """The harmonics of vectors `(..., 3)`, one degree after the other, on any device and in any dtype."""
    xp = namespace(vectors)
    # Components first: each step then works on whole rows of numbers.
    components = xp.moveaxis(vectors, -1, 0)
    if program.normalize:
        components, squared = _directions(xp, components)
    else:
        squared = (components * components).sum(0)
    x, y, z = components[0:1], components[1:2], components[2:3]
    below, here = None, xp.ones_like(x)
    degrees = [here]
    for degree in range(program.max_degree):
        up, down, edge = (_column(table, vectors) for table in factors(degree, program.normalization))
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


def _column(table: np.ndarray, vectors: Any) -> Any:
    """A table that stands on the first axis of components."""
    return constant(table.reshape(-1, *[1] * (vectors.ndim - 1)), vectors)
