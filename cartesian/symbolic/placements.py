r"""Brackets: the sum of a product over all distinct placements of its indices.

$\{A_i B_j\}$ is $A_i B_j + A_j B_i$, and $\{\delta_{ij}\delta_{kl}\}$ has three terms. A placement
assigns the indices of a group to the places that the group has in the product; with several groups
each keeps to its own places. A product that stands for all of its placements carries the mark of
the group in these places, so it is never necessary to permute $n!$ indices.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from math import factorial, prod

from cartesian.symbolic.index_graph import End, IndexGraph, canonical, numberings, renamed

Groups = Sequence[Sequence[str]]


def marked(graph: IndexGraph, groups: Groups) -> tuple[int, IndexGraph]:
    """The product with the indices of each group replaced by the group's mark; equal for all placements."""
    marks = {name: _mark(g) for g, group in enumerate(groups) for name in group}
    return canonical(renamed(graph, marks))


def representative(graph: IndexGraph, groups: Groups) -> tuple[int, IndexGraph]:
    """The placement with the indices of each group in the order in which the product is written."""
    sign, form = marked(graph, groups)
    for g, group in enumerate(groups):
        for name in group:
            form = _placed(form, _mark(g), 0, name)
    again, form = canonical(form)
    return sign * again, form


def placements(graph: IndexGraph, groups: Groups) -> Iterator[tuple[int, IndexGraph]]:
    """Every distinct placement once, with its sign relative to the one given.

    The indices are placed one after the other, each in all places that are not alike.
    """
    sign, start = marked(graph, groups)
    states = {start: sign}
    for g, group in enumerate(groups):
        for name in group:
            step: dict[IndexGraph, int] = {}
            for state, factor in states.items():
                for place in range(list(state.ends).count(_mark(g))):
                    sign, form = canonical(_placed(state, _mark(g), place, name))
                    step[form] = sign * factor
            states = step
    relative = states[graph]
    return ((sign * relative, form) for form, sign in states.items())


def count_placements(graph: IndexGraph, groups: Groups) -> int:
    r"""Number of distinct placements, $\prod_g |g|!$ over the placements that change nothing."""
    form = marked(graph, groups)[1]
    marks = {_mark(g) for g in range(len(groups))}
    unchanged = 1
    for edge, number in Counter(form.edges).items():
        if marks & set(edge):
            unchanged *= factorial(number) * (2**number if edge[0] == edge[1] else 1)
    unchanged *= sum(other == form for _, other in numberings(form))
    alike = sum(other == graph for _, other in numberings(graph))
    return prod(factorial(len(group)) for group in groups) * alike // unchanged


def _placed(graph: IndexGraph, mark: str, place: int, name: str) -> IndexGraph:
    """The graph with the index `name` in one of the places that carry the mark."""
    seen = count()

    def placed(end: End) -> End:
        return name if end == mark and next(seen) == place else end

    epsilon = tuple(placed(end) for end in graph.epsilon)
    edges = tuple((placed(a), placed(b)) for a, b in graph.edges)
    return IndexGraph(epsilon, edges, graph.symbols)


def _mark(group: int) -> str:
    return f"*{group}"
