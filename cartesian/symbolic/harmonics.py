r"""Cartesian harmonics: homogeneous polynomials, and the frames of trace-free tensors.

A symmetric tensor $T$ of rank $\ell$ is the polynomial $T(r) = T_{i_1\dots i_\ell} r_{i_1}\cdots r_{i_\ell}$;
it is trace-free exactly if the polynomial is harmonic. The coefficient of $x^a y^b z^c$ is
$\frac{\ell!}{a!\,b!\,c!}$ times the component with $a$ indices $x$, $b$ indices $y$, $c$ indices $z$.

**The frame** of degree $\ell$ is an orthonormal basis $f_{-\ell}, \dots, f_\ell$ of the STF tensors:
the real spherical harmonics with polar axis $y$, cosines ($m \ge 0$) about it from $z$ towards $x$,
sines ($m < 0$), no Condon-Shortley sign. It is the order and phase of e3nn, and for $\ell = 1$ it is
$(x, y, z)$. The compact form of a tensor is its components in this frame.

Contracting the frame with a unit vector $n$ gives the compact form of $\mathrm{STF}(n^{\otimes\ell})$:
the frame polynomials *are* the compact harmonics.
"""

from collections import defaultdict
from fractions import Fraction
from functools import cache
from itertools import product
from math import comb, factorial, perm, prod

from cartesian.symbolic.exact import ExactTensor, sqrt, sum_parts

Exponents = tuple[int, int, int]


@cache
def monomials(degree: int) -> tuple[Exponents, ...]:
    """Exponents (a, b, c) of all monomials of a degree, in lexicographic order from (0, 0, degree)."""
    return tuple((a, b, degree - a - b) for a in range(degree + 1) for b in range(degree - a + 1))


def arrangements(exponents: Exponents) -> int:
    r"""Number of index tuples with these counts, $\ell! / (a!\,b!\,c!)$."""
    return factorial(sum(exponents)) // prod(factorial(e) for e in exponents)


@cache
def frame_polynomials(degree: int) -> ExactTensor:
    r"""Coefficients of the frame as polynomials: shape `(2ℓ+1, monomials)`.

    $$f_{\pm m} \propto \sum_k (-1)^k \binom{\ell}{k}\binom{2\ell - 2k}{\ell}
      \frac{(\ell - 2k)!}{(\ell - 2k - m)!}\, r^{2k}\, y^{\ell - 2k - m}\,
      \{\mathrm{Re}, \mathrm{Im}\}(z + i x)^m,$$

    scaled to unit norm of the tensor, $\sum c_{abc}^2\, a!\,b!\,c!/\ell! = 1$.

    Examples:
        >>> frame_polynomials(1).latex()  # monomials z, y, x; rows x, y, z
        '\\begin{pmatrix} 0 & 0 & 1 \\\\ 0 & 1 & 0 \\\\ 1 & 0 & 0 \\end{pmatrix}'
    """
    if degree < 0:
        raise ValueError(f"a harmonic has a degree >= 0, not {degree}")
    column = {exponents: k for k, exponents in enumerate(monomials(degree))}
    entries = []
    for row in range(2 * degree + 1):
        polynomial = _harmonic_polynomial(degree, row - degree)
        norm_squared = sum((Fraction(c * c, arrangements(e)) for e, c in polynomial.items()), Fraction(0))
        scale = sqrt(1 / norm_squared)
        entries += [(row * len(column) + column[e], scale * c) for e, c in polynomial.items()]
    return sum_parts((2 * degree + 1, len(column)), entries)


@cache
def frame(degree: int) -> ExactTensor:
    r"""The orthonormal frame as full Cartesian tensors: shape `(2ℓ+1, 3, …, 3)`.

    Examples:
        >>> from cartesian.symbolic.einsum import einsum
        >>> einsum("aij,bij->ab", frame(2), frame(2)).numpy().diagonal()
        array([1., 1., 1., 1., 1.])
    """
    polynomials = frame_polynomials(degree)
    places: dict[Exponents, list[int]] = defaultdict(list)
    for flat, axes in enumerate(product(range(3), repeat=degree)):
        places[axes.count(0), axes.count(1), axes.count(2)].append(flat)
    entries = []
    for (row, column), coefficient in polynomials.entries():
        exponents = monomials(degree)[column]
        component = coefficient / arrangements(exponents)
        entries += [(row * 3**degree + flat, component) for flat in places[exponents]]
    return sum_parts((2 * degree + 1, *[3] * degree), entries)


def _harmonic_polynomial(degree: int, order: int) -> dict[Exponents, int]:
    """Integer multiple of one frame member, exponents of (x, y, z) to coefficients."""
    m, sine = abs(order), order < 0
    # Re and Im of (z + ix)^m: i^b C(m, b) z^(m-b) x^b, b even for the cosine and odd for the sine.
    azimuth = {(b, m - b): (-1) ** (b // 2) * comb(m, b) for b in range(int(sine), m + 1, 2)}
    result: dict[Exponents, int] = defaultdict(int)
    for k in range((degree - m) // 2 + 1):
        power = degree - 2 * k - m
        weight = (-1) ** k * comb(degree, k) * comb(2 * degree - 2 * k, degree) * perm(degree - 2 * k, m)
        # r^2k = (x² + y² + z²)^k
        for a, b, c in monomials(k):
            for (x, z), factor in azimuth.items():
                result[2 * a + x, 2 * b + power, 2 * c + z] += weight * factor * arrangements((a, b, c))
    return {exponents: c for exponents, c in result.items() if c}
