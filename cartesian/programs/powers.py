r"""Symmetric powers with weights as programs: products of correlation $\nu$ on nodes.

$$z_{M} = \sum_\nu \sum_k W_{zk}\, P^{\nu k}_M(x) = \sum_\nu \sum_{i_1 \le \dots \le i_\nu}
  A_{z, M, i_1 \dots i_\nu}\, x_{i_1} \cdots x_{i_\nu}$$

The weights of the copies $k$ are folded with the exact coefficients of their monomials into one
coefficient $A$ per monomial, once per element and channel. On the nodes what is left is a polynomial,
evaluated by Horner's rule; $k$ no longer occurs.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from cartesian.programs.lanes import LaneLeg, Lanes, Recorder, differentiate, pruned
from cartesian.spec import Irrep, Irreps
from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.powers import symmetric_power

Monomial = tuple[int, ...]


class Power(NamedTuple):
    """A sum of symmetric powers with weights, as a value.

    Attributes:
        irreps: Irreps of the features, each once; all have the same channels.
        correlation: Largest number of factors.
        out: Irreps of the result, each once.

    Examples:
        >>> power = power_program("0e + 1o + 2e + 3o", 3, "0e + 1o")
        >>> power.copies  # (correlation, irrep) of every weight, with its number of copies
        ((1, 0e, 1), (2, 0e, 4), (3, 0e, 8), (1, 1o, 1), (2, 1o, 3), (3, 1o, 12))
        >>> power.weights
        29
    """

    irreps: Irreps
    correlation: int
    out: Irreps

    @property
    def copies(self) -> tuple[tuple[int, Irrep, int], ...]:
        """Correlation, irrep and number of copies, in the order of the weights."""
        return _table(self)[0]

    @property
    def weights(self) -> int:
        """Number of weights per element and channel."""
        return sum(count for _, _, count in self.copies)

    @property
    def monomials(self) -> tuple[tuple[int, Monomial], ...]:
        """Component of the result and monomial of every coefficient $A$."""
        return _table(self)[1]

    @property
    def folding(self) -> np.ndarray:
        """Matrix from weights to coefficients, `(weights, coefficients)`, float64, read-only."""
        return _table(self)[2]

    @property
    def text(self) -> str:
        """One line that `lanes` reads."""
        return f"{self.irreps},{self.correlation},{self.out}"


def power_program(irreps: Irreps | str, correlation: int, out: Irreps | str) -> Power:
    r"""Symmetric powers of all orders up to `correlation`, summed with weights.

    The copies of each order and irrep are orthonormal: their symmetric tensors have the squared norm $2L+1$.

    Args:
        irreps: Irreps of the features, each once; the channels are left to the features.
        correlation: Largest number of factors, at least 1.
        out: Irreps wanted, each once.

    Raises:
        ValueError: If an irrep occurs twice, or `out` has one that no power contains.
    """
    irreps, out = (Irreps((1, block.irrep) for block in Irreps(side)) for side in (irreps, out))
    for side in (irreps, out):
        if len({block.irrep for block in side}) < len(side):
            raise ValueError(f"{side} has an irrep twice; a power takes and gives each irrep once")
    power = Power(irreps, correlation, out)
    for _, irrep in out:
        if all(other != irrep for _, other, _ in power.copies):
            raise ValueError(f"no product of up to {correlation} factors of {irreps} contains {irrep}")
    return power


@cache
def lanes(text: str) -> Lanes:
    """The program of a power given by its text, or of a derivative of it.

    Operands: coefficients (per group), features (per row). Output: the result (per row).
    """
    head, _, last = text.rpartition("|")
    if head:
        wanted, absent = (tuple(int(i) for i in part.split()) for part in last.split(","))
        return differentiate(lanes(head), wanted, absent)
    irreps, correlation, out = text.split(",")
    power = Power(Irreps(irreps), int(correlation), Irreps(out))
    record = Recorder()
    polynomials: list[dict[Monomial, int]] = [{} for _ in range(power.out.dim)]
    for k, (component, monomial) in enumerate(power.monomials):
        polynomials[component][monomial] = record("load", 0, k)
    result = tuple(_horner(record, polynomial) for polynomial in polynomials)
    coefficients = LaneLeg("coefficients", len(power.monomials), "group")
    features, output = LaneLeg("features", power.irreps.dim, "row"), LaneLeg("out", power.out.dim, "row")
    return pruned(text, (coefficients, features), (output,), record.instructions, [result])


def _horner(record: Recorder, polynomial: dict[Monomial, int]) -> int | None:
    r"""$a + \sum_i x_i\,(a_i + \sum_{j \ge i} x_j\,(a_{ij} + \dots))$."""
    terms = [polynomial[()]] if () in polynomial else []
    for first in sorted({monomial[0] for monomial in polynomial if monomial}):
        rest = {m[1:]: i for m, i in polynomial.items() if m and m[0] == first}
        inner = _horner(record, rest)
        assert inner is not None
        terms.append(record("mul", record("load", 1, first), inner))
    return record.sum(terms)


@cache
def _table(
    power: Power,
) -> tuple[tuple[tuple[int, Irrep, int], ...], tuple[tuple[int, Monomial], ...], np.ndarray]:
    copies: list[tuple[int, Irrep, int]] = []
    columns: dict[tuple[int, Monomial], int] = {}
    entries: list[tuple[int, int, float]] = []
    first = 0
    for (_, irrep), part in zip(power.out, power.out.slices, strict=True):
        for correlation in range(1, power.correlation + 1):
            powers = symmetric_power(power.irreps, correlation, Irreps(irrep))
            count = len(powers[irrep])
            if not count:
                continue
            coefficients = einsum(
                "kj,jma->kma", powers.orthonormal(irrep), powers.coefficients(irrep)
            ).numpy()
            for k, m, a in zip(*(axis.tolist() for axis in np.nonzero(coefficients)), strict=True):
                key = part.start + m, powers.monomials[a]
                column = columns.setdefault(key, len(columns))
                entries.append((first + k, column, coefficients[k, m, a]))
            copies.append((correlation, irrep, count))
            first += count
    folding = np.zeros((first, len(columns)))
    for row, column, value in entries:
        folding[row, column] = value
    folding.flags.writeable = False
    return tuple(copies), tuple(columns), folding
