r"""Powers $r^{\otimes n}$ of many vectors, all ranks at once, as their irreducible parts.

The part of degree $\ell$ is $\sqrt{c_{n\ell}}\; |r|^{n - \ell}\, Y^{(\ell)}(r)$: a polynomial, so nothing
happens at zero. Here $Y^{(\ell)}(r)$ has norm $|r|^\ell$, and $c_{n\ell}$ is `power_norm_squared`.
"""

from typing import Any

from cartesian.kernels.arrays import as_array, namespace
from cartesian.ops.harmonics import degree_slice, harmonics
from cartesian.spec import Irrep, Irreps
from cartesian.symbolic.vector_powers import power_norm_squared


def power_parts(max_rank: int) -> tuple[tuple[int, int], ...]:
    """Degree and rank of the parts of the powers up to a rank, in the order of `vector_powers`.

    Examples:
        >>> power_parts(2)
        ((0, 0), (0, 2), (1, 1), (2, 2))
    """
    degrees = range(max_rank + 1)
    return tuple((degree, rank) for degree in degrees for rank in range(degree, max_rank + 1, 2))


def power_irreps(max_rank: int) -> Irreps:
    """Irreps of `vector_powers`, one block for each part.

    Examples:
        >>> power_irreps(2)
        1x0e+1x0e+1x1o+1x2e
    """
    return Irreps((1, Irrep(degree, (-1) ** degree)) for degree, _ in power_parts(max_rank))


def vector_powers(vectors: Any, max_rank: int) -> Any:
    r"""Irreducible parts of $1, r, r \otimes r, \dots$ in orthonormal frames.

    Inner products of the parts of one rank are those of all $3^n$ components, $(r \cdot s)^n$.

    Args:
        vectors: `(..., 3)`, NumPy or torch.
        max_rank: Largest rank $L$.

    Returns:
        `(..., (L+1)(L+2)(L+3)/6)`, the parts in the order of `power_parts`.

    Raises:
        ValueError: If the last axis does not have three components, or the rank is negative.

    Examples:
        >>> import numpy as np
        >>> vector_powers(np.array([0.0, 2.0, 0.0]), 2) ** 2  # 1, 4, and 16 = 16/3 + 32/3
        array([ 1.    ,  5.3333,  0.    ,  4.    ,  0.    ,  0.    ,  0.    ,
               10.6667,  0.    ,  0.    ])
    """
    vectors = as_array(vectors)
    y = harmonics(vectors, max_rank, "norm", normalize=False)
    squares = (vectors * vectors).sum(-1)[..., None]
    parts = []
    for degree, rank in power_parts(max_rank):
        part = float(power_norm_squared(rank, degree)) ** 0.5 * y[..., degree_slice(degree)]
        traces = (rank - degree) // 2
        parts.append(squares**traces * part if traces else part)
    return namespace(vectors).concatenate(parts, -1)
