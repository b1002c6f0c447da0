r"""Harmonics as polynomial tensors, and the identities of multipoles.

With $r = (x, y, z)$, the harmonic of degree $\ell$ is $Y^{(\ell)} = \mathrm{STF}(r^{\otimes\ell})$,
an STF tensor whose components are homogeneous harmonic polynomials; $Y_a$ are its components in
the frame. On the unit sphere $\lVert Y^{(\ell)} \rVert^2 = \ell!/(2\ell - 1)!!$. In natural couplings
$c$ the identities have simple exact factors:

$$\begin{aligned}
  Y^{(\ell+1)} &= (Y^{(\ell)} \times r)_{\ell+1} \\
  \partial_i Y^{(\ell)}_o &= \ell\, c^{(\ell-1,\,1,\,\ell)}_{aio}\, Y^{(\ell-1)}_a \\
  \partial_{i_1} \cdots \partial_{i_\ell} \frac1r &= (-1)^\ell (2\ell - 1)!!\, \frac{Y^{(\ell)}}{r^{2\ell+1}}
\end{aligned}$$
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import product
from math import factorial
from typing import TYPE_CHECKING, Any

from cartesian.spec import Path
from cartesian.symbolic.coupling import coupling_norm_squared
from cartesian.symbolic.exact import sum_parts
from cartesian.symbolic.harmonics import Exponents, arrangements, frame_polynomials, monomials
from cartesian.symbolic.polynomials import Polynomials, superscript
from cartesian.symbolic.traces import double_factorial, stf_norm_squared, trace_coefficient

if TYPE_CHECKING:
    import sympy

LETTERS = "ijklmnpqstuvwabcdefgh"
WRITTEN_OUT = 4


@dataclass(frozen=True, slots=True)
class Harmonic:
    r"""The harmonic $\mathrm{STF}(r^{\otimes\ell})$ of one degree, exact in all its forms.

    Made by `harmonic`. Methods without a form speak of the compact one.

    Examples:
        >>> Harmonic(2).latex()
        'r_{i} r_{j} - \\frac{1}{3} r^{2} \\delta_{ij}'
        >>> print(Harmonic(1).compact.text)
        x
        y
        z
    """

    degree: int

    @property
    def compact(self) -> Polynomials:
        """The components in the frame, shape `(2ℓ+1,)`."""
        return Polynomials(self.degree, frame_polynomials(self.degree))

    @property
    def full(self) -> Polynomials:
        """All Cartesian components, shape `(3, …, 3)`."""
        return _full(self.degree)

    @property
    def norm_squared(self) -> Fraction:
        r"""Squared norm on the unit sphere, $\ell!/(2\ell - 1)!!$."""
        return stf_norm_squared(self.degree)

    def evaluate(self, vectors: Any) -> Any:
        """Compact values `(..., 2ℓ+1)` in float64 at vectors `(..., 3)`, exact at an exact vector.

        For torch, for many degrees at once and for high ones use `cartesian.harmonics`.
        """
        return self.compact.evaluate(vectors)

    def gradient(self) -> Polynomials:
        """Derivatives of the compact components along x, y, z, shape `(2ℓ+1, 3)`."""
        return self.compact.gradient()

    def sympy(self, x: Any = None, y: Any = None, z: Any = None) -> "sympy.NDimArray":
        """SymPy array of the compact components."""
        return self.compact.sympy(x, y, z)

    def latex(self) -> str:
        r"""The tensor with all its trace terms, in index notation.

        Each power of $r^2$ stands beside a sum over the distinct placements of the indices. The sum is
        written out up to degree 4, and beyond as one placement in braces, $\{\delta_{ij} r_k \cdots\}$.
        """
        return _index_formula(self.degree, "r_{{{}}}", r"\delta_{{{}}}", _latex_factor, (r"\{", r"\}"))

    @property
    def text(self) -> str:
        """The formula of `latex` in plain characters.

        >>> Harmonic(3).text
        'r_i r_j r_k - 1/5 r² (δ_ij r_k + δ_ik r_j + δ_jk r_i)'
        """
        return _index_formula(self.degree, "r_{}", "δ_{}", _text_factor, ("{", "}"))


def harmonic(degree: int) -> Harmonic:
    r"""The Cartesian harmonic $\mathrm{STF}(r^{\otimes\ell})$ as polynomials, compact and full.

    Args:
        degree: $\ell \ge 0$.

    Raises:
        ValueError: If the degree is negative or no integer.

    Examples:
        >>> harmonic(2).norm_squared
        Fraction(2, 3)
        >>> harmonic(3).compact.laplacian().coefficients.is_zero
        True
    """
    if isinstance(degree, bool) or not isinstance(degree, int) or degree < 0:
        raise ValueError(f"a harmonic has an integer degree >= 0, not {degree!r}")
    return Harmonic(degree)


def legendre(degree: int) -> tuple[Fraction, ...]:
    r"""Coefficients of the Legendre polynomial $P_\ell$ by rising powers.

    For unit vectors the addition theorem

    $$Y^{(\ell)}(n) \cdot Y^{(\ell)}(m) = \sum_k a_k\, (n \cdot m)^{\ell - 2k}
      = \frac{\ell!}{(2\ell - 1)!!}\, P_\ell(n \cdot m)$$

    makes them the trace coefficients $a_k$ over the squared norm of a harmonic.

    Examples:
        >>> legendre(2)
        (Fraction(-1, 2), Fraction(0, 1), Fraction(3, 2))
    """
    result = [Fraction(0)] * (degree + 1)
    for pairs in range(degree // 2 + 1):
        result[degree - 2 * pairs] = trace_coefficient(degree, pairs) / stf_norm_squared(degree)
    return tuple(result)


def multipole_coefficient(degree: int) -> int:
    r"""The factor $(-1)^\ell (2\ell - 1)!!$ in $\partial_{i_1} \cdots \partial_{i_\ell} r^{-1}$.

    >>> [multipole_coefficient(degree) for degree in range(5)]
    [1, -1, 3, -15, 105]
    """
    return (-1) ** degree * double_factorial(2 * degree - 1)


def multipole_derivative(degree: int) -> Polynomials:
    r"""Numerator of the derivatives of $1/r$, shape `(3, …, 3)`.

    $$\partial_{i_1} \cdots \partial_{i_\ell} \frac1r = \frac{P_{i_1 \dots i_\ell}(r)}{r^{2\ell+1}}, \qquad
      P = (-1)^\ell (2\ell - 1)!!\, \mathrm{STF}(r^{\otimes\ell})$$

    Source:
        K. S. Thorne, Rev. Mod. Phys. 52, 299 (1980), section II.

    Examples:
        >>> print(multipole_derivative(1).text)
        -x
        -y
        -z
    """
    return multipole_coefficient(degree) * harmonic(degree).full


def parallel_coefficient(left: int, right: int, out: int) -> Fraction:
    r"""The factor $\alpha$ in the coupling of two harmonics of one vector.

    With $S = 2g$ the sum of the degrees and $q = g - \ell_3$ contracted pairs,

    $$(Y^{(\ell_1)} \times Y^{(\ell_2)})_{\ell_3} = \alpha\, r^{2q}\, Y^{(\ell_3)}, \qquad
      \alpha = \frac{2^q\, g!\, \ell_1!\, \ell_2!}{\ell_3!\, (2\ell_1)!\, (2\ell_2)!}
      \prod_i \frac{(S - 2\ell_i)!}{(g - \ell_i)!}$$

    and 0 for odd $S$, where the coupling has a Levi-Civita tensor.

    Raises:
        ValueError: If the degrees violate the triangle rule.

    Examples:
        >>> parallel_coefficient(1, 1, 0), parallel_coefficient(3, 1, 2)  # n·n = 1; STF(nnn)·n
        (Fraction(1, 1), Fraction(3, 5))
    """
    Path(left, right, out)
    half, odd = divmod(left + right + out, 2)
    if odd:
        return Fraction(0)
    result = Fraction(
        2 ** (half - out) * factorial(half) * factorial(left) * factorial(right),
        factorial(out) * factorial(2 * left) * factorial(2 * right),
    )
    for degree in (left, right, out):
        result *= Fraction(factorial(2 * half - 2 * degree), factorial(half - degree))
    return result


def product_coefficient(left: int, right: int, out: int) -> Fraction:
    r"""The factor $\gamma$ of $Y^{(\ell_3)}$ in the plain product of two harmonics of one vector.

    $$Y^{(\ell_1)}_a\, Y^{(\ell_2)}_b
      = \sum_{\ell_3} \gamma_{\ell_3}\, r^{\ell_1 + \ell_2 - \ell_3}\, c_{abo}\, Y^{(\ell_3)}_o, \qquad
      \gamma_{\ell_3} = \frac{2\ell_3 + 1}{\lVert c \rVert^2}\, \alpha_{\ell_3}$$

    with the natural couplings $c$ and $\alpha$ from `parallel_coefficient`.

    Raises:
        ValueError: If the degrees violate the triangle rule.

    Examples:
        >>> product_coefficient(1, 1, 0), product_coefficient(1, 1, 2)  # r_i r_j = r² δ_ij / 3 + STF(r_i r_j)
        (Fraction(1, 3), Fraction(1, 1))
    """
    alpha = parallel_coefficient(left, right, out)
    return (2 * out + 1) / coupling_norm_squared(left, right, out) * alpha


@cache
def _full(degree: int) -> Polynomials:
    column = {exponents: k for k, exponents in enumerate(monomials(degree))}
    by_counts = {counts: _component(counts) for counts in monomials(degree)}
    entries = (
        (flat * len(column) + column[exponents], value)
        for flat, axes in enumerate(product(range(3), repeat=degree))
        for exponents, value in by_counts[axes.count(0), axes.count(1), axes.count(2)].items()
    )
    return Polynomials(degree, sum_parts((*[3] * degree, len(column)), entries))


def _component(counts: Exponents) -> dict[Exponents, Fraction]:
    r"""The component with these numbers of indices x, y, z.

    A symmetric tensor is the polynomial it makes with a vector $s$; $\mathrm{STF}(r^{\otimes\ell})$ makes
    $\sum_k a_k (r \cdot r)^k (s \cdot s)^k (s \cdot r)^{\ell - 2k}$, read off at $s_x^A s_y^B s_z^C$.
    """
    degree = sum(counts)
    result: dict[Exponents, Fraction] = defaultdict(Fraction)
    for pairs in range(degree // 2 + 1):
        for paired in monomials(pairs):
            A, B, C = (count - 2 * pair for count, pair in zip(counts, paired, strict=True))
            if min(A, B, C) < 0:
                continue
            ways = Fraction(arrangements(paired) * arrangements((A, B, C)), arrangements(counts))
            weight = trace_coefficient(degree, pairs) * ways
            for a, b, c in monomials(pairs):
                exponents = (A + 2 * a, B + 2 * b, C + 2 * c)
                result[exponents] += weight * arrangements((a, b, c))
    return result


def _index_formula(
    degree: int,
    vector: str,
    delta: str,
    factor: Callable[[Fraction, int], str],
    braces: tuple[str, str],
) -> str:
    if degree > len(LETTERS):
        raise ValueError(
            f"formulas are written up to degree {len(LETTERS)}, not {degree}; use the components"
        )
    text = ""
    for pairs in range(degree // 2 + 1):
        number = factorial(degree) // (factorial(degree - 2 * pairs) * double_factorial(2 * pairs))
        weight = trace_coefficient(degree, pairs) / number  # of each distinct placement: sym is their mean
        placements = (
            " ".join([*(delta.format(a + b) for a, b in paired), *(vector.format(i) for i in single)])
            for paired, single in _placements(LETTERS[:degree], pairs)
        )
        if number == 1:
            tensor = next(placements)
        elif degree <= WRITTEN_OUT:
            tensor = f"({' + '.join(placements)})"
        else:
            tensor = f"{braces[0]}{next(placements)}{braces[1]}"
        body = " ".join(part for part in (factor(abs(weight), pairs), tensor) if part)
        text += f" {'-' if weight < 0 else '+'} {body}" if text else body
    return text or "1"


def _placements(letters: str, pairs: int) -> Iterator[tuple[tuple[tuple[str, str], ...], str]]:
    """Every way to put indices on `pairs` deltas, and the indices that are left."""
    if not pairs:
        yield (), letters
        return
    for first in range(len(letters) - 2 * pairs + 1):
        for second in range(first + 1, len(letters)):
            # Indices before `first` stay single.
            rest = letters[first + 1 : second] + letters[second + 1 :]
            for paired, single in _placements(rest, pairs - 1):
                yield ((letters[first], letters[second]), *paired), letters[:first] + single


def _latex_factor(weight: Fraction, pairs: int) -> str:
    number = "" if weight == 1 else rf"\frac{{{weight.numerator}}}{{{weight.denominator}}}"
    return " ".join(part for part in (number, f"r^{{{2 * pairs}}}" if pairs else "") if part)


def _text_factor(weight: Fraction, pairs: int) -> str:
    number = "" if weight == 1 else str(weight)
    return " ".join(part for part in (number, f"r{superscript(2 * pairs)}" if pairs else "") if part)
