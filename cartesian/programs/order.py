"""The order in which a network is contracted: opt_einsum proposes, the cheapest proposal is taken."""

from collections.abc import Iterable
from math import prod
from typing import Any

from cartesian.programs.folding import folded, product_of_constants, simplified
from cartesian.programs.network import Constant, Network, Node, Step, Term, Variable, contraction
from cartesian.programs.sharing import with_known


def contracted(network: Network, optimize: Any, known: Iterable[Step] = ()) -> Node | None:
    """The node of a network in the cheapest order found, or None if the network is zero.

    Args:
        network: What to contract.
        optimize: Passed on to `opt_einsum.contract_path`.
        known: Steps that are computed anyway and cost nothing here.
    """
    plain = simplified(network)
    short = folded(plain)
    if any(isinstance(node, Constant) and node.tensor.is_zero for node, _ in short.terms):
        return None
    known = dict.fromkeys(known)

    def cost(node: Node) -> tuple[int, int]:
        new = steps_of([node]).keys() - known.keys()
        return sum(step.operations for step in new), max((prod(step.shape) for step in new), default=0)

    variants = [plain] if plain == short else [plain, short]
    best = min((_ordered(variant, optimize) for variant in variants), key=cost)
    while True:
        shorter = (with_known(step, variant) for variant in variants for step in known)
        variants = [variant for variant in shorter if variant is not None]
        candidates = [_ordered(variant, optimize) for variant in variants]
        if not candidates or cost(found := min(candidates, key=cost)) >= cost(best):
            return best
        variants, best = [variants[candidates.index(found)]], found


def steps_of(nodes: Iterable[Node]) -> dict[Step, None]:
    """Every step that the nodes need, each once, inputs before results."""
    result: dict[Step, None] = {}

    def visit(node: Node) -> None:
        if isinstance(node, Step) and node not in result:
            for each in node.inputs:
                visit(each)
            result[node] = None

    for node in nodes:
        visit(node)
    return result


def _ordered(network: Network, optimize: Any) -> Node:
    """The node of a network, contracted in the order that opt_einsum proposes."""
    from opt_einsum import contract_path

    terms = list(network.terms)
    path: Iterable[tuple[int, ...]] = [(0,)]
    if len(terms) > 1:
        formula = ",".join(term.letters for term in terms) + "->" + network.out
        shapes = [term.node.shape for term in terms]
        path, _ = contract_path(formula, *shapes, shapes=True, optimize=optimize)
    for positions in path:
        chosen = [terms[k] for k in sorted(positions)]
        terms = [term for k, term in enumerate(terms) if k not in positions]
        needed = set(network.out).union(*(letters for _, letters in terms))
        # Equal steps are to be equal values: the order of the inputs does not depend on the formula.
        chosen.sort(key=lambda term: _positions(term.node))
        every = dict.fromkeys("".join(letters for _, letters in chosen))
        kept = "".join(x for x in every if x in needed) if terms else network.out
        terms.append(_step(chosen, kept))
    return terms[0].node


def _positions(node: Node) -> tuple[int, ...]:
    """Positions of the operands in a node; constants come last."""
    if isinstance(node, Variable):
        return (node.position,)
    if isinstance(node, Constant):
        return (1_000_000, *node.shape)
    return tuple(sorted({k for each in node.inputs for k in _positions(each)}))


def _step(chosen: list[Term], kept: str) -> Term:
    if len(chosen) == 1 and chosen[0].letters == kept:
        return chosen[0]
    return product_of_constants(chosen, kept) or Term(contraction(chosen, kept), kept)
