r"""The direction chain: harmonic paths of a convolution as powers of the direction itself.

An STF tensor $T$ of degree $\ell_1$ meets a unit vector $u$ and becomes one of degree $\ell_3$. The usual
paths couple it to harmonics, $P_{\ell_2}(T) = (T \times \mathrm{STF}(u^{\otimes\ell_2}))_{\ell_3}$. The
chain contracts $T$ with $u$ down to rank $q$ and multiplies back up by $u$:

$$\begin{aligned}
  K_q(T) &= \mathrm{STF}\bigl(u^{\otimes(\ell_3 - q)} \otimes A_q\bigr), &
  A_q &= T \cdot u^{\otimes(\ell_1 - q)} \\
  \tilde K_q(T) &= \mathrm{STF}\bigl(u^{\otimes(\ell_3 - q)} \otimes (u \times A_q)\bigr), &
  (u \times A)_{ij\dots} &= \varepsilon_{iab}\, u_a A_{bj\dots}
\end{aligned}$$

The $K_q$, $q = 0 \dots \min(\ell_1, \ell_3)$, span the paths with $\ell_1 + \ell_2 + \ell_3$ even; the odd
chain $\tilde K_q$, $q \ge 1$, spans those with a Levi-Civita tensor.

**How it is evaluated.** With $u$ along the axis $y$ of the frame every map is diagonal in the order $m$ (the
odd ones lead from $m$ to $-m$). There the paths are orthogonal, because couplings to different
$\ell_2$ are; and $K_q$ vanishes for $|m| > q$, which makes the change of basis triangular in $m$.
"""

from fractions import Fraction
from functools import cache

from cartesian.symbolic.coupling import compact_coupling, coupling_norm_squared
from cartesian.symbolic.exact import ExactTensor, exact, sqrt, sum_parts
from cartesian.symbolic.traces import stf_norm_squared

_Y = 1


def chain_degrees(left: int, out: int, odd: bool = False) -> tuple[range, range]:
    r"""The ranks $q$ of the chain and the degrees $\ell_2$ of the paths, equally many.

    Args:
        left, out: Degrees $\ell_1$, $\ell_3$.
        odd: Whether the paths have a Levi-Civita tensor.

    Raises:
        ValueError: If a degree is negative.

    Examples:
        >>> chain_degrees(2, 3), chain_degrees(2, 3, odd=True)
        ((range(0, 3), range(1, 6, 2)), (range(1, 3), range(2, 5, 2)))
    """
    if left < 0 or out < 0:
        raise ValueError(f"degrees are integers >= 0, not {left} and {out}")
    return range(odd, min(left, out) + 1), range(abs(left - out) + odd, left + out + 1 - odd, 2)


@cache
def chain_matrix(left: int, out: int, odd: bool = False, normalized: bool = False) -> ExactTensor:
    r"""The matrix $M$ from paths to the chain, $K_q = \sum_{\ell_2} M_{q \ell_2} P_{\ell_2}$.

    Args:
        left, out: Degrees $\ell_1$, $\ell_3$.
        odd: Whether the paths have a Levi-Civita tensor.
        normalized: For $K_q$ and $P_{\ell_2}$ of unit norm as maps of $T$; natural otherwise, and rational.

    Returns:
        A square matrix, rows $q$ and columns $\ell_2$ as in `chain_degrees`.

    Raises:
        ValueError: If a degree is negative.

    Examples:
        >>> chain_matrix(1, 1).latex()  # u (T·u) = (T·STF(uu)) + T/3; T
        '\\begin{pmatrix} \\frac{1}{3} & 1 \\\\ 1 & 0 \\end{pmatrix}'
    """
    ranks, degrees = chain_degrees(left, out, odd)
    paths = [(_path(left, degree, out, odd), _path_norm_squared(left, degree, out)) for degree in degrees]
    entries = []
    for row, rank in enumerate(ranks):
        chain = _chain(left, out, rank, odd)
        for column, (path, norm_squared) in enumerate(paths):
            value = _inner(chain, path) / norm_squared
            if normalized:
                value *= sqrt(norm_squared / _inner(chain, chain).fraction())
            entries.append((row * len(degrees) + column, value))
    return sum_parts((len(ranks), len(degrees)), entries)


