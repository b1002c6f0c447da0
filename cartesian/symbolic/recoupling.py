r"""3j, 6j and 9j symbols, and the change between the orders of a coupling, all exact.

**Cartesian 3j symbols** are the natural couplings over their norm, $w = c/\lVert c \rVert$, real invariant
tensors in the frame. Under permutations of their legs they keep their sign if
$S = \ell_1 + \ell_2 + \ell_3$ is even, and take that of the permutation if it is odd. In the complex frame
$U$ they are the symbols of quantum mechanics up to a phase that depends on $S$ alone:

$$\begin{pmatrix} \ell_1 & \ell_2 & \ell_3 \\ m_1 & m_2 & m_3 \end{pmatrix}
  = i^S\, U_{m_1 a} U_{m_2 b} U_{m_3 c}\, w_{abc}.$$

In closed networks these phases cancel. So the 6j symbol *is* the tetrahedron of four Cartesian 3j
symbols, and the 9j symbol the network of three rows against three columns, with no signs:

$$\begin{Bmatrix} a & b & c \\ d & e & f \end{Bmatrix}
  = w^{abc}_{\alpha\beta\gamma}\, w^{aef}_{\alpha\epsilon\varphi}\, w^{dbf}_{\delta\beta\varphi}\,
    w^{dec}_{\delta\epsilon\gamma}.$$

With natural couplings each factor is larger by its norm $\lVert c \rVert$, and the network is rational.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from itertools import product
from math import factorial, prod

from cartesian.symbolic.coupling import compact_coupling, coupling_norm_squared, transvectant
from cartesian.symbolic.exact import ExactTensor, exact, sqrt, sum_parts


def symbol_3j(l1: int, l2: int, l3: int, orders: Sequence[int] | None = None) -> ExactTensor:
    r"""The 3j symbol: Cartesian as a tensor, or one component of quantum mechanics.

    Args:
        l1, l2, l3: Degrees.
        orders: $(m_1, m_2, m_3)$ for the complex component; left out for the Cartesian tensor.

    Returns:
        Without orders $w = c/\lVert c \rVert$, shape `(2ℓ1+1, 2ℓ2+1, 2ℓ3+1)`; with orders a number. Both are
        0 outside the triangle, the number also if the orders do not add up to 0.

    Raises:
        ValueError: If a degree is no integer >= 0, or an order does not lie in $-\ell, \dots, \ell$.

    Source:
        G. Racah, Phys. Rev. 62, 438 (1942), Eq. (16).

    Examples:
        >>> symbol_3j(1, 1, 0)[0, 0, 0], symbol_3j(1, 1, 0, (1, -1, 0))
        (√3/3, √3/3)
    """
    degrees = (l1, l2, l3)
    _check_degrees("3j", degrees)
    if orders is None:
        if not _is_triangle(*degrees):
            return ExactTensor([2 * l + 1 for l in degrees], {})
        return compact_coupling(*degrees) * sqrt(1 / coupling_norm_squared(*degrees))
    if len(orders) != 3 or any(
        isinstance(m, bool) or not isinstance(m, int) or abs(m) > l
        for l, m in zip(degrees, orders, strict=False)
    ):
        raise ValueError(f"a 3j symbol of degrees {degrees} has orders -l <= m <= l, not {tuple(orders)}")
    if sum(orders) or not _is_triangle(*degrees):
        return exact(0)
    total, (m1, m2, m3) = sum(degrees), orders
    squared = Fraction(1, factorial(total + 1))
    for l, m in zip(degrees, orders, strict=True):
        squared *= Fraction(factorial(l + m) * factorial(l - m), factorial(total - 2 * l))
    return sqrt(squared) * transvectant(l1, l2, l3, m1, m2) * (-1) ** (l1 + l2 + abs(m3))


def symbol_6j(a: int, b: int, c: int, d: int, e: int, f: int) -> ExactTensor:
    r"""The 6j symbol $\{a\,b\,c;\; d\,e\,f\}$, by Racah's sum over integers.

    $$\Delta_{abc} \Delta_{aef} \Delta_{dbf} \Delta_{dec} \sum_t
      \frac{(-1)^t\, (t + 1)!}{\prod_{i=1}^4 (t - S_i)!\, \prod_{j=1}^3 (Q_j - t)!}$$

    with the sums $S_i$ over the four triangles, $Q_j$ over the three pairs of columns, and
    $\Delta_{abc}^2 = (S - 2a)!\,(S - 2b)!\,(S - 2c)!/(S + 1)!$.

    Returns:
        A rational times one square root; 0 if one of the four triangles is violated.

    Raises:
        ValueError: If a degree is no integer >= 0.

    Source:
        G. Racah, Phys. Rev. 62, 438 (1942), Eq. (36').

    Examples:
        >>> symbol_6j(1, 2, 3, 2, 1, 2), symbol_6j(2, 2, 2, 2, 2, 2)
        (√21/105, -3/70)
    """
    _check_degrees("6j", (a, b, c, d, e, f))
    return _racah(a, b, c, d, e, f)


@cache
def _racah(a: int, b: int, c: int, d: int, e: int, f: int) -> ExactTensor:
    triangles = _triangles(a, b, c, d, e, f)
    if not all(_is_triangle(*triangle) for triangle in triangles):
        return exact(0)
    sums = [sum(triangle) for triangle in triangles]
    pairs = [a + b + d + e, b + c + e + f, c + a + f + d]
    series = Fraction(0)
    for t in range(max(sums), min(pairs) + 1):
        below = prod(factorial(t - s) for s in sums) * prod(factorial(q - t) for q in pairs)
        series += Fraction((-1) ** t * factorial(t + 1), below)
    squared = Fraction(1)
    for triangle, total in zip(triangles, sums, strict=True):
        squared *= Fraction(prod(factorial(total - 2 * l) for l in triangle), factorial(total + 1))
    return sqrt(squared) * series


def symbol_9j(a: int, b: int, c: int, d: int, e: int, f: int, g: int, h: int, i: int) -> ExactTensor:
    r"""The 9j symbol with rows $a\,b\,c$, $d\,e\,f$, $g\,h\,i$, by a sum over 6j symbols.

    $$\sum_x (2x + 1) \begin{Bmatrix} a & b & c \\ f & i & x \end{Bmatrix}
      \begin{Bmatrix} d & e & f \\ b & x & h \end{Bmatrix}
      \begin{Bmatrix} g & h & i \\ x & a & d \end{Bmatrix}$$

    Returns:
        A rational times one square root; 0 if a row or column is no triangle.

    Raises:
        ValueError: If a degree is no integer >= 0.

    Source:
        E. P. Wigner, in Quantum Theory of Angular Momentum (1965), p. 87.

    Examples:
        >>> symbol_9j(1, 1, 1, 1, 1, 1, 1, 1, 0)
        1/18
    """
    _check_degrees("9j", (a, b, c, d, e, f, g, h, i))
    low = max(abs(a - i), abs(d - h), abs(b - f))
    high = min(a + i, d + h, b + f)
    return sum(
        (
            (2 * x + 1) * _racah(a, b, c, f, i, x) * _racah(d, e, f, b, x, h) * _racah(g, h, i, x, a, d)
            for x in range(low, high + 1)
        ),
        exact(0),
    )


def natural_6j(a: int, b: int, c: int, d: int, e: int, f: int) -> Fraction:
    r"""The tetrahedron of four natural couplings, $\{a\,b\,c;\; d\,e\,f\} \prod \lVert c \rVert$, rational.

    The legs are those of the module's formula with $c$ in place of $w$.

    Examples:
        >>> natural_6j(1, 1, 1, 1, 1, 1)  # ε_abc ε_aef ε_dbf ε_dec
        Fraction(6, 1)
    """
    triangles = _triangles(a, b, c, d, e, f)
    symbol = symbol_6j(a, b, c, d, e, f)
    return Fraction(0) if symbol.is_zero else (symbol * _norm(*triangles)).fraction()


def natural_9j(a: int, b: int, c: int, d: int, e: int, f: int, g: int, h: int, i: int) -> Fraction:
    r"""The network of six natural couplings, the 9j symbol times $\prod \lVert c \rVert$, rational.

    Examples:
        >>> natural_9j(1, 1, 0, 1, 1, 0, 0, 0, 0)  # δ_ab δ_de δ_ad δ_be
        Fraction(3, 1)
    """
    symbol = symbol_9j(a, b, c, d, e, f, g, h, i)
    legs = ((a, b, c), (d, e, f), (g, h, i), (a, d, g), (b, e, h), (c, f, i))
    return Fraction(0) if symbol.is_zero else (symbol * _norm(*legs)).fraction()


def intermediate_degrees(l1: int, l2: int, l3: int, out: int) -> tuple[range, range]:
    r"""The degrees $\ell_{12}$ through which $((1\,2)\,3)$ reaches `out`, and $\ell_{23}$ of $(1\,(2\,3))$.

    Both ranges have the same length.

    Examples:
        >>> intermediate_degrees(1, 1, 2, 2)
        (range(0, 3), range(1, 4))
    """
    _check_degrees("recoupling", (l1, l2, l3, out))
    first = range(max(abs(l1 - l2), abs(l3 - out)), min(l1 + l2, l3 + out) + 1)
    second = range(max(abs(l2 - l3), abs(l1 - out)), min(l2 + l3, l1 + out) + 1)
    return first, second


def recoupling_matrix(l1: int, l2: int, l3: int, out: int, natural: bool = False) -> ExactTensor:
    r"""The matrix from products coupled as $(1\,(2\,3))$ to those coupled as $((1\,2)\,3)$.

    $$\bigl((A \times B)_{\ell_{12}} \times C\bigr)_L = \sum_{\ell_{23}} R_{\ell_{12} \ell_{23}}\,
      \bigl(A \times (B \times C)_{\ell_{23}}\bigr)_L$$

    For couplings scaled to be isometries, $\sqrt{2\ell + 1}\, w$ with $\ell$ the degree of the result, the
    matrix is orthogonal, and Cartesian phases make it the one of quantum mechanics:

    $$R = (-1)^{\ell_1 + \ell_2 + \ell_3 + L} \sqrt{(2\ell_{12} + 1)(2\ell_{23} + 1)}
      \begin{Bmatrix} \ell_1 & \ell_2 & \ell_{12} \\ \ell_3 & L & \ell_{23} \end{Bmatrix}.$$

    Args:
        l1, l2, l3: Degrees of the factors.
        out: Degree $L$ of the result.
        natural: For natural couplings instead; the matrix is rational then.

    Returns:
        A square matrix; rows and columns as in `intermediate_degrees`, empty if `out` cannot be reached.

    Raises:
        ValueError: If a degree is no integer >= 0.

    Examples:
        >>> matrix = recoupling_matrix(1, 1, 1, 1, natural=True)
        >>> matrix[1, 0], matrix[1, 1], matrix[1, 2]  # (A × B) × C = B (A·C) - A (B·C)
        (-2/3, 1/2, 1)
    """
    rows, columns = intermediate_degrees(l1, l2, l3, out)
    sign = (-1) ** (l1 + l2 + l3 + out)
    entries = []
    for k, (left, right) in enumerate(product(rows, columns)):
        value = sqrt((2 * left + 1) * (2 * right + 1)) * symbol_6j(l1, l2, left, l3, out, right) * sign
        if natural:
            # A natural coupling is √(‖c‖² / (2ℓ + 1)) times the isometry; 2L + 1 stands on both sides.
            ours = coupling_norm_squared(l1, l2, left) * coupling_norm_squared(left, l3, out) / (2 * left + 1)
            theirs = coupling_norm_squared(l2, l3, right) * coupling_norm_squared(l1, right, out)
            value *= sqrt(ours / theirs * (2 * right + 1))
        entries.append((k, value))
    return sum_parts((len(rows), len(columns)), entries)


def _triangles(a: int, b: int, c: int, d: int, e: int, f: int) -> list[tuple[int, int, int]]:
    return [(a, b, c), (a, e, f), (d, b, f), (d, e, c)]


def _norm(*triangles: tuple[int, int, int]) -> ExactTensor:
    return sqrt(prod((coupling_norm_squared(*triangle) for triangle in triangles), start=Fraction(1)))


def _is_triangle(a: int, b: int, c: int) -> bool:
    return abs(a - b) <= c <= a + b


def _check_degrees(name: str, degrees: tuple[int, ...]) -> None:
    if any(isinstance(l, bool) or not isinstance(l, int) or l < 0 for l in degrees):
        raise ValueError(f"{name} symbols are for integer degrees >= 0, not {degrees}")
