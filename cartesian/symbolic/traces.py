r"""The symmetric trace-free (STF) part of a tensor: coefficients and operator.

A symmetric tensor $S$ of rank $n$ has the trace-free part
$\sum_k a_k\, \mathrm{sym}(\delta^{\otimes k} \otimes \mathrm{tr}^k S)$.
"""

from fractions import Fraction
from math import comb, factorial, prod


def double_factorial(n: int) -> int:
    """$n!! = n (n-2) (n-4) …$, with $0!! = (-1)!! = 1$."""
    return prod(range(n, 0, -2))


def trace_coefficient(rank: int, pairs: int, dimension: int = 3) -> Fraction:
    r"""Weight of the `pairs`-fold trace in the trace-free part of a symmetric tensor.

    The symmetric trace-free part of a symmetric tensor $S$ of rank $n$ in $d$ dimensions is
    $\sum_k a_k\, \mathrm{sym}(\delta^{\otimes k} \otimes \mathrm{tr}^k\, S)$, with

    $$a_k = \frac{(-1)^k\, n!}{(n - 2k)!\, (2k)!!\, \prod_{j=1}^{k} (2n + d - 2 - 2j)},$$

    which for $d = 3$ is $(-1)^k\, n!\, (2n - 2k - 1)!! / [(n - 2k)!\, (2n - 1)!!\, (2k)!!]$.
    Here $\mathrm{sym}$ is the mean over all permutations of the free indices.

    Args:
        rank: Number of Cartesian indices, $n \ge 0$.
        pairs: Number of index pairs traced out, $0 \le k \le \lfloor n/2 \rfloor$.
        dimension: Number of values of an index, $d \ge 2$.

    Returns:
        The exact coefficient $a_k$.

    Raises:
        ValueError: If `pairs` pairs do not fit into `rank` indices, or the dimension is below 2.

    Source:
        K. S. Thorne, Rev. Mod. Phys. 52, 299 (1980), Eq. (2.2), for $d = 3$.

    Examples:
        >>> trace_coefficient(2, 1)  # T_ij - δ_ij T_kk / 3
        Fraction(-1, 3)
    """
    if not 0 <= 2 * pairs <= rank:
        raise ValueError(f"cannot trace {pairs} index pairs out of a tensor of rank {rank}")
    if dimension < 2:
        raise ValueError(f"trace-free tensors need at least 2 dimensions, not {dimension}")
    ways = Fraction(factorial(rank), factorial(rank - 2 * pairs) * double_factorial(2 * pairs))
    return (-1) ** pairs * ways / prod(2 * rank + dimension - 2 - 2 * j for j in range(1, pairs + 1))


def stf_dimension(rank: int, dimension: int = 3) -> int:
    r"""Number of independent components of an STF tensor, $2\ell + 1$ in three dimensions.

    $$\binom{n + d - 1}{d - 1} - \binom{n + d - 3}{d - 1}$$
    """
    symmetric = comb(rank + dimension - 1, dimension - 1)
    return symmetric - (comb(rank + dimension - 3, dimension - 1) if rank >= 2 else 0)


def stf_norm_squared(degree: int) -> Fraction:
    r"""Squared norm of $\mathrm{STF}(n^{\otimes\ell})$ for a unit vector $n$: $\ell! / (2\ell - 1)!!$."""
    return Fraction(factorial(degree), double_factorial(2 * degree - 1))
