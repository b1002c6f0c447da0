r"""Sums of rationals times square roots, $\sum_k q_k \sqrt{r_k}$: how they multiply and how they read.

The $r_k$ are squarefree; a negative one stands for an imaginary root, $\sqrt{-r} = i \sqrt r$.
"""

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache

Terms = Sequence[tuple[Fraction, int]]


def split_square(n: int) -> tuple[int, int]:
    """The pair $(a, r)$ with $n = a^2 r$ and $r$ squarefree, for $n > 0$."""
    root, radicand, factor = 1, 1, 2
    while factor * factor <= n:
        count = 0
        while n % factor == 0:
            n //= factor
            count += 1
        root *= factor ** (count // 2)
        radicand *= factor ** (count % 2)
        factor += 1 if factor == 2 else 2
        if factor > 1000 and (whole := math.isqrt(n)) ** 2 == n:
            return root * whole, radicand
    return root, radicand * n


@lru_cache(maxsize=65536)
def root_product(r: int, s: int) -> tuple[int, int]:
    r"""The pair $(a, t)$ with $\sqrt r\sqrt s = a \sqrt t$, all squarefree; $\sqrt{-1}\sqrt{-1} = -1$."""
    common = math.gcd(r, s)
    sign = -1 if r < 0 and s < 0 else 1
    return sign * common, (r // common) * (s // common)


def smallest_prime(r: int) -> int:
    """The smallest prime in a squarefree integer other than 1, counting -1 as one."""
    if r == -1:
        return -1
    return next(p for p in range(2, abs(r) + 1) if r % p == 0)


def text(terms: Terms) -> str:
    """The sum as Unicode.

    >>> text([(Fraction(-1, 2), 1), (Fraction(3, 4), -2)])
    '-1/2+3i√2/4'
    """
    return _sum(
        (q, ("i" if r < 0 else "") + (f"√{abs(r)}" if abs(r) != 1 else ""), "{}/{}") for q, r in terms
    )


def latex(terms: Terms) -> str:
    r"""The sum as LaTeX.

    >>> print(latex([(Fraction(-1, 2), 1), (Fraction(3, 4), -2)]))
    -\frac{1}{2}+\frac{3\mathrm{i}\sqrt{2}}{4}
    """
    return _sum(
        (
            q,
            (r"\mathrm{i}" if r < 0 else "") + (rf"\sqrt{{{abs(r)}}}" if abs(r) != 1 else ""),
            r"\frac{{{}}}{{{}}}",
        )
        for q, r in terms
    )


def _sum(terms: Iterable[tuple[Fraction, str, str]]) -> str:
    result = ""
    for q, root, fraction in terms:
        top = f"{'' if abs(q.numerator) == 1 and root else abs(q.numerator)}{root}"
        body = top if q.denominator == 1 else fraction.format(top, q.denominator)
        result += ("-" if q < 0 else "+" if result else "") + body
    return result or "0"
