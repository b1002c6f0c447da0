r"""Constants of a network, folded before anything is contracted.

A declared STF operand enters as its compact form and the exact frame. What happens then is general:
a constant that is traced or contracted with another constant is folded (exactly, unless that would
take long), an identity renames an index, and a zero ends the matter. So two STF tensors meet over
$2\ell + 1$ numbers where both are contracted fully, and a trace of an STF tensor is zero at once.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from math import prod

from cartesian.programs.formula import Formula, fresh_letters
from cartesian.programs.network import Constant, Network, Operand, Stf, Term, Variable, contraction
from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import ExactTensor
from cartesian.symbolic.harmonics import frame

# Larger products are left to floating point: an exact one takes about a microsecond per entry.
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


def simplified(network: Network) -> Network:
    """The network with constants reduced, one by one, and identities used to rename indices."""
    terms, out = network
    while True:
        counts = Counter(letter for _, letters in terms for letter in set(letters))
        reduced = [_reduced(term, {x for x in term.letters if counts[x] > 1 or x in out}) for term in terms]
        found = next((term for term in reduced if len(terms) > 1 and _is_identity(term, out)), None)
        if found is None:
            return Network(tuple(reduced), out)
        first, second = found.letters[0], found.letters[1]
        keep, drop = (second, first) if second in out else (first, second)
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


def folded(network: Network) -> Network:
    """The network with constants multiplied that share an index no variable has."""
    while True:
        shorter = next(_shorter(network), None)
        if shorter is None:
            return network
        network = simplified(shorter)


def _shorter(network: Network) -> Iterator[Network]:
    """Networks with two constants multiplied."""
    terms = network.terms
    constants = [k for k, term in enumerate(terms) if term.node.is_constant]
    elsewhere = set(network.out).union(*(letters for node, letters in terms if not node.is_constant))
    for positions in combinations(constants, 2):
        # By position: terms may be equal.
        pair = [terms[k] for k in positions]
        others = [term for k, term in enumerate(terms) if k not in positions]
        needed = elsewhere.union(*(letters for _, letters in others))
        left, right = (set(term.letters) for term in pair)
        if (left & right) - elsewhere or not left or not right:
            kept = "".join(x for x in dict.fromkeys(pair[0].letters + pair[1].letters) if x in needed)
            product = product_of_constants(pair, kept)
            if product is not None:
                yield Network((product, *others), network.out)


def product_of_constants(terms: Sequence[Term], kept: str) -> Term | None:
    """The contraction of constant terms: exact if it is small, else a constant step.

    None if a term is not constant, or if the result is large and larger than the terms together.
    """
    if not all(node.is_constant for node, _ in terms):
        return None
    tensors = [term.node.tensor for term in terms if isinstance(term.node, Constant)]
    lengths = {x: n for node, letters in terms for x, n in zip(letters, node.shape, strict=True)}
    if len(tensors) == len(terms) and _exact_products(tensors, terms, lengths) <= _LARGEST_EXACT:
        formula = ",".join(letters for _, letters in terms) + "->" + kept
        return Term(Constant(einsum(formula, *tensors)), kept)
    if prod(lengths[x] for x in kept) <= sum(prod(node.shape) for node, _ in terms):
        return Term(contraction(terms, kept), kept)
    return None


def _exact_products(tensors: list[ExactTensor], terms: Sequence[Term], lengths: dict[str, int]) -> int:
    """About how many products of nonzero entries a contraction takes."""
    times = Counter(letter for _, letters in terms for letter in set(letters))
    meetings = prod(lengths[letter] ** (count - 1) for letter, count in times.items())
    return prod(tensor.nnz for tensor in tensors) // max(1, meetings)
