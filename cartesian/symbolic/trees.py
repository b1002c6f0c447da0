r"""Coupling trees: the factors of a product coupled one after the other.

A tree $((f_1 \times f_2)_{\ell_{12}} \times f_3)_{L}$ names the factors and the irrep of every partial
product. If all factors are the components of one and the same tensor, a tree is a polynomial in them:
the order of the factors then matters for the intermediates alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from cartesian.spec import Irrep, Irreps, Path
from cartesian.symbolic.characters import check_correlation


@dataclass(frozen=True, slots=True)
class Factor:
    """One irrep out of a sum with channels: which one, and where its components lie.

    Attributes:
        position: Number of the irrep in the sum, every channel counted.
        irrep: What it is.
        components: Places of its 2l+1 components in a flat vector.
    """

    position: int
    irrep: Irrep
    components: tuple[int, ...]


def factors(irreps: Irreps | str) -> tuple[Factor, ...]:
    """The irreps of a sum one by one, channel by channel.

    >>> [factor.components for factor in factors("2x1o")]
    [(0, 2, 4), (1, 3, 5)]
    """
    irreps = Irreps(irreps)
    result: list[Factor] = []
    for (channels, irrep), where in zip(irreps, irreps.slices, strict=True):
        for channel in range(channels):
            components = tuple(range(where.start + channel, where.stop, channels))
            result.append(Factor(len(result), irrep, components))
    return tuple(result)


@dataclass(frozen=True, slots=True)
class Tree:
    r"""Factors coupled from left to right.

    Args:
        factors: $f_1, f_2, \dots, f_\nu$.
        partials: Irreps of the partial products: of $f_1$, of $f_1 \times f_2$, …, of the result.

    Raises:
        ValueError: If the numbers differ, or a coupling is impossible.

    Examples:
        >>> o = factors("1o")[0]
        >>> Tree((o, o, o), (Irrep("1o"), Irrep("2e"), Irrep("3o")))
        ((1o x 1o)2e x 1o)3o
    """

    factors: tuple[Factor, ...]
    partials: tuple[Irrep, ...]

    def __post_init__(self) -> None:
        if len(self.factors) != len(self.partials) or not self.factors:
            raise ValueError(
                f"a tree of {len(self.factors)} factors has as many partial products, at least one, "
                f"not {len(self.partials)}"
            )
        if self.factors[0].irrep != self.partials[0]:
            raise ValueError(
                f"a tree starts with its first factor, {self.factors[0].irrep}, not {self.partials[0]}"
            )
        _ = self.paths

    @property
    def out(self) -> Irrep:
        """Irrep of the result."""
        return self.partials[-1]

    @property
    def correlation(self) -> int:
        """Number of factors."""
        return len(self.factors)

    @property
    def head(self) -> "Tree":
        """The tree without its last factor."""
        return Tree(self.factors[:-1], self.partials[:-1])

    @property
    def paths(self) -> tuple[Path, ...]:
        """The couplings, in the order in which they happen."""
        lefts, rights, outs = self.partials, self.factors[1:], self.partials[1:]
        return tuple(
            Path(left, right.irrep, out) for left, right, out in zip(lefts[:-1], rights, outs, strict=True)
        )

    @property
    def cost(self) -> tuple[int, int, int]:
        """What makes a tree cheap, most important first.

        Largest degree of an intermediate; number of Levi-Civita couplings; components of all couplings.
        """
        paths = self.paths
        return (
            max((irrep.degree for irrep in self.partials[1:-1]), default=0),
            sum(not path.is_contraction for path in paths),
            sum(path.left.dim * path.right.dim * path.out.dim for path in paths),
        )

    def __str__(self) -> str:
        text = str(self.factors[0].irrep)
        for factor, partial in zip(self.factors[1:], self.partials[1:], strict=True):
            text = f"({text} x {factor.irrep}){partial}"
        return text

    __repr__ = __str__


def trees(
    irreps: Irreps | str,
    correlation: int,
    out: Irreps | str | None = None,
    *,
    ordered: bool = True,
    contractions: bool = False,
    max_degree: int | None = None,
) -> tuple[Tree, ...]:
    r"""Every coupling tree of `correlation` factors, redundant as some published models have them.

    Their polynomials span the symmetric power but are not independent; `symmetric_power` picks a
    basis. Published slots for $0e + 1o + 2e + 3o$: MACE takes all trees, ICTP (full) takes
    `contractions=True, max_degree=3`, and ICTP (sym) `ordered=False` as well.

    Args:
        irreps: Irreps of one factor.
        correlation: Number of factors, $\nu \ge 1$.
        out: Irreps of the results; by default all that occur.
        ordered: Whether $f_1 \times f_2$ and $f_2 \times f_1$ are two trees.
        contractions: Whether couplings with a Levi-Civita tensor are left out.
        max_degree: Largest degree of an intermediate; by default there is no limit.

    Returns:
        The trees, sorted by `out`.

    Raises:
        ValueError: If `correlation` is not an integer $\ge 1$.

    Examples:
        >>> len(trees("0e+1o+2e+3o", 3, "0e"))
        23
        >>> len(trees("0e+1o+2e+3o", 3, "0e", ordered=False, contractions=True, max_degree=3))
        15
    """
    check_correlation(correlation, 1)
    wanted = None if out is None else {block.irrep for block in Irreps(out)}
    found = [
        Tree(chosen, partials)
        for chosen in product(factors(irreps), repeat=correlation)
        if ordered or correlation == 1 or _rank(chosen[0]) >= _rank(chosen[1])
        for partials in _partial_products(chosen, contractions, max_degree)
        if wanted is None or partials[-1] in wanted
    ]
    return tuple(sorted(found, key=lambda tree: tree.out))


def _rank(factor: Factor) -> tuple[Irrep, int]:
    return factor.irrep, factor.position


def _partial_products(
    chosen: tuple[Factor, ...], contractions: bool, max_degree: int | None
) -> Iterator[tuple[Irrep, ...]]:
    """All irreps of partial products that lead through the given factors."""
    if len(chosen) == 1:
        yield (chosen[0].irrep,)
        return
    for partials in _partial_products(chosen[:-1], contractions, max_degree):
        is_intermediate = len(partials) > 1
        if is_intermediate and max_degree is not None and partials[-1].degree > max_degree:
            continue
        for irrep in partials[-1] * chosen[-1].irrep:
            if not contractions or Path(partials[-1], chosen[-1].irrep, irrep).is_contraction:
                yield (*partials, irrep)
