r"""Weights of coupling trees as weights of the independent copies of symmetric powers.

Published models give every coupling tree a weight of its own, though their polynomials are dependent. Each is
a combination of the orthonormal copies $P_k$ of `cartesian.programs.powers`,

$$T_s(x) = \sum_k R_{sk}\, P_k(x), \qquad R_{sk} = \frac{\langle T_s, P_k \rangle}{2L + 1},$$

with the scalar product of symmetric tensors; so a redundant set of trees costs what the independent one does.
"""

from collections.abc import Callable, Iterator
from functools import cache
from math import prod

import numpy as np

from cartesian.programs.powers import Power
from cartesian.spec import Irrep, Irreps
from cartesian.symbolic.coupling import coupling_norm_squared
from cartesian.symbolic.tree_polynomials import Monomial, arrangements, tree_polynomial
from cartesian.symbolic.trees import Tree

Trees = Callable[[Irreps, int, Irreps], tuple[Tree, ...]]
"""Irreps of a factor, correlation and irreps of the results to trees, as `cartesian.symbolic.trees.trees`."""


def slots(power: Power, trees: Trees) -> tuple[Tree, ...]:
    """All trees of a power, in the order of its irreps, then of the correlation.

    Examples:
        >>> from cartesian.programs.powers import power_program
        >>> from cartesian.symbolic.trees import trees
        >>> slots(power_program("1o", 3, "1o"), trees)[:2]
        (1o, ((1o x 1o)0e x 1o)1o)
    """
    return tuple(
        tree
        for _, irrep in power.out
        for correlation in range(1, power.correlation + 1)
        for tree in trees(power.irreps, correlation, Irreps(irrep))
    )


def slot_matrix(power: Power, trees: Trees) -> np.ndarray:
    r"""The matrix $R$, `(slots, power.weights)`, float64, read-only.

    The couplings of a tree have the squared norm $2\ell + 1$ each. A tree whose polynomial vanishes, such as
    $r \times r$, has a row of zeros.

    Examples:
        >>> from cartesian.programs.powers import power_program
        >>> from cartesian.symbolic.trees import trees
        >>> slot_matrix(power_program("1o", 2, "0e"), trees)
        array([[1.]])
    """
    copies = _copies(power)
    found = slots(power, trees)
    matrix = np.zeros((len(found), power.weights))
    for row, tree in enumerate(found):
        norm = prod(path.out.dim / coupling_norm_squared(*path.degrees) for path in tree.paths)
        monomials, polynomial = tree_polynomial(tree)
        coefficients = polynomial.numpy() * float(norm) ** 0.5
        for component, monomial, value in _entries(coefficients, monomials):
            for k, other in copies.get((tree.out, component, monomial), ()):
                matrix[row, k] += value * other / (arrangements(monomial) * tree.out.dim)
    matrix.flags.writeable = False
    return matrix


@cache
def second_moments(power: Power) -> np.ndarray:
    r"""Mean products $\langle P_k P_{k'} \rangle$ of the copies for normal $x$, for any one component.

    Copies of different irreps are independent. Not the identity: $\langle (r \cdot r)^2 \rangle = 15$.

    Returns:
        `(power.weights, power.weights)`, float64, read-only.

    Examples:
        >>> from cartesian.programs.powers import power_program
        >>> second_moments(power_program("1o", 2, "0e"))
        array([[5.]])
    """
    # By Schur's lemma all components of an irrep have the same moments: one is enough.
    first = {part.start for part in power.out.slices}
    columns = [k for k, (component, _) in enumerate(power.monomials) if component in first]
    exponents = np.zeros((len(columns), power.irreps.dim), int)
    for row, column in enumerate(columns):
        np.add.at(exponents[row], list(power.monomials[column][1]), 1)
    # <x^n> = (n - 1)!! for even n, and 0 for odd n.
    normal = np.zeros(2 * power.correlation + 1)
    normal[::2] = np.cumprod([1, *range(1, 2 * power.correlation, 2)])
    moments = np.zeros((power.weights, power.weights))
    component = np.array([power.monomials[column][0] for column in columns])
    folding = power.folding[:, columns]
    # Products of monomials have odd exponents unless both have the same odd ones.
    _, kind = np.unique(np.hstack([component[:, None], exponents % 2]), axis=0, return_inverse=True)
    for value in range(kind.max() + 1):
        same = np.flatnonzero(kind.reshape(-1) == value)
        products = normal[exponents[same, None] + exponents[None, same]].prod(-1)
        moments += folding[:, same] @ products @ folding[:, same].T
    moments.flags.writeable = False
    return moments


def normalized(power: Power, matrix: np.ndarray) -> np.ndarray:
    r"""Rows of a matrix of slots, scaled so that normal weights and features give second moment one.

    A row with the polynomial $T_s$ is multiplied by $(n_L \langle T_s^2 \rangle)^{-1/2}$, where $n_L$ is the
    number of slots of its irrep $L$ that do not vanish: each gives the same part.

    Examples:
        >>> from cartesian.programs.powers import power_program
        >>> normalized(power_program("0e + 1o", 1, "0e + 1o"), 3 * np.eye(2))
        array([[1., 0.], [0., 1.]])
    """
    moments = np.einsum("sk,kj,sj->s", matrix, second_moments(power), matrix)
    irrep = np.repeat([str(irrep) for _, irrep, _ in power.copies], [count for *_, count in power.copies])
    belongs = np.stack([(matrix[:, irrep == name] != 0).any(1) for name in np.unique(irrep)], 1)
    counts = belongs @ belongs.sum(0)
    return matrix * np.where(moments > 0, moments * counts, 1.0)[:, None] ** -0.5


def _copies(power: Power) -> dict[tuple[Irrep, int, Monomial], list[tuple[int, float]]]:
    """For every irrep, component of it and monomial, the copies in which it occurs and how often."""
    found: dict[tuple[Irrep, int, Monomial], list[tuple[int, float]]] = {}
    places = [(block.irrep, m) for block in power.out for m in range(block.irrep.dim)]
    for k, column in zip(*(axis.tolist() for axis in np.nonzero(power.folding)), strict=True):
        component, monomial = power.monomials[column]
        found.setdefault((*places[component], monomial), []).append((k, power.folding[k, column]))
    return found


def _entries(
    coefficients: np.ndarray, monomials: tuple[Monomial, ...]
) -> Iterator[tuple[int, Monomial, float]]:
    for m, k in zip(*(axis.tolist() for axis in np.nonzero(coefficients)), strict=True):
        yield m, monomials[k], coefficients[m, k]
