"""Exact contraction of several exact tensors, in the notation of `numpy.einsum`."""

import math
from collections import defaultdict
from collections.abc import Sequence

from cartesian.symbolic.exact import ExactTensor
from cartesian.symbolic.surds import root_product


def einsum(formula: str, *tensors: ExactTensor) -> ExactTensor:
    """Exact contraction of tensors in the notation of `numpy.einsum`, with explicit output.

    Operands are taken in from left to right; an index is summed as soon as nobody further
    right, nor the output, has it.

    >>> from cartesian.symbolic.exact import exact
    >>> einsum("ij,ji->", exact([[1, 2], [3, 4]]), exact([[1, 0], [0, 1]]))
    5
    """
    inputs, output = _parse(formula, tensors)
    sizes: dict[str, int] = {}
    for letters, tensor in zip(inputs, tensors, strict=True):
        for letter, n in zip(letters, tensor.shape, strict=True):
            if sizes.setdefault(letter, n) != n:
                raise ValueError(f"index {letter!r} of {formula!r} has lengths {sizes[letter]} and {n}")
    needed = [set(output).union(*inputs[k + 1 :]) for k in range(len(inputs))]
    letters, result = _reduced(inputs[0], tensors[0], needed[0])
    for k in range(1, len(inputs)):
        right_letters, right = _reduced(inputs[k], tensors[k], needed[k] | set(letters))
        letters, result = _contracted(letters, result, right_letters, right, needed[k])
    return _arranged(letters, result, output, sizes)


def _parse(formula: str, tensors: Sequence[ExactTensor]) -> tuple[list[str], str]:
    left, arrow, output = formula.replace(" ", "").partition("->")
    inputs = left.split(",")
    if not arrow or len(inputs) != len(tensors):
        raise ValueError(
            f"{formula!r} must name one index list per operand ({len(tensors)}) and an output after '->'"
        )
    for letters, tensor in zip(inputs, tensors, strict=True):
        if len(letters) != tensor.ndim:
            raise ValueError(
                f"{letters!r} in {formula!r} names {len(letters)} indices of a tensor of shape {tensor.shape}"
            )
    if len(set(output)) != len(output) or not set(output) <= set(left):
        raise ValueError(f"the output {output!r} of {formula!r} must name distinct indices of the operands")
    return inputs, output


# A tensor on its way through einsum: numerators by index tuple and radicand, one denominator.
_Sparse = tuple[dict[int, dict[tuple[int, ...], int]], int]


def _reduced(letters: str, tensor: ExactTensor, needed: set[str]) -> tuple[str, _Sparse]:
    """Diagonals taken and indices summed that nobody else needs."""
    kept = "".join(dict.fromkeys(letter for letter in letters if letter in needed))
    where = [letters.index(letter) for letter in kept]
    repeated = [(k, letters.index(letter)) for k, letter in enumerate(letters) if letters.index(letter) != k]
    parts: dict[int, dict[tuple[int, ...], int]] = {}
    for r, part in tensor.parts.items():
        sums: dict[tuple[int, ...], int] = defaultdict(int)
        for flat, n in part.items():
            index = tensor.unravel(flat)
            if all(index[a] == index[b] for a, b in repeated):
                sums[tuple([index[w] for w in where])] += n
        parts[r] = sums
    return kept, (parts, tensor.denominator)


def _contracted(
    left_letters: str, left: _Sparse, right_letters: str, right: _Sparse, needed: set[str]
) -> tuple[str, _Sparse]:
    shared = [letter for letter in left_letters if letter in right_letters]
    kept_left = [letter for letter in left_letters if letter in needed]
    kept_right = [letter for letter in right_letters if letter in needed and letter not in left_letters]
    left_shared, left_kept = ([left_letters.index(x) for x in group] for group in (shared, kept_left))
    right_shared, right_kept = ([right_letters.index(x) for x in group] for group in (shared, kept_right))
    parts: dict[int, dict[tuple[int, ...], int]] = defaultdict(lambda: defaultdict(int))
    for s, right_part in right[0].items():
        groups: dict[tuple[int, ...], list[tuple[tuple[int, ...], int]]] = defaultdict(list)
        for index, n in right_part.items():
            groups[tuple([index[k] for k in right_shared])].append((tuple([index[k] for k in right_kept]), n))
        for r, left_part in left[0].items():
            root, radicand = root_product(r, s)
            sums = parts[radicand]
            for index, n in left_part.items():
                partners = groups.get(tuple([index[k] for k in left_shared]))
                if partners:
                    head, n = tuple([index[k] for k in left_kept]), n * root
                    for tail, m in partners:
                        sums[head + tail] += n * m
    return "".join(kept_left + kept_right), (parts, left[1] * right[1])


def _arranged(letters: str, sparse: _Sparse, output: str, sizes: dict[str, int]) -> ExactTensor:
    where = [letters.index(letter) for letter in output]
    shape = tuple(sizes[letter] for letter in output)
    strides = [math.prod(shape[k + 1 :]) for k in range(len(shape))]
    parts = {
        r: {sum(index[w] * s for w, s in zip(where, strides, strict=True)): n for index, n in part.items()}
        for r, part in sparse[0].items()
    }
    return ExactTensor(shape, parts, sparse[1])
