"""Means over all directions."""

from fractions import Fraction
from math import prod

from cartesian.symbolic.expression import Expression
from cartesian.symbolic.factors import delta
from cartesian.symbolic.indices import index_names
from cartesian.symbolic.involutions import count_involutions


def direction_average(rank: int, dimension: int = 3) -> Expression:
    r"""Mean of $n_{i_1} \cdots n_{i_{2k}}$ over all directions of a unit vector.

    $$\langle n_{i_1} \cdots n_{i_{2k}} \rangle = \frac{1}{d (d + 2) \cdots (d + 2k - 2)}
      \{\delta_{i_1 i_2} \cdots \delta_{i_{2k-1} i_{2k}}\},$$

    the sum over all pairings; odd powers have mean zero.

    Examples:
        >>> print(direction_average(4))
        1/15 (δ_ij δ_kl + δ_ik δ_jl + δ_il δ_jk)
    """
    for name, value, least in (("rank", rank, 0), ("dimension", dimension, 2)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"the mean over directions has an integer {name} >= {least}, not {value!r}")
    names = index_names(rank)
    if rank % 2:
        return Expression((), names, dimension)
    weight = Fraction(count_involutions(rank, 0), prod(range(dimension, dimension + rank, 2)))
    term = Expression.number(weight, dimension)
    for k in range(0, rank, 2):
        term *= delta(names[k : k + 2], dimension)
    return term.symmetrise(names) if names else term
