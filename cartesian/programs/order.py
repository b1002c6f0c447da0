r"""The order in which a network is contracted: constants folded, common intermediates found, opt_einsum asked.

A declared STF operand enters as its compact form and the exact frame. What happens then is general:
a constant that is traced or contracted with another constant is folded exactly, an identity renames
an index, and a zero ends the matter. So two STF tensors meet over $2\ell + 1$ numbers where both are
contracted fully, and a trace of an STF tensor is zero at once.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from math import prod
from typing import Any

from cartesian.programs.network import (
    Constant,
    Formula,
    Network,
    Node,
    Operand,
    Step,
    Stf,
    Term,
    Variable,
    fresh_letters,
    relabelled,
)
from cartesian.symbolic.exact import ExactTensor, einsum, exact
from cartesian.symbolic.harmonics import frame

# Larger constants are left to floating point: an exact product takes about a microsecond.
_LARGEST_EXACT = 200_000


def network(formula: Formula, operands: tuple[Operand, ...]) -> Network:
    """The network of a formula, with frames in place of STF declarations."""
    fresh = fresh_letters(formula)
    terms: list[Term] = []
    for position, letters in zip(formula.positions, formula.inputs, strict=True):
        operand = operands[position]
        if isinstance(operand, ExactTensor):
            terms.append(Term(Constant(operand), letters))
        elif isinstance(operand, Stf):
            start, stop = len(operand.before), len(operand.before) + operand.degree
            compact = next(fresh, None)
            if compact is None:
                raise ValueError(f"{str(formula)!r} has too many indices: there are 52 letters in all")
            variable = Variable(position, operand.shape)
            terms.append(Term(variable, letters[:start] + compact + letters[stop:]))
            terms.append(Term(Constant(frame(operand.degree)), compact + letters[start:stop]))
        else:
            terms.append(Term(Variable(position, operand), letters))
    return Network(tuple(terms), formula.out)


def contracted(network: Network, optimize: Any, known: Iterable[Step] = ()) -> Node | None:
    """The node of a network in the cheapest order found, or None if the network is zero.

    Args:
        network: What to contract.
        optimize: Passed on to `opt_einsum.contract_path`.
        known: Steps that are computed anyway and cost nothing here.
    """
    plain = _simplified(network)
    folded = _folded(plain)
    if any(isinstance(node, Constant) and node.tensor.is_zero for node, _ in folded.terms):
        return None
    known = frozenset(known)

    def cost(node: Node) -> tuple[int, int]:
        new = steps_of([node]).keys() - known
        return sum(step.operations for step in new), max((prod(step.shape) for step in new), default=0)

    variants = [plain] if plain == folded else [plain, folded]
    best = min((_ordered(variant, optimize) for variant in variants), key=cost)
    while True:
        variants = [other for variant in variants for step in known for other in _with(step, variant)]
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


def _simplified(network: Network) -> Network:
    """The network with constants reduced, one by one, and identities used to rename indices."""
    terms, out = network
    while True:
        counts = Counter(letter for _, letters in terms for letter in set(letters))
        reduced = [_reduced(term, {x for x in term.letters if counts[x] > 1 or x in out}) for term in terms]
        found = next((term for term in reduced if len(terms) > 1 and _is_identity(term, out)), None)
        if found is None:
            return Network(tuple(reduced), out)
        keep, drop = found.letters if found.letters[1] not in out else reversed(found.letters)
        reduced.remove(found)
        terms = tuple(Term(node, letters.replace(drop, keep)) for node, letters in reduced)


def _reduced(term: Term, needed: set[str]) -> Term:
    """A constant with its diagonals taken and the indices summed that nobody else has."""
    kept = "".join(dict.fromkeys(x for x in term.letters if x in needed))
    if not isinstance(term.node, Constant) or kept == term.letters:
        return term
    return Term(Constant(einsum(f"{term.letters}->{kept}", term.node.tensor)), kept)


def _is_identity(term: Term, out: str) -> bool:
    node, letters = term
    return (
        isinstance(node, Constant)
        and len(letters) == 2
        and not set(letters) <= set(out)
        and node.shape[0] == node.shape[1]
        and node.tensor.nnz == node.shape[0]
        and all(i == j and value == 1 for (i, j), value in node.tensor.entries())
    )


def _folded(network: Network) -> Network:
    """The network with constants multiplied that share an index no variable has."""
    while True:
        pair = next(_foldable(network), None)
        if pair is None:
            return network
        left, right = pair
        others = [term for term in network.terms if term is not left and term is not right]
        needed = set(network.out).union(*(letters for _, letters in others))
        letters = "".join(x for x in dict.fromkeys(left.letters + right.letters) if x in needed)
        assert isinstance(left.node, Constant)
        assert isinstance(right.node, Constant)
        tensor = einsum(f"{left.letters},{right.letters}->{letters}", left.node.tensor, right.node.tensor)
        network = _simplified(Network((Term(Constant(tensor), letters), *others), network.out))


def _foldable(network: Network) -> Iterator[tuple[Term, Term]]:
    constants = [term for term in network.terms if isinstance(term.node, Constant)]
    elsewhere = set(network.out).union(
        *(letters for node, letters in network.terms if not isinstance(node, Constant))
    )
    for k, left in enumerate(constants):
        for right in constants[:k]:
            shared = set(left.letters) & set(right.letters)
            is_scalar = not left.letters or not right.letters
            if (shared - elsewhere or is_scalar) and _exact_products(left, right) <= _LARGEST_EXACT:
                yield right, left


def _exact_products(left: Term, right: Term) -> int:
    """About how many products of two nonzero entries the exact contraction takes."""
    assert isinstance(left.node, Constant)
    assert isinstance(right.node, Constant)
    lengths = dict(zip(left.letters, left.node.shape, strict=True))
    shared = prod(lengths[x] for x in set(left.letters) & set(right.letters))
    return left.node.tensor.nnz * right.node.tensor.nnz // max(shared, 1)


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
    inputs = [letters for _, letters in chosen]
    step = Step(relabelled(inputs, kept), tuple(node for node, _ in chosen), f"{','.join(inputs)}->{kept}")
    small = isinstance(chosen[0].node, Constant) and len(chosen) == 1
    small = small or (
        len(chosen) == 2
        and all(isinstance(node, Constant) for node, _ in chosen)
        and _exact_products(*chosen) <= _LARGEST_EXACT
    )
    if small:
        tensors = [term.node.tensor for term in chosen if isinstance(term.node, Constant)]
        return Term(Constant(einsum(step.label, *tensors)), kept)
    return Term(step, kept)


def _with(step: Step, network: Network) -> Iterator[Network]:
    """The network with a known step in place of the terms that it contracts, wherever it fits."""
    leaves, out = _expanded(step)

    def match(
        k: int, used: tuple[int, ...], names: dict[int, str]
    ) -> Iterator[tuple[tuple[int, ...], dict[int, str]]]:
        if k == len(leaves):
            yield used, names
            return
        leaf, axes = leaves[k]
        for position, (node, letters) in enumerate(network.terms):
            if position in used or node != leaf:
                continue
            extended = dict(names)
            if all(extended.setdefault(a, x) == x for a, x in zip(axes, letters, strict=True)):
                yield from match(k + 1, (*used, position), extended)

    for used, names in match(0, (), {}):
        rest = tuple(term for k, term in enumerate(network.terms) if k not in used)
        summed = [letter for axis, letter in names.items() if axis not in out]
        visible = set(network.out).union(*(letters for _, letters in rest), *(names[axis] for axis in out))
        if len(set(summed)) == len(summed) and visible.isdisjoint(summed):
            yield Network((*rest, Term(step, "".join(names[axis] for axis in out))), network.out)


def _expanded(step: Step) -> tuple[list[tuple[Node, tuple[int, ...]]], tuple[int, ...]]:
    """Leaves of a step and numbers of their axes; numbers of the axes of the result."""
    leaves: list[tuple[Node, tuple[int, ...]]] = []
    count = 0

    def expand(node: Node, axes: tuple[int, ...]) -> None:
        nonlocal count
        if not isinstance(node, Step):
            leaves.append((node, axes))
            return
        left, _, out = node.formula.partition("->")
        numbers = dict(zip(out, axes, strict=True))
        for letter in left.replace(",", ""):
            if letter not in numbers:
                numbers[letter] = count
                count += 1
        for letters, each in zip(left.split(","), node.inputs, strict=True):
            expand(each, tuple(numbers[x] for x in letters))

    result = tuple(range(len(step.shape)))
    count = len(result)
    expand(step, result)
    return leaves, result
