r"""Exchange of two neighbouring indices in a chain of couplings.

Couple a tensor of degree $p$ with an index $i$ to degree $l$, and that with an index $k$ to degree
$q$, by natural couplings: $C^{l} = c^{p1l} c^{l1q}$. Exchanging $i$ and $k$ mixes the intermediate
degrees only. Since $1 \otimes 1$ holds one antisymmetric part, of degree 1, and $p \otimes 1$ holds $q$
once, the combination $A = \varepsilon_{ikj}\, c^{p1q}$ is the only one that changes sign, and the exchange
is the reflection

$$C^l \mapsto \sum_{l'} \Big(\delta_{l'l} - 2\,\frac{w_{l'} w_l / g_{l'}}{\sum_m w_m^2 / g_m}\Big) C^{l'},
  \qquad w_l = \langle C^l, A\rangle, \quad g_l = \lVert C^l\rVert^2,$$

a rational matrix because all the inner products are.
"""

from fractions import Fraction
from functools import cache

from cartesian.symbolic.coupling import compact_coupling, coupling_norm_squared
from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import ExactTensor


def step_norm_squared(degree: int, out: int) -> Fraction:
    r"""Factor of squared norms in one coupling, $\lVert c^{\ell 1 \ell'}\rVert^2 / (2\ell' + 1)$."""
    return coupling_norm_squared(degree, 1, out) / (2 * out + 1)


def steps(degree: int) -> range:
    """Degrees that a coupling with one index leads to."""
    return range(abs(degree - 1), degree + 2)


@cache
def exchange(start: int, end: int) -> dict[int, dict[int, Fraction]]:
    """Matrix of the exchange between degrees `start` and `end`: of each intermediate degree, its image.

    Examples:
        >>> exchange(1, 1)[0]  # δ_ai δ_ko -> δ_ak δ_io, in terms of degrees 0, 1, 2
        {0: Fraction(1, 3), 1: Fraction(1, 2), 2: Fraction(1, 1)}
    """
    middles = [degree for degree in steps(start) if end in steps(degree)]
    overlaps = dict.fromkeys(middles, Fraction(0))
    if end in steps(start):
        overlaps = {middle: _overlap(start, middle, end) for middle in middles}
    norms = {middle: step_norm_squared(start, middle) * step_norm_squared(middle, end) for middle in middles}
    total = sum(overlaps[middle] ** 2 / norms[middle] for middle in middles)
    result = {}
    for middle in middles:
        image = {m: -2 * overlaps[m] * overlaps[middle] / norms[m] / total if total else 0 for m in middles}
        image[middle] += 1
        result[middle] = {m: Fraction(value) for m, value in image.items() if value}
    return result


def _overlap(start: int, middle: int, end: int) -> Fraction:
    r"""$\langle C^l, A \rangle$ over all but the last axis, where one component stands for all."""
    first = compact_coupling(start, 1, middle)
    second = _component(compact_coupling(middle, 1, end), end)
    antisymmetric = _component(compact_coupling(start, 1, end), end)
    return einsum("aib,bk,jik,aj->", first, second, compact_coupling(1, 1, 1), antisymmetric).fraction()


def _component(coupling: ExactTensor, degree: int) -> ExactTensor:
    return coupling.transpose(2, 0, 1)[degree]
