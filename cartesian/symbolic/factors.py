"""The factors of index expressions: δ, ε, named tensors and unit vectors.

The names of indices are letters, with digits if wanted: `"ij"`, `"i1 i2"`, or a sequence of names.
An index given twice is summed.
"""

from collections.abc import Iterable

from cartesian.symbolic.exact import exact
from cartesian.symbolic.expression import Expression, combined
from cartesian.symbolic.index_graph import IndexGraph, Symbol, contracted
from cartesian.symbolic.indices import index_order, parse_indices


def delta(indices: str | Iterable[str], dimension: int = 3) -> Expression:
    r"""The Kronecker delta $\delta_{ij}$; `delta("ii")` is the dimension.

    Index names are letters, with digits if wanted: `"ij"`, `"i1 i2"`, or a sequence of names.
    """
    names = parse_indices(indices)
    if len(names) != 2:
        raise ValueError(f"δ has 2 indices, not {len(names)}: {names}")
    return _factor(IndexGraph(edges=((names[0], names[1]),)), names, dimension)


def epsilon(indices: str | Iterable[str], dimension: int = 3) -> Expression:
    r"""The Levi-Civita tensor $\varepsilon_{ijk}$, with $d$ indices and $\varepsilon_{12\dots} = 1$."""
    names = parse_indices(indices)
    if len(names) != dimension:
        raise ValueError(f"ε has as many indices as dimensions, {dimension}, not {len(names)}: {names}")
    return _factor(IndexGraph(epsilon=names), names, dimension)


def stf(name: str, indices: str | Iterable[str], dimension: int = 3) -> Expression:
    """A symmetric trace-free tensor by name, such as A_ij; a scalar without indices."""
    return _symbol(Symbol(name, "stf"), parse_indices(indices), dimension)


def symmetric(name: str, indices: str | Iterable[str], dimension: int = 3) -> Expression:
    """A symmetric tensor by name; its traces are kept, as in S_kk."""
    return _symbol(Symbol(name, "symmetric"), parse_indices(indices), dimension)


def direction(indices: str | Iterable[str], name: str = "n", dimension: int = 3) -> Expression:
    """Components of a unit vector, one factor per index: n_i n_j, with n_i n_i = 1."""
    return _symbol(Symbol(name, "unit"), parse_indices(indices), dimension)


def _factor(graph: IndexGraph, names: tuple[str, ...], dimension: int) -> Expression:
    if any(names.count(name) > 2 for name in names):
        raise ValueError(f"an index occurs at most twice in a product, as a summed pair; got {names}")
    free = tuple(sorted((name for name in names if names.count(name) == 1), key=index_order))
    terms = ((form, exact(number)) for number, form in contracted((graph,), dimension))
    return combined(terms, Expression((), free, dimension))


def _symbol(symbol: Symbol, names: tuple[str, ...], dimension: int) -> Expression:
    return _factor(IndexGraph((), tuple((name, 0) for name in names), (symbol,)), names, dimension)
