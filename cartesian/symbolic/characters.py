r"""How often each irrep occurs in a symmetric power, counted by weights.

Under a rotation about one axis an irrep of degree $\ell$ has the weights $-\ell, \dots, \ell$, each
once, and a weight of a product is a sum of weights. With $N_\nu(m, p)$ the number of ways to reach
weight $m$ and parity $p$ by a multiset of $\nu$ components, the symmetric power holds

$$N_\nu(\ell, p) - N_\nu(\ell + 1, p)$$

copies of the irrep $(\ell, p)$, and $\sum_\nu t^\nu N_\nu$ is the product of $1/(1 - t\,z^m s)$ over all
components of weight $m$ and parity $s$.
"""

from collections import Counter
from itertools import pairwise

from cartesian.spec import Irrep, Irreps

Weights = Counter[tuple[int, int]]


def symmetric_irreps(irreps: Irreps | str, correlation: int) -> Irreps:
    r"""The irreps in the symmetric power of `correlation` equal factors, with their multiplicities.

    Args:
        irreps: Irreps of one factor; several channels of an irrep are different components of it.
        correlation: Number of factors, $\nu \ge 0$.

    Raises:
        ValueError: If `correlation` is not an integer $\ge 0$.

    Examples:
        >>> symmetric_irreps("1o", 2)
        1x0e+1x2e
        >>> symmetric_irreps("0e+1o+2e+3o", 3).count("1o")
        12
    """
    irreps = Irreps(irreps)
    check_correlation(correlation, 0)
    return irreps_of_weights(symmetric_weights(irreps, correlation)[correlation])


def hilbert_series(irreps: Irreps | str, max_degree: int, group: str = "O3") -> tuple[int, ...]:
    r"""Numbers of linearly independent polynomial invariants of each degree in the components.

    Args:
        irreps: Irreps of the tensor whose components are the variables.
        max_degree: Largest degree of the polynomials, $\ge 0$.
        group: `"O3"`, or `"SO3"` to count the polynomials that change sign under inversion too.

    Returns:
        The coefficients of $t^0, \dots, t^{\mathrm{max\_degree}}$ of the Hilbert (Molien) series.

    Raises:
        ValueError: If `max_degree` is not an integer $\ge 0$ or the group is another one.

    Examples:
        >>> hilbert_series("0e+2e", 6)  # a symmetric matrix: products of tr A, tr A², tr A³
        (1, 1, 2, 3, 4, 5, 7)
    """
    check_correlation(max_degree, 0)
    if group not in ("O3", "SO3"):
        raise ValueError(f"invariants are counted under 'O3' or 'SO3', not {group!r}")
    parities = (1,) if group == "O3" else (1, -1)
    return tuple(
        sum(weights[0, parity] - weights[1, parity] for parity in parities)
        for weights in symmetric_weights(Irreps(irreps), max_degree)
    )


def check_correlation(correlation: int, low: int) -> None:
    """Raise a ValueError unless `correlation` counts factors, at least `low` of them."""
    if isinstance(correlation, bool) or not isinstance(correlation, int) or correlation < low:
        raise ValueError(f"a symmetric power has an integer number of factors >= {low}, not {correlation!r}")


def symmetric_weights(irreps: Irreps, max_correlation: int) -> list[Weights]:
    """Numbers of monomials by (weight, parity), for each number of factors up to `max_correlation`."""
    powers: list[Weights] = [Counter({(0, 1): 1})] + [Counter() for _ in range(max_correlation)]
    for channels, irrep in irreps:
        for weight in range(-irrep.degree, irrep.degree + 1):
            for _ in range(channels):
                # 1/(1 - x) times the series so far: c[ν] += x c[ν-1], in ascending order.
                for lower, upper in pairwise(powers):
                    for (m, parity), ways in lower.items():
                        upper[m + weight, parity * irrep.parity] += ways
    return powers


def product_weights(left: Weights, right: Weights) -> Weights:
    """Weights of a tensor product."""
    result: Weights = Counter()
    for (m, parity), ways in left.items():
        for (n, sign), times in right.items():
            result[m + n, parity * sign] += ways * times
    return result


def irreps_of_weights(weights: Weights) -> Irreps:
    """The irreps that have these weights."""
    dominant = {Irrep(m, parity) for m, parity in weights if m >= 0}
    counts = ((weights[i.degree, i.parity] - weights[i.degree + 1, i.parity], i) for i in sorted(dominant))
    return Irreps((count, irrep) for count, irrep in counts if count)
