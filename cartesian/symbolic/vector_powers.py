r"""Powers $r^{\otimes n}$ of a vector: symmetric tensors with traces, and how much of each degree is in them.

$$r^{\otimes n} = \sum_{\ell = n, n-2, \dots} (\text{part of degree } \ell), \qquad
  (u \cdot v)^n = \sum_\ell c_{n\ell}\, P_\ell(u \cdot v)$$

for unit vectors, so the part of degree $\ell$ has the squared norm $c_{n\ell}\, r^{2n}$.
"""

from fractions import Fraction
from math import factorial

from cartesian.symbolic.traces import double_factorial


def power_norm_squared(rank: int, degree: int) -> Fraction:
    r"""Squared norm of the part of degree $\ell$ of $u^{\otimes n}$, $u$ a unit vector.

    $$c_{n\ell} = \frac{(2\ell + 1)\, n!}{(n - \ell)!!\, (n + \ell + 1)!!}, \qquad \sum_\ell c_{n\ell} = 1$$

    Args:
        rank: $n \ge 0$.
        degree: $\ell = n, n - 2, \dots$; 0 comes out for those between.

    Raises:
        ValueError: If the degree does not lie between 0 and the rank.

    Examples:
        >>> power_norm_squared(2, 0), power_norm_squared(2, 2)  # u_i u_j = δ_ij / 3 + STF(u_i u_j)
        (Fraction(1, 3), Fraction(2, 3))
    """
    if not 0 <= degree <= rank:
        raise ValueError(f"a power of rank {rank} has parts of degree 0 to {rank}, not {degree}")
    if (rank - degree) % 2:
        return Fraction(0)
    below = double_factorial(rank - degree) * double_factorial(rank + degree + 1)
    return Fraction((2 * degree + 1) * factorial(rank), below)
