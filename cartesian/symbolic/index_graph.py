r"""Products of δ, ε and symbols as graphs: an index is an edge, so there are no dummy names.

The ends of an edge are free indices (text) or symbols (their position). $\delta_{ij}$ is the
edge i-j, $A_{ij}$ two edges from A to i and j, and a summed index an edge between two symbols:
$A_{ik} B_{kj}$ is i-A, A-B, B-j. At most one ε takes part, as the tuple of its ends. Two things
make such a product canonical: the order of its edges, and that of its symbols.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, combinations, groupby, permutations, product
from typing import Any, Literal, NamedTuple

from cartesian.symbolic.indices import index_order

End = str | int
Edge = tuple[End, End]


class Symbol(NamedTuple):
    """A named tensor with exchangeable indices: trace-free, only symmetric, or a unit vector's powers."""

    name: str
    kind: Literal["stf", "symmetric", "unit"]


class IndexGraph(NamedTuple):
    """One product: the ends of its ε (or none), its edges, its symbols."""

    epsilon: tuple[End, ...] = ()
    edges: tuple[Edge, ...] = ()
    symbols: tuple[Symbol, ...] = ()

    @property
    def ends(self) -> Iterator[End]:
        """All ends, those of ε first, in the order in which the product is written."""
        return chain(self.epsilon, *self.edges)

    @property
    def deltas(self) -> int:
        """Number of edges between free indices."""
        return sum(isinstance(end, str) for _, end in self.edges)


def contracted(factors: Iterable[IndexGraph], dimension: int) -> Iterator[tuple[int, IndexGraph]]:
    r"""The product of graphs: signed, canonical graphs that add up to it.

    An index that occurs twice is summed: $\delta_{ij}\delta_{jk} = \delta_{ik}$,
    $\delta_{ii} = d$, and $\varepsilon_{a\dots}\varepsilon_{b\dots} = \det(\delta_{ab})$.
    """
    epsilons: list[tuple[End, ...]] = []
    edges: list[Edge] = []
    symbols: list[Symbol] = []
    for factor in factors:
        moved = renamed(factor, {k: k + len(symbols) for k in range(len(factor.symbols))})
        epsilons += [moved.epsilon] if moved.epsilon else []
        edges += moved.edges
        symbols += moved.symbols
    if len(epsilons) > 1:
        left, right, *others = epsilons
        rest = [IndexGraph(edges=tuple(edges), symbols=tuple(symbols)), *map(IndexGraph, others)]
        for order in permutations(range(dimension)):
            deltas = IndexGraph(edges=tuple((a, right[k]) for a, k in zip(left, order, strict=True)))
            for number, graph in contracted([*rest, deltas], dimension):
                yield signature(order) * number, graph
        return
    loops, graph = _joined(epsilons[0] if epsilons else (), edges)
    sign, graph = canonical(_united(graph, symbols))
    if sign:
        yield sign * dimension**loops, graph


def canonical(graph: IndexGraph) -> tuple[int, IndexGraph]:
    """Sign and canonical form of a product; the sign is 0 if symmetry makes it vanish."""
    forms = numberings(graph)
    sign, form = min(forms, key=lambda item: graph_order(item[1]))
    return (0 if (-sign, form) in forms else sign), form


def numberings(graph: IndexGraph) -> list[tuple[int, IndexGraph]]:
    """Sign and sorted form for every order of equal symbols; sign 0 where symmetry makes it vanish."""
    order = sorted(range(len(graph.symbols)), key=lambda k: graph.symbols[k])
    classes = [list(group) for _, group in groupby(order, key=lambda k: graph.symbols[k])]
    symbols = tuple(graph.symbols[k] for k in order)
    result = []
    for arrangement in product(*(permutations(group) for group in classes)):
        numbered = renamed(graph, {k: new for new, k in enumerate(chain(*arrangement))})
        edges = sorted(
            ((a, b) if _end_order(a) <= _end_order(b) else (b, a) for a, b in numbered.edges), key=_edge_order
        )
        traced = any(a == b and isinstance(a, int) and symbols[a].kind == "stf" for a, b in edges)
        epsilon = numbered.epsilon
        turns = sorted(range(len(epsilon)), key=lambda k: _end_order(epsilon[k]))
        sign = 0 if traced or len(set(epsilon)) < len(epsilon) else signature(turns)
        result.append((sign, IndexGraph(tuple(epsilon[k] for k in turns), tuple(edges), symbols)))
    return result


