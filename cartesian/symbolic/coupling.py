r"""The coupling of two trace-free tensors to a third, one per triangle of degrees.

**The law.** For STF tensors $A$, $B$ of degrees $\ell_1$, $\ell_2$ and the output degree
$\ell_3$, with $S = \ell_1 + \ell_2 + \ell_3$ and $q = \lfloor (\ell_1 + \ell_2 - \ell_3)/2 \rfloor$,

$$(A \times B)_{\ell_3} = \begin{cases}
  \mathrm{STF}(A \cdot_q B) & S \text{ even} \\
  \mathrm{STF}(\varepsilon_{o a b}\, A_{a\dots} \cdot_q B_{b\dots}) & S \text{ odd,} \end{cases}$$

where $\cdot_q$ contracts $q$ index pairs. All deltas carry a plus sign and the Levi-Civita
tensor has the order (out, left, right): the *natural Cartesian phase*. In orthonormal frames
the coupling is an array $c_{abo}$ with

$$\lVert c \rVert^2 = 2^{S \bmod 2}\, (S+1)! \prod_i \frac{(S - 2\ell_i)!}{(2\ell_i)!}.$$

**How it is evaluated.** A trace-free tensor of degree $\ell$ is a binary form of degree
$2\ell$ (contract it with a null vector), and the coupling is the transvectant of two forms.
With $k_i = S - 2\ell_i$, in the basis of definite $m$, it is the integer

$$N(m_1, m_2) = \sum_t (-1)^t \binom{k_3}{t} \binom{k_2}{\ell_1 - m_1 - t} \binom{k_1}{\ell_2 + m_2 - t}$$

over $\prod_i \binom{2\ell_i}{\ell_i + m_i}^{1/2}$. The real frame mixes $\pm m$ only, and a
component of the real coupling is a single such term. So every component is a rational times
one square root, and all of them cost a few integer operations.
"""

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from itertools import product
from math import comb, factorial, gcd

from cartesian.spec import Path
from cartesian.symbolic.exact import ExactTensor
from cartesian.symbolic.surds import split_square


def coupling_norm_squared(left: int, right: int, out: int) -> Fraction:
    r"""Squared norm of the natural coupling in orthonormal frames.

    $$2^{S \bmod 2}\, (S+1)! \prod_i \frac{(S - 2\ell_i)!}{(2\ell_i)!}, \qquad S = \ell_1 + \ell_2 + \ell_3$$

    Raises:
        ValueError: If the degrees violate the triangle rule.

    Examples:
        >>> coupling_norm_squared(2, 2, 2)
        Fraction(35, 12)
    """
    Path(left, right, out)
    total = left + right + out
    result = Fraction(2 ** (total % 2) * factorial(total + 1))
    for degree in (left, right, out):
        result *= Fraction(factorial(total - 2 * degree), factorial(2 * degree))
    return result


@cache
def compact_coupling(left: int, right: int, out: int) -> ExactTensor:
    r"""The natural coupling $c_{abo}$ between orthonormal frames, exact.

    Args:
        left, right, out: Degrees $\ell_1$, $\ell_2$, $\ell_3$.

    Returns:
        Shape `(2ℓ1+1, 2ℓ2+1, 2ℓ3+1)`; contract the first two axes with compact tensors.

    Raises:
        ValueError: If the degrees violate the triangle rule.

    Examples:
        >>> list(compact_coupling(1, 1, 1).entries())[0]  # x × y = z: the frame of degree 1 is (x, y, z)
        ((0, 1, 2), 1)
    """
    Path(left, right, out)
    total = left + right + out
    odd = total % 2
    sign = (-1) ** ((total + 1) // 2)  # makes the natural phase: + on the axis (even S), ε_{xyz} = + (odd S)
    entries = []
    for m1, m2 in product(range(-left, left + 1), range(-right, right + 1)):
        m3 = -m1 - m2
        # ±(m1, m2, m3) give the same component; take one of the two.
        if abs(m3) > out or (m1, m2) < (0, 0):
            continue
        integer = transvectant(left, right, out, m1, m2) * sign * (-1) ** (left + right + abs(m3))
        if not integer:
            continue
        root, radicand = _binomial_root(left, right, out, m1, m2)
        value = Fraction(integer, root * radicand)  # N / √(root² radicand) = N √radicand / (root radicand)
        for index, factor, power in _real_components(odd, (left, right, out), (m1, m2, m3)):
            entry, under = _times_root_two(factor * value, radicand, power)
            flat = (index[0] * (2 * right + 1) + index[1]) * (2 * out + 1) + index[2]
            entries.append((flat, entry, under))
    return ExactTensor.from_entries((2 * left + 1, 2 * right + 1, 2 * out + 1), entries)


def transvectant(left: int, right: int, out: int, m1: int, m2: int) -> int:
    """The integer $N(m_1, m_2)$ of the module's docstring."""
    k1, k2, k3 = right + out - left, left + out - right, left + right - out
    low = max(0, left - m1 - k2, right + m2 - k1)
    high = min(k3, left - m1, right + m2)
    return sum(
        (-1) ** t * comb(k3, t) * comb(k2, left - m1 - t) * comb(k1, right + m2 - t)
        for t in range(low, high + 1)
    )


def _binomial_root(left: int, right: int, out: int, m1: int, m2: int) -> tuple[int, int]:
    """The pair (a, r) with a² r the product of the three binomials, r squarefree."""
    root, radicand = 1, 1
    for degree, m in ((left, m1), (right, m2), (out, m1 + m2)):
        a, r = _split_binomial(2 * degree, degree + m)
        shared = gcd(radicand, r)
        root, radicand = root * a * shared, (radicand // shared) * (r // shared)
    return root, radicand


@cache
def _split_binomial(n: int, k: int) -> tuple[int, int]:
    return split_square(comb(n, k))


def _real_components(
    odd: int, degrees: tuple[int, int, int], orders: tuple[int, int, int]
) -> Iterator[tuple[tuple[int, ...], int, int]]:
    r"""Frame indices, sign and power of √2 of the real components that the orders ±m contribute to.

    $Y_m = (-1)^m (f_m + i f_{-m}) / \sqrt2$ and $Y_{-m} = (f_m - i f_{-m}) / \sqrt2$ for $m > 0$, with
    $f_{\pm m}$ the cosine and sine members of the frame. The number of sines has the parity of $S$.
    """
    nonzero = sum(m != 0 for m in orders)
    power = odd + 2 - nonzero if nonzero else 0
    for sines in product(*((False, True) if m else (False,) for m in orders)):
        if sum(sines) % 2 != odd:
            continue
        sign = (-1) ** (sum(sines) // 2)
        for m, sine in zip(orders, sines, strict=True):
            sign *= (-1) ** m if m > 0 else -1 if sine else 1
        index = tuple(
            degree + (-abs(m) if sine else abs(m))
            for degree, m, sine in zip(degrees, orders, sines, strict=True)
        )
        yield index, sign, power


def _times_root_two(value: Fraction, radicand: int, power: int) -> tuple[Fraction, int]:
    """The pair (q, r) with q √r = 2^(power/2) value √radicand, for a power of -1, 0 or 1."""
    if power == 0:
        return value, radicand
    if radicand % 2 == 0:
        return (2 * value if power == 1 else value), radicand // 2
    return (value if power == 1 else value / 2), 2 * radicand
