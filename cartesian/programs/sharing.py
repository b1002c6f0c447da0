"""Intermediates that are already there, recognised inside another network."""

from collections.abc import Iterator

from cartesian.programs.network import Network, Node, Step, Term

Leaf = tuple[Node, tuple[int, ...]]


def with_known(step: Step, network: Network) -> Network | None:
    """The network with a known step in place of terms that it contracts; None if there are none.

    Terms fit if they are the leaves of the step, if equal axes of the step have equal letters, and if the
    indices that the step sums occur nowhere else.
    """
    leaves, out = _expanded(step)
    for used, names in _matches(leaves, network):
        rest = tuple(term for k, term in enumerate(network.terms) if k not in used)
        summed = [letter for axis, letter in names.items() if axis not in out]
        others = set(network.out).union(*(letters for _, letters in rest), *(names[axis] for axis in out))
        if len(set(summed)) == len(summed) and others.isdisjoint(summed):
            return Network((*rest, Term(step, "".join(names[axis] for axis in out))), network.out)
    return None


def _matches(leaves: list[Leaf], network: Network) -> Iterator[tuple[tuple[int, ...], dict[int, str]]]:
    """Ways to lay leaves on terms: numbers of the terms, and the letter of each axis."""
    if not leaves:
        yield (), {}
        return
    *others, (leaf, axes) = leaves
    for used, names in _matches(others, network):
        for k, (node, letters) in enumerate(network.terms):
            if k in used or node != leaf:
                continue
            extended = dict(names)
            if all(extended.setdefault(axis, x) == x for axis, x in zip(axes, letters, strict=True)):
                yield (*used, k), extended


def _expanded(step: Step) -> tuple[list[Leaf], tuple[int, ...]]:
    """Leaves of a step and numbers of their axes; numbers of the axes of the result."""
    leaves: list[Leaf] = []
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