def renamed(graph: IndexGraph, names: Mapping[Any, End]) -> IndexGraph:
    """The graph with its ends exchanged as `names` says."""
    epsilon = tuple(names.get(end, end) for end in graph.epsilon)
    edges = tuple((names.get(a, a), names.get(b, b)) for a, b in graph.edges)
    return IndexGraph(epsilon, edges, graph.symbols)


def named_legs(
    graph: IndexGraph, fresh: Iterator[str]
) -> tuple[list[str], list[tuple[str, str]], list[list[str]]]:
    """Names of the indices of ε, of each δ, and of each symbol; summed ones take fresh names."""
    epsilon = [end if isinstance(end, str) else next(fresh) for end in graph.epsilon]
    deltas: list[tuple[str, str]] = []
    legs: list[list[str]] = [[] for _ in graph.symbols]
    for a, b in graph.edges:
        if isinstance(a, str) and isinstance(b, str):
            deltas.append((a, b))
            continue
        name = a if isinstance(a, str) else next(fresh)
        for end in (a, b):
            if isinstance(end, int):
                legs[end].append(name)
    for end, name in zip(graph.epsilon, epsilon, strict=True):
        if isinstance(end, int):
            legs[end].append(name)
    return epsilon, deltas, legs


def graph_order(graph: IndexGraph) -> tuple[object, ...]:
    """Key that sorts products of the same symbols."""
    return [_end_order(end) for end in graph.epsilon], [_edge_order(edge) for edge in graph.edges]


def signature(order: Sequence[int]) -> int:
    """Sign of a permutation, or of the sort that its items need."""
    return (-1) ** sum(a > b for a, b in combinations(order, 2))


def _joined(epsilon: tuple[End, ...], edges: Sequence[Edge]) -> tuple[int, IndexGraph]:
    """Number of closed loops, and the graph with every index summed that occurs twice."""
    ends, waiting, done, loops = list(epsilon), list(edges), [], 0
    while waiting:
        edge = waiting.pop()
        if edge[0] == edge[1] and isinstance(edge[0], str):
            loops += 1
            continue
        for name, other in (edge, edge[::-1]):
            if not isinstance(name, str):
                continue
            if name in ends:
                ends[ends.index(name)] = other
                break
            partner = next((k for k, candidate in enumerate(waiting) if name in candidate), None)
            if partner is not None:
                a, b = waiting.pop(partner)
                waiting.append((other, b if a == name else a))
                break
        else:
            done.append(edge)
    return loops, IndexGraph(tuple(ends), tuple(done))


def _united(graph: IndexGraph, symbols: Sequence[Symbol]) -> IndexGraph:
    """The graph with one node for all powers of a unit vector, whose square is 1."""
    units = {k: symbols.index(symbol) for k, symbol in enumerate(symbols) if symbol.kind == "unit"}
    graph = renamed(graph, units)
    edges = tuple(edge for edge in graph.edges if edge[0] != edge[1] or edge[0] not in units)
    used = set(graph.epsilon).union(*edges)
    kept = [k for k in range(len(symbols)) if k not in units or k in used]
    united = IndexGraph(graph.epsilon, edges, tuple(symbols[k] for k in kept))
    return renamed(united, {k: new for new, k in enumerate(kept)})


def _end_order(end: End) -> tuple[bool, tuple[str, int]]:
    return (False, index_order(end)) if isinstance(end, str) else (True, ("", end))


def _edge_order(edge: Edge) -> tuple[object, ...]:
    """δ first, then the free indices symbol by symbol, then the summed ones."""
    symbols = [end for end in edge if isinstance(end, int)]
    return len(symbols), symbols, [index_order(end) for end in edge if isinstance(end, str)]