@cache
def chain_inverse(left: int, out: int, odd: bool = False, normalized: bool = False) -> ExactTensor:
    r"""The matrix from the chain to paths, $P_{\ell_2} = \sum_q M^{-1}_{\ell_2 q} K_q$.

    It is the inverse of `chain_matrix`, with rows $\ell_2$ and columns $q$. Weights of a layer follow:
    $\sum_{\ell_2} w_{\ell_2} P_{\ell_2} = \sum_q v_q K_q$ with $v = w M^{-1}$.

    Examples:
        >>> chain_inverse(1, 1).latex()
        '\\begin{pmatrix} 0 & 1 \\\\ 1 & -\\frac{1}{3} \\end{pmatrix}'
    """
    ranks, degrees = chain_degrees(left, out, odd)
    chains = {rank: _chain(left, out, rank, odd) for rank in ranks}
    entries = []
    for row, degree in enumerate(degrees):
        rest = _path(left, degree, out, odd)
        norm_squared = _path_norm_squared(left, degree, out)
        # At m = q only the ranks >= q are nonzero: the largest rank first.
        for rank in reversed(ranks):
            value = rest[rank] / chains[rank][rank]
            rest = [a - value * b for a, b in zip(rest, chains[rank], strict=True)]
            if normalized:
                value *= sqrt(_inner(chains[rank], chains[rank]).fraction() / norm_squared)
            entries.append((row * len(ranks) + rank - odd, value))
    return sum_parts((len(degrees), len(ranks)), entries)


def _chain(left: int, out: int, rank: int, odd: bool) -> list[ExactTensor]:
    r"""Components $m \ge 0$ of $K_q$ for $u$ along y: from order m to m, or from m to -m."""
    turn = compact_coupling(1, rank, rank) if odd else None
    result = []
    for m in range(min(left, out) + 1):
        if m > rank:
            result.append(exact(0))
            continue
        value = _contraction(left, rank, m) * _contraction(out, rank, m)
        result.append(value if turn is None else value * turn[_Y, rank + m, rank - m])
    return result


@cache
def _contraction(degree: int, rank: int, m: int) -> ExactTensor:
    r"""The component $m$ of $T \cdot u^{\otimes(\ell - q)}$ for $u$ along y, and of its adjoint.

    The adjoint is $A \mapsto \mathrm{STF}(u^{\otimes(\ell - q)} \otimes A)$; for one power of $u$ it is the
    coupling $(\ell - 1) \times 1 \to \ell$.
    """
    if degree == rank:
        return exact(1)
    last = compact_coupling(degree - 1, 1, degree)[degree - 1 + m, _Y, degree + m]
    return _contraction(degree - 1, rank, m) * last


def _path(left: int, degree: int, out: int, odd: bool) -> list[ExactTensor]:
    r"""Components $m \ge 0$ of $P_{\ell_2}$ for $u$ along y: from order m to m, or from m to -m."""
    coupling, length = compact_coupling(left, degree, out), sqrt(stf_norm_squared(degree))
    return [
        coupling[left + m, degree, out - m if odd else out + m] * length for m in range(min(left, out) + 1)
    ]


def _path_norm_squared(left: int, degree: int, out: int) -> Fraction:
    return coupling_norm_squared(left, degree, out) * stf_norm_squared(degree) / (2 * degree + 1)


def _inner(first: list[ExactTensor], second: list[ExactTensor]) -> ExactTensor:
    """Sum over all orders of products of components; m and -m give the same."""
    return sum(
        ((2 if m else 1) * a * b for m, (a, b) in enumerate(zip(first, second, strict=True))), exact(0)
    )
