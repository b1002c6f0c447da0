"""Exact components of products of δ, ε and symbols whose tensors are given."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import permutations, product

from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import ExactTensor, exact
from cartesian.symbolic.index_graph import IndexGraph, named_legs, signature


def components(graph: IndexGraph, indices: Sequence[str], dimension: int) -> Iterator[tuple[int, int]]:
    """Sign and flat index of every nonzero component of a product of δ and ε, an axis per index."""
    strides = {name: dimension**k for k, name in enumerate(reversed(indices))}
    epsilon, pairs, _ = named_legs(graph, iter(()))
    steps = [strides[a] + strides[b] for a, b in pairs]
    starts = [
        sum(step * i for step, i in zip(steps, values, strict=True))
        for values in product(range(dimension), repeat=len(steps))
    ]
    for order in permutations(range(dimension), len(epsilon)):
        shift = sum(strides[name] * i for name, i in zip(epsilon, order, strict=True))
        yield from ((signature(order), start + shift) for start in starts)


def evaluated(
    graph: IndexGraph, values: Mapping[str, ExactTensor], indices: Sequence[str], dimension: int
) -> ExactTensor:
    """A product with tensors in the place of its symbols, an axis per free index."""
    letter = {name: chr(_FIRST_LETTER + k) for k, name in enumerate(indices)}
    fresh = (chr(k) for k in range(_FIRST_LETTER + len(indices), 2 * _FIRST_LETTER))
    epsilon, pairs, legs = named_legs(graph, fresh)
    operands: list[tuple[Sequence[str], ExactTensor]] = [(epsilon, _epsilon(dimension))] if epsilon else []
    for symbol, names in zip(graph.symbols, legs, strict=True):
        factors = [[name] for name in names] if symbol.kind == "unit" else [names]
        for factor in factors:
            tensor = values[symbol.name]
            if tensor.ndim != len(factor):
                raise ValueError(
                    f"{symbol.name} has {len(factor)} indices here, its tensor {tensor.ndim} axes"
                )
            operands.append((factor, tensor))
    operands += [(pair, _delta(dimension)) for pair in pairs]
    formula = ",".join("".join(letter.get(name, name) for name in names) for names, _ in operands)
    output = "".join(letter[name] for name in indices)
    return einsum(f"{formula}->{output}", *(tensor for _, tensor in operands)) if operands else exact(1)


# Letters for einsum, beyond its own signs.
_FIRST_LETTER = 0x4E00


@cache
def _delta(dimension: int) -> ExactTensor:
    return ExactTensor((dimension, dimension), {1: {i * (dimension + 1): 1 for i in range(dimension)}})


@cache
def _epsilon(dimension: int) -> ExactTensor:
    names = tuple(f"i{k}" for k in range(dimension))
    part = {flat: sign for sign, flat in components(IndexGraph(names), names, dimension)}
    return ExactTensor((dimension,) * dimension, {1: part})
