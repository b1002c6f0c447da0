r"""Tensors with an index symmetry as a chain of couplings: which parts there are, and how they embed.

The indices are taken in one after another. The parts of the first $k$ indices, each a degree
$\ell$ and a seniority, couple with index $k + 1$ by the natural couplings
$c^{\ell 1 \ell'}$; these products are the *columns* of level $k + 1$. If the symmetry says
something new about the first $k + 1$ indices, the parts of that level are the combinations of
columns that obey it, otherwise the columns themselves. In this gauge everything is rational:
the inner products of columns are diagonal, a permutation of indices is a product of exchanges
of neighbours (`index_exchange`), and a symmetry is a nullspace. Roots appear only when a part is
scaled to unit norm.

**Order of the indices.** Indices tied to others by the symmetry come first and exchangeable ones
side by side; beyond that the order is that of the letters.

**Order and orientation of the parts of one degree.** Columns ascend by the degree before the last
index, then by the degree before that, and so on. A space without index symmetry is split along its
columns. One with a symmetry has as its first part of a degree, where it exists, the totally
symmetric one (for elasticity this is Backus' splitting), positive on $n \otimes \dots \otimes n$ where
$Y^{(\ell)}(n)$ is positive. The others follow: first the contrasts between terms of the first part, then
what does not overlap with it, made orthogonal by Gram-Schmidt on the reduced echelon basis and
oriented so that the first column has a positive coefficient.

Source: for elasticity, G. Backus, Rev. Geophys. Space Phys. 8, 633 (1970).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache, reduce
from itertools import pairwise
from operator import add
from string import ascii_lowercase

from cartesian.spec.irrep import Irrep
from cartesian.spec.orbits import components, exchangeable, group_of
from cartesian.spec.permutations import SignedPermutation
from cartesian.spec.symmetry import IndexSymmetry
from cartesian.symbolic.coupling import compact_coupling
from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import ExactTensor, exact, sqrt
from cartesian.symbolic.index_exchange import exchange, step_norm_squared, steps
from cartesian.symbolic.linear_algebra import Row, inner, nullspace, orthogonal

Part = tuple[int, int]
"""A degree and a seniority, counted from 0 inside this file."""


@dataclass(frozen=True, slots=True)
class Level:
    """The parts of the first indices, in terms of those of one index less.

    Attributes:
        columns: For each degree, the parts that couple to it with the new index.
        rows: For each degree, the parts as combinations of columns; `None` if they are the columns.
        norms: For each degree, the squared norms of the parts (of one component, a column
            being the natural coupling).
    """

    columns: dict[int, tuple[Part, ...]]
    rows: dict[int, tuple[Row, ...]] | None
    norms: dict[int, tuple[Fraction, ...]]

    def part(self, degree: int, seniority: int) -> Row:
        """One part as a combination of columns."""
        return self.rows[degree][seniority] if self.rows else {seniority: Fraction(1)}


@dataclass(frozen=True, slots=True)
class Decomposition:
    """Levels 1 to n, after the indices are rearranged: index `order[k]` is taken in at level k."""

    order: tuple[int, ...]
    levels: tuple[Level, ...]


def decomposition(symmetry: IndexSymmetry) -> Decomposition:
    """The chain of couplings that splits tensors of an index symmetry into irreducible parts."""
    return _decomposition(symmetry.rank, symmetry.generators)


def embedding(symmetry: IndexSymmetry | str, irrep: Irrep | str, seniority: int = 1) -> ExactTensor:
    r"""The isometry from one irreducible part to full tensors, exact.

    Contracting its last axis with a compact tensor gives a tensor of the space; contracting its
    other axes with a tensor gives that part of it.

    Args:
        symmetry: The index symmetry, or its formula.
        irrep: Which part; must occur in `symmetry.irreps`.
        seniority: Which one of the parts of equal degree, from 1.

    Returns:
        Shape `(3, …, 3, 2ℓ+1)`, with orthonormal components.

    Raises:
        ValueError: If the space has no such part.

    Examples:
        >>> embedding("ij=ji", "0e")[0, 0, 0]  # δ_ij / √3
        √3/3
    """
    symmetry = symmetry if isinstance(symmetry, IndexSymmetry) else IndexSymmetry.parse(symmetry)
    irrep = Irrep(irrep)
    if not 1 <= seniority <= symmetry.irreps.count(irrep):
        raise ValueError(
            f"tensors {str(symmetry)!r} have no part {irrep} of seniority {seniority}: "
            f"their parts are {symmetry.irreps}"
        )
    chain = decomposition(symmetry)
    part = (irrep.degree, seniority - 1)
    tensor = _embedded(symmetry.rank, symmetry.generators, symmetry.rank, part)
    axes = [chain.order.index(k) for k in range(symmetry.rank)]
    norm = chain.levels[-1].norms[part[0]][part[1]]
    return tensor.transpose(*axes, symmetry.rank) * sqrt(1 / norm)


@lru_cache(maxsize=4096)
def _embedded(rank: int, generators: tuple[SignedPermutation, ...], level: int, part: Part) -> ExactTensor:
    """A part of the first `level` indices, not normalised: shape `(3, …, 3, 2ℓ+1)`."""
    if level == 0:
        return exact([1])
    degree, seniority = part
    here = _decomposition(rank, generators).levels[level - 1]
    sources: dict[int, ExactTensor] = {}
    for column, value in here.part(degree, seniority).items():
        origin = here.columns[degree][column]
        term = _embedded(rank, generators, level - 1, origin) * value
        sources[origin[0]] = sources[origin[0]] + term if origin[0] in sources else term
    letters = ascii_lowercase[: level - 1]
    terms = [
        einsum(f"{letters}X,XYZ->{letters}YZ", tensor, compact_coupling(origin, 1, degree))
        for origin, tensor in sources.items()
    ]
    return reduce(add, terms)


@cache
def _decomposition(rank: int, generators: tuple[SignedPermutation, ...]) -> Decomposition:
    order = _index_order(rank, generators)
    place = [order.index(i) for i in range(rank)]
    moved = tuple((tuple(place[permutation[i]] for i in order), sign) for permutation, sign in generators)
    # Values of the parts on n ⊗ … ⊗ n, as multiples of Y(n): the overlap with the totally symmetric part.
    values: dict[int, tuple[Fraction, ...]] = {0: (Fraction(1),)}
    levels: list[Level] = []
    for new in _new_generators(rank, moved):
        levels.append(_level(levels, new))
        if generators:
            values = _values(levels[-1], values)
    if generators:
        levels[-1] = _symmetric_first(levels[-1], values)
    return Decomposition(order, tuple(levels))


def _index_order(rank: int, generators: tuple[SignedPermutation, ...]) -> tuple[int, ...]:
    key = {}
    for positions, restricted in components(rank, generators):
        for block, _ in exchangeable(group_of(len(positions), restricted)):
            for i in block:
                key[positions[i]] = (not restricted, positions[0], positions[block[0]], positions[i])
    return tuple(sorted(range(rank), key=key.__getitem__))


def _new_generators(
    rank: int, generators: tuple[SignedPermutation, ...]
) -> Iterator[tuple[SignedPermutation, ...]]:
    """For each size k, elements that with those before generate all that move the first k indices only.

    Few and of short reach: the cost of an element grows with the distance of the indices it moves.
    """
    group = group_of(rank, generators)
    found: list[SignedPermutation] = []
    for last in range(rank):
        images = group.images(last)
        swaps = (_swap(rank, i, last) for i in reversed(range(last)))
        candidates = [(swap, sign) for swap in swaps if (sign := group.sign(swap))]
        candidates += [g for g in (*generators, *images.values()) if _moved(g)[-1:] == [last]]
        new: list[SignedPermutation] = []
        for candidate in sorted(candidates, key=lambda g: min(_moved(g)), reverse=True):
            if len(reached := _orbit(last, found + new)) == len(images):
                break
            if candidate[0][last] not in reached:
                new.append(candidate)
        found += new
        yield tuple(new)


def _swap(rank: int, i: int, k: int) -> tuple[int, ...]:
    return tuple(k if j == i else i if j == k else j for j in range(rank))


def _moved(generator: SignedPermutation) -> list[int]:
    return [i for i, image in enumerate(generator[0]) if image != i]


def _orbit(point: int, generators: Iterable[SignedPermutation]) -> set[int]:
    generators = list(generators)
    orbit, waiting = {point}, [point]
    for here in waiting:
        for permutation, _ in generators:
            if permutation[here] not in orbit:
                orbit.add(permutation[here])
                waiting.append(permutation[here])
    return orbit


def _level(levels: list[Level], new: tuple[SignedPermutation, ...]) -> Level:
    """The next level, with the columns that obey `new` signed permutations."""
    before = levels[-1].norms if levels else {0: (Fraction(1),)}
    columns: dict[int, tuple[Part, ...]] = {}
    norms: dict[int, tuple[Fraction, ...]] = {}
    for degree in range(len(levels) + 2):
        origins = [origin for origin in steps(degree) if origin in before]
        found = tuple((origin, s) for origin in origins for s in range(len(before[origin])))
        if found:
            columns[degree] = found
            scale = {origin: step_norm_squared(origin, degree) for origin in origins}
            norms[degree] = tuple(before[origin][s] * scale[origin] for origin, s in found)
    if not new:
        return Level(columns, None, norms)
    rows = {}
    for degree, found in columns.items():
        equations = _equations(levels, found, degree, new)
        basis = orthogonal(nullspace(equations, len(found)), norms[degree])
        if basis:
            rows[degree] = tuple(basis)
    return Level(
        {degree: columns[degree] for degree in rows},
        rows,
        {degree: tuple(inner(v, v, norms[degree]) for v in basis) for degree, basis in rows.items()},
    )


Path = tuple[int, ...]
"""A seniority, its degree, and the degrees reached with each further index."""


def _equations(
    levels: list[Level], columns: tuple[Part, ...], degree: int, new: tuple[SignedPermutation, ...]
) -> list[dict[int, Fraction]]:
    """Linear equations for combinations of columns to be equal to their signed permutations."""
    equations: list[dict[int, Fraction]] = []
    for permutation, sign in new:
        first = min(_moved((permutation, sign)))
        rows: dict[Path, dict[int, Fraction]] = defaultdict(dict)
        for column, part in enumerate(columns):
            tensor = {(*path, degree): c for path, c in _expanded(levels, len(levels), part, first).items()}
            image = _rearranged(tensor, [i - first for i in permutation[first : len(levels) + 1]])
            for path in tensor.keys() | image.keys():
                value = sign * image.get(path, Fraction(0)) - tensor.get(path, Fraction(0))
                if value:
                    rows[path][column] = value
        equations += rows.values()
    return equations


def _expanded(levels: list[Level], size: int, part: Part, first: int) -> dict[Path, Fraction]:
    """A part of `size` indices in terms of parts of the `first` ones and the degrees from there on."""
    degree, seniority = part
    if size == first:
        return {(seniority, degree): Fraction(1)}
    level = levels[size - 1]
    result: dict[Path, Fraction] = defaultdict(Fraction)
    for column, value in level.part(degree, seniority).items():
        for path, factor in _expanded(levels, size - 1, level.columns[degree][column], first).items():
            result[*path, degree] += value * factor
    return result


def _rearranged(tensor: dict[Path, Fraction], permutation: list[int]) -> dict[Path, Fraction]:
    """The tensor with its further indices permuted, by exchanges of neighbours as in a bubble sort."""
    waiting = list(permutation)
    while (swap := next((k for k, (i, j) in enumerate(pairwise(waiting)) if i > j), None)) is not None:
        waiting[swap], waiting[swap + 1] = waiting[swap + 1], waiting[swap]
        result: dict[Path, Fraction] = defaultdict(Fraction)
        for path, value in tensor.items():
            start, middle, end = path[swap + 1 : swap + 4]
            for image, factor in exchange(start, end)[middle].items():
                result[*path[: swap + 2], image, *path[swap + 3 :]] += value * factor
        tensor = {path: value for path, value in result.items() if value}
    return tensor


def _values(level: Level, before: dict[int, tuple[Fraction, ...]]) -> dict[int, tuple[Fraction, ...]]:
    r"""Each part contracted with $n \otimes \dots \otimes n$, as a multiple of $Y^{(\ell)}(n)$.

    Coupling $Y^{(\ell)}(n)$ with $n$ gives $Y^{(\ell+1)}(n)$, $0 \cdot Y^{(\ell)}(n)$ and
    $\frac{\ell}{2\ell - 1} Y^{(\ell - 1)}(n)$.
    """
    result = {}
    for degree, columns in level.columns.items():
        values = [
            before[origin][s]
            * (1 if origin < degree else Fraction(origin, 2 * origin - 1) if origin > degree else 0)
            for origin, s in columns
        ]
        result[degree] = tuple(
            sum((values[column] * c for column, c in level.part(degree, s).items()), Fraction(0))
            for s in range(len(level.norms[degree]))
        )
    return result


def _symmetric_first(level: Level, values: dict[int, tuple[Fraction, ...]]) -> Level:
    """The level with the totally symmetric part of each degree in front, and every part oriented."""
    rows, norms = {}, {}
    for degree, old in level.norms.items():
        combinations = _starting_with(values[degree], old)
        parts = []
        for k, combination in enumerate(combinations):
            part: Row = defaultdict(Fraction)
            for s, weight in combination.items():
                for column, value in level.part(degree, s).items():
                    part[column] += weight * value
            part = {column: value for column, value in sorted(part.items()) if value}
            is_symmetric = k == 0 and any(values[degree])
            turn = -1 if not is_symmetric and next(iter(part.values())) < 0 else 1
            parts.append({column: turn * value for column, value in part.items()})
        rows[degree] = tuple(parts)
        norms[degree] = tuple(inner(c, c, old) for c in combinations)
    return Level(level.columns, rows, norms)


def _starting_with(values: tuple[Fraction, ...], norms: tuple[Fraction, ...]) -> list[Row]:
    r"""Orthogonal basis whose first member is the vector $\sum_j (v_j / g_j) e_j$ of overlaps $v_j$.

    Next the contrasts between its halves, $p / \lVert p \rVert^2 - q / \lVert q \rVert^2$, and between
    the halves of each half; last the $e_j$ it does not contain. That keeps the number of coefficients small.
    """
    support = [j for j, value in enumerate(values) if value]
    plain: list[Row] = [{j: Fraction(1)} for j, value in enumerate(values) if not value]
    if not support:
        return plain
    return [{j: values[j] / norms[j] for j in support}, *_contrasts(support, values, norms), *plain]


def _contrasts(support: list[int], values: tuple[Fraction, ...], norms: tuple[Fraction, ...]) -> list[Row]:
    if len(support) == 1:
        return []
    halves = support[: (len(support) + 1) // 2], support[(len(support) + 1) // 2 :]
    contrast: Row = {}
    for sign, half in zip((1, -1), halves, strict=True):
        norm = sum(values[j] ** 2 / norms[j] for j in half)
        contrast |= {j: sign * values[j] / norms[j] / norm for j in half}
    return [contrast, *(row for half in halves for row in _contrasts(half, values, norms))]
