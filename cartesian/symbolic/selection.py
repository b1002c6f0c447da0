r"""Which coupling trees of a given set of factors are independent, decided exactly.

The polynomials of all trees over the same multiset of factors span the copies of an irrep in
$\bigotimes_f \mathrm{Sym}^{k_f}(V_f)$, and polynomials over different multisets are independent. So each
multiset is searched alone, cheapest trees first, until as many are found as its weights demand.

**How independence is decided.** With the components of definite $m$ scaled by binomial roots, the
natural coupling becomes the integer transvectant over a binomial coefficient. So a tree can be
evaluated at random points modulo a prime. Independence modulo the prime implies independence, and
the number of copies is known from characters: a selection that reaches it is proven complete.
"""

from collections import Counter
from functools import cache
from itertools import permutations, product
from math import comb

import numpy as np

from cartesian.spec import Irrep, Irreps
from cartesian.symbolic.characters import irreps_of_weights, product_weights, symmetric_weights
from cartesian.symbolic.coupling import transvectant
from cartesian.symbolic.trees import Factor, Tree

_PRIME = 2**31 - 1  # residues multiply without overflow in int64

Pattern = tuple[tuple[int, int], ...]


def pattern(chosen: tuple[Factor, ...]) -> tuple[Pattern, tuple[Factor, ...]]:
    """Degrees and multiplicities of a multiset of factors, highest first, and the factors in that order."""
    counts = Counter(chosen)
    ordered = sorted(counts, key=lambda f: (-f.irrep.degree, -counts[f], f.position))
    return tuple((f.irrep.degree, counts[f]) for f in ordered), tuple(ordered)


@cache
def multiplicities(pattern: Pattern) -> Irreps:
    r"""Degrees in $\bigotimes_f \mathrm{Sym}^{k_f}(V_f)$ with their multiplicities, written as even irreps.

    >>> multiplicities(((1, 2), (0, 1)))  # two factors of degree 1 that are equal, one of degree 0
    1x0e+1x2e
    """
    weights = Counter({(0, 1): 1})
    for degree, times in pattern:
        weights = product_weights(weights, symmetric_weights(Irreps(Irrep(degree, 1)), times)[times])
    return irreps_of_weights(weights)


@cache
def independent_trees(pattern: Pattern, degree: int) -> tuple[Tree, ...]:
    """The cheapest independent trees over a multiset of factors that lead to one degree.

    Args:
        pattern: Degree and multiplicity of every distinct factor.
        degree: Degree of the result.

    Returns:
        As many trees as there are copies, their factors numbered as in `pattern` and all even.

    Examples:
        >>> independent_trees(((2, 2), (1, 1)), 1)
        (((2e x 2e)0e x 1e)1e, ((2e x 1e)1e x 2e)1e)
    """
    wanted = multiplicities(pattern).count(Irrep(degree, 1))
    selection: list[Tree] = []
    rows: list[list[int]] = []
    total = sum(times * factor for factor, times in pattern)
    for largest in range(total + 1):
        if len(selection) == wanted:
            break
        for tree in sorted(_candidates(pattern, degree, largest), key=lambda tree: tree.cost):
            # A polynomial map into an irrep is known from its component of highest weight.
            row = _reduced([int(value) for value in _values(pattern, tree)[-1, :wanted]], rows)
            if any(row):
                rows.append(row)
                selection.append(tree)
                if len(selection) == wanted:
                    break
    assert len(selection) == wanted
    return tuple(selection)


def _candidates(pattern: Pattern, degree: int, largest: int) -> list[Tree]:
    """Trees whose largest intermediate has the degree `largest`.

    The first two factors stand in one order only: exchanging them changes at most a sign.
    """
    labels = [label for label, (_, times) in enumerate(pattern) for _ in range(times)]
    local = [Factor(label, Irrep(degree, 1), ()) for label, (degree, _) in enumerate(pattern)]
    found = []
    for order in sorted(set(permutations(labels))):
        if order[:2] != tuple(sorted(order[:2])):
            continue
        chosen = tuple(local[label] for label in order)
        found += [Tree(chosen, partials) for partials in _partial_products(chosen, degree, largest)]
    return found


def _partial_products(chosen: tuple[Factor, ...], degree: int, largest: int) -> list[tuple[Irrep, ...]]:
    found: list[tuple[Irrep, ...]] = [(chosen[0].irrep,)]
    for k, factor in enumerate(chosen[1:], start=1):
        found = [
            (*partials, irrep)
            for partials in found
            for irrep in partials[-1] * factor.irrep
            if irrep.degree <= largest or k == len(chosen) - 1
            # The square of one tensor has no part of odd degree.
            if not (k == 1 and factor == chosen[0] and irrep.degree % 2)
        ]
    return [
        partials
        for partials in found
        if partials[-1].degree == degree
        and max((irrep.degree for irrep in partials[1:-1]), default=0) == largest
    ]


def _reduced(row: list[int], rows: list[list[int]]) -> list[int]:
    """The row modulo the prime, cleared where earlier rows lead, and scaled to lead with 1."""
    for other in rows:
        lead = next(k for k, value in enumerate(other) if value)
        if row[lead]:
            row = [(a - row[lead] * b) % _PRIME for a, b in zip(row, other, strict=True)]
    lead_value = next((value for value in row if value), 1)
    inverse = pow(lead_value, -1, _PRIME)
    return [value * inverse % _PRIME for value in row]


def _values(pattern: Pattern, tree: Tree) -> np.ndarray:
    """The polynomials of a tree at the random points of a pattern, `(2ℓ+1, points)` modulo the prime."""
    labels = tuple(factor.position for factor in tree.factors)
    return _evaluate(pattern, labels, tuple(irrep.degree for irrep in tree.partials))


@cache
def _evaluate(pattern: Pattern, labels: tuple[int, ...], degrees: tuple[int, ...]) -> np.ndarray:
    last = _points(pattern)[labels[-1]]
    if len(labels) == 1:
        return last
    head = _evaluate(pattern, labels[:-1], degrees[:-1])
    lefts, rights, outs, numbers = _integer_coupling(degrees[-2], (len(last) - 1) // 2, degrees[-1])
    result = np.zeros((2 * degrees[-1] + 1, head.shape[1]), dtype=np.int64)
    np.add.at(result, outs, head[lefts] * last[rights] % _PRIME * numbers[:, None] % _PRIME)
    return result % _PRIME


@cache
def _points(pattern: Pattern) -> tuple[np.ndarray, ...]:
    """Random components of each factor at as many points as the largest multiplicity asks for."""
    generator = np.random.default_rng(0)
    count = max(block.channels for block in multiplicities(pattern))
    return tuple(generator.integers(_PRIME, size=(2 * degree + 1, count)) for degree, _ in pattern)


@cache
def _integer_coupling(left: int, right: int, out: int) -> tuple[np.ndarray, ...]:
    r"""Places (left, right, out) and residues of $N(m_1, m_2) / \binom{2\ell_3}{\ell_3 + m_1 + m_2}$."""
    entries = []
    for m1, m2 in product(range(-left, left + 1), range(-right, right + 1)):
        m3 = m1 + m2
        if abs(m3) <= out and (number := transvectant(left, right, out, m1, m2)):
            inverse = pow(comb(2 * out, out + m3), -1, _PRIME)
            entries.append((left + m1, right + m2, out + m3, number * inverse % _PRIME))
    return tuple(np.array(entries, dtype=np.int64).T)
