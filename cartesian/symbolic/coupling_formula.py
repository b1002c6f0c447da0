r"""Couplings as objects: exact arrays, full tensors, and the formula with all traces removed.

With $p = \ell_1 - q$ and $r = \ell_2 - q$ free indices of the factors after $q$ contractions (one
less each if ε takes part), a trace of the symmetric part of $A \cdot_q B$ can only join an index of
$A$ with one of $B$, so it is again a contraction, and the coupling of rank $n = \ell_3$ is

$$\mathrm{STF}(A \cdot_q B) = \sum_k a_k\, \frac{2^k\, p!\, r!\, (n - 2k)!}{(p - k)!\, (r - k)!\, n!}\,
  \mathrm{sym}(\delta^{\otimes k} \otimes A \cdot_{q + k} B),$$

with $a_k$ the weights of `trace_coefficient`; likewise with ε in front.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import factorial, perm
from typing import Any, Literal

import numpy as np

from cartesian.spec import Irrep, Path
from cartesian.symbolic.counts import spread, spread_nnz
from cartesian.symbolic.coupling import compact_coupling, coupling_norm_squared
from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import ExactTensor, sqrt, sum_parts
from cartesian.symbolic.expression import Expression
from cartesian.symbolic.factors import delta, epsilon, stf
from cartesian.symbolic.harmonics import arrangements, frame_polynomials, monomials
from cartesian.symbolic.indices import index_names
from cartesian.symbolic.rendering import Rendered
from cartesian.symbolic.traces import trace_coefficient

Kind = Literal["compact", "full"]


@dataclass(frozen=True)
class Coupling(Rendered):
    r"""The natural coupling of two STF tensors A and B to a third.

    It is $\mathrm{STF}(A \cdot_q B)$ if the degrees add up to an even number, and
    $\mathrm{STF}(\varepsilon_{oab} A_{a\dots} \cdot_q B_{b\dots})$ otherwise.

    Attributes:
        path: The irreps (left, right) → out.

    Examples:
        >>> print(coupling(1, 1, 2))
        1/2 (A_i B_j + A_j B_i) - 1/3 δ_ij A_k B_k
        >>> print(coupling("1o", "1o", "1e"))
        ε_ijk A_j B_k
        >>> coupling(2, 2, 2).norm_squared
        Fraction(35, 12)
    """

    path: Path

    @property
    def norm_squared(self) -> Fraction:
        """Squared Frobenius norm, the same in compact and full form."""
        return coupling_norm_squared(*self.path.degrees)

    @property
    def norm(self) -> ExactTensor:
        """Frobenius norm, an exact number."""
        return sqrt(self.norm_squared)

    @property
    def compact(self) -> ExactTensor:
        """Components between orthonormal frames: shape `(2ℓ1+1, 2ℓ2+1, 2ℓ3+1)`."""
        return compact_coupling(*self.path.degrees)

    @property
    def tensor(self) -> ExactTensor:
        """The compact form."""
        return self.compact

    @cached_property
    def full(self) -> ExactTensor:
        """Cartesian components, STF in the indices of each leg: shape `(3,) * (ℓ1 + ℓ2 + ℓ3)`.

        Contract the first ℓ1 axes with A and the next ℓ2 with B; parts of A and B that are not
        STF do not matter.

        Raises:
            ValueError: If more than ten million of them are nonzero.
        """
        return spread(self._by_counts, self.path.degrees)

    @property
    def nnz_full(self) -> int:
        """Number of nonzero Cartesian components, counted without making them."""
        return spread_nnz(self._by_counts, self.path.degrees)

    @cached_property
    def formula(self) -> Expression:
        """What the coupling makes of STF tensors A and B, with all trace terms."""
        left, right, out = self.path.degrees
        names = index_names(out)
        odd = sum(self.path.degrees) % 2
        from_left, from_right = left - self.path.pairs - odd, right - self.path.pairs - odd
        result = Expression((), names, symmetric=(names,) if out else ())
        for traces in range(min(from_left, from_right) + 1):
            weight = Fraction(2**traces * factorial(out - 2 * traces), factorial(out))
            weight *= perm(from_left, traces) * perm(from_right, traces) * trace_coefficient(out, traces)
            free = list(names[2 * traces :])
            summed = [f"z{k}" for k in range(self.path.pairs + traces)]
            first = ["x0"] * odd + free[odd : odd + from_left - traces] + summed
            second = ["y0"] * odd + free[odd + from_left - traces :] + summed
            term = stf("A", first) * stf("B", second) * weight
            if odd:
                term *= epsilon([free[0], "x0", "y0"])
            for k in range(traces):
                term *= delta(names[2 * k : 2 * k + 2])
            result += term.symmetrise(names) if out else term
        return result

    @property
    def text(self) -> str:
        """The formula in Unicode."""
        return self.formula.text

    def latex(self) -> str:
        r"""The formula in LaTeX; $\{\dots\}$ is the sum over the distinct placements of the free indices."""
        return self.formula.latex()

    def numpy(self, dtype: Any = None, kind: Kind = "compact") -> np.ndarray:
        """Dense array of the compact or the full form, float64 unless another dtype is given."""
        return self._form(kind).numpy(dtype)

    def torch(self, dtype: Any = None, device: Any = None, kind: Kind = "compact") -> Any:
        """Dense torch tensor of the compact or the full form, float64 unless another dtype is given."""
        return self._form(kind).torch(dtype, device)

    @cached_property
    def _by_counts(self) -> ExactTensor:
        frames = (_frame_by_counts(degree) for degree in self.path.degrees)
        return einsum("abo,ai,bj,ok->ijk", self.compact, *frames)

    def _form(self, kind: Kind) -> ExactTensor:
        if kind not in ("compact", "full"):
            raise ValueError(f"a coupling has a 'compact' and a 'full' form, not {kind!r}")
        return self.compact if kind == "compact" else self.full


def coupling(
    left: "Path | Irrep | str | int",
    right: "Irrep | str | int | None" = None,
    out: "Irrep | str | int | None" = None,
) -> Coupling:
    """The coupling of a path, given whole or as three irreps or degrees.

    Raises:
        ValueError: If the three do not couple.
        TypeError: If only one or two are given.
    """
    if isinstance(left, Path) and right is None and out is None:
        return Coupling(left)
    if isinstance(left, Path) or right is None or out is None:
        raise TypeError(
            f"a coupling is given by a path or by three irreps, not by {left!r}, {right!r}, {out!r}"
        )
    return Coupling(Path(left, right, out))


def _frame_by_counts(degree: int) -> ExactTensor:
    """The frame, a component per index counts: what `frame` holds without repetitions."""
    counts = monomials(degree)
    entries = [
        (row * len(counts) + column, value / arrangements(counts[column]))
        for (row, column), value in frame_polynomials(degree).entries()
    ]
    return sum_parts((2 * degree + 1, len(counts)), entries)
