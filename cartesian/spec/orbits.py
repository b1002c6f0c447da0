r"""Orbits of index tuples under signed permutations, and how many there are of each weight.

Components of a tensor in one orbit are equal up to sign; all of them vanish if an element of
the group maps an index tuple to itself with the sign -1.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import chain, combinations, combinations_with_replacement, product

from cartesian.spec.permutations import SignedGroup, SignedPermutation

Index = tuple[int, ...]
Orbit = tuple[tuple[Index, int], ...]


@cache
def group_of(rank: int, generators: tuple[SignedPermutation, ...]) -> SignedGroup:
    """The group that generators of equal rank generate."""
    return SignedGroup(rank, generators)


@cache
def weights(rank: int, generators: tuple[SignedPermutation, ...]) -> Counter[int]:
    """Number of independent components of each weight: a product over independent groups of indices."""
    total = Counter({0: 1})
    for positions, restricted in components(rank, generators):
        factor = _component_weights(len(positions), restricted)
        mixed: Counter[int] = Counter()
        for (m, count), (k, ways) in product(total.items(), factor.items()):
            mixed[m + k] += count * ways
        total = mixed
    return total


def components(
    rank: int, generators: Iterable[SignedPermutation]
) -> list[tuple[tuple[int, ...], tuple[SignedPermutation, ...]]]:
    """Sets of indices that no generator ties to the others, and the generators restricted to each."""
    label = list(range(rank))
    moved = [[i for i in range(rank) if permutation[i] != i] for permutation, _ in generators]
    for support in moved:
        joined = {label[i] for i in support}
        label = [min(joined) if here in joined else here for here in label]
    result = []
    for first in sorted(set(label)):
        positions = tuple(i for i in range(rank) if label[i] == first)
        restricted = tuple(
            (tuple(positions.index(permutation[i]) for i in positions), sign)
            for (permutation, sign), support in zip(generators, moved, strict=True)
            if support and label[support[0]] == first
        )
        result.append((positions, restricted))
    return result


@cache
def _component_weights(rank: int, generators: tuple[SignedPermutation, ...]) -> Counter[int]:
    """Weights of orbits, with tuples kept sorted in every set of exchangeable indices."""
    blocks = exchangeable(group_of(rank, generators))
    home = {i: block for block, _ in blocks for i in block}
    # An exchange inside a set does nothing to sorted tuples.
    moving = tuple(g for g in generators if any(g[0][i] not in home[i] for i in range(rank)))
    sorting = [(block, sign) for block, sign in blocks if len(block) > 1]

    def act(index: Index, permutation: Index) -> tuple[Index, int]:
        values, total = [index[i] for i in permutation], 1
        for block, sign in sorting:
            chosen = [values[i] for i in block]
            if sign < 0 and sum(a > b for a, b in combinations(chosen, 2)) % 2:
                total = -total
            chosen.sort()
            for i, value in zip(block, chosen, strict=True):
                values[i] = value
        return tuple(values), total

    choices = [
        (combinations_with_replacement if sign > 0 else combinations)(range(3), len(block))
        for block, sign in blocks
    ]
    order = [i for block, _ in blocks for i in block]
    place = [order.index(i) for i in range(rank)]
    flat = (list(chain.from_iterable(parts)) for parts in product(*choices))
    states = (tuple([values[i] for i in place]) for values in flat)
    return Counter(rank - sum(orbit[0][0]) for orbit in orbits(states, moving, act))


def exchangeable(group: SignedGroup) -> list[tuple[tuple[int, ...], int]]:
    """Sets of points that any two of may be exchanged, with the sign of an exchange."""
    blocks: list[tuple[tuple[int, ...], int]] = []
    for point in range(group.points):
        for k, (block, sign) in enumerate(blocks):
            swap = list(range(group.points))
            swap[block[0]], swap[point] = point, block[0]
            found = group.sign(swap)
            if found and (len(block) == 1 or found == sign):
                blocks[k] = ((*block, point), found)
                break
        else:
            blocks.append(((point,), 1))
    return blocks


def permuted(index: Index, permutation: Index) -> tuple[Index, int]:
    """The index tuple with its entries rearranged, and the sign 1."""
    return tuple([index[i] for i in permutation]), 1


def orbits(
    states: Iterable[Index],
    generators: tuple[SignedPermutation, ...],
    act: Callable[[Index, Index], tuple[Index, int]],
) -> Iterator[Orbit]:
    """Orbits of `states` under the generators, signs relative to their first state; zero ones left out."""
    seen: set[Index] = set()
    for start in states:
        if start in seen:
            continue
        signs, is_zero = {start: 1}, False
        waiting = [start]
        for state in waiting:
            for permutation, sign in generators:
                image, turn = act(state, permutation)
                sign *= turn * signs[state]
                if image not in signs:
                    signs[image] = sign
                    waiting.append(image)
                is_zero |= signs[image] != sign
        seen.update(signs)
        if not is_zero:
            yield tuple(signs.items())
