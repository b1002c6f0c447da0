"""Formulas such as `ij,jk->ik`, read strictly: one ASCII letter per axis, and an explicit result."""

import string
from collections.abc import Iterator, Sequence
from typing import NamedTuple

Shape = tuple[int, ...]


class Formula(NamedTuple):
    """A parsed formula: positions of its operands, their letters, the letters of the result."""

    positions: tuple[int, ...]
    inputs: tuple[str, ...]
    out: str

    def __str__(self) -> str:
        return f"{','.join(self.inputs)}->{self.out}"


def parse(formulas: str | Sequence[str | tuple[str, Sequence[int]]], count: int) -> tuple[Formula, ...]:
    """Read formulas, and see that every operand is used and every name is possible.

    Args:
        formulas: Formulas separated by `;`, or a sequence of formulas; one with fewer index lists than
            there are operands takes the first ones, or those at the positions given beside it.
        count: Number of operands.

    Raises:
        ValueError: If a formula cannot be read, or does not fit the operands.
    """
    several = formulas.split(";") if isinstance(formulas, str) else formulas
    parsed = tuple(_formula(one, count) for one in several)
    unused = set(range(count)).difference(*(formula.positions for formula in parsed))
    if unused:
        raise ValueError(
            f"{count} operands were given, but {'; '.join(map(str, parsed))!r} names no indices "
            f"for operand {min(unused)}"
        )
    return parsed


def index_lengths(formula: Formula, shapes: Sequence[Shape]) -> dict[str, int]:
    """Length of every index, from the shapes of all operands in full form.

    Raises:
        ValueError: If an operand has another number of axes, or an index two lengths.
    """
    first: dict[str, tuple[int, int, int]] = {}
    for letters, position in zip(formula.inputs, formula.positions, strict=True):
        shape = shapes[position]
        if len(letters) != len(shape):
            raise ValueError(
                f"{letters!r} in {str(formula)!r} names {len(letters)} indices, "
                f"but operand {position} has {len(shape)} axes: {shape}"
            )
        for axis, (letter, length) in enumerate(zip(letters, shape, strict=True)):
            known, where, other = first.setdefault(letter, (length, position, axis))
            if known != length:
                raise ValueError(
                    f"index {letter!r} of {str(formula)!r} has length {known} in operand {where} "
                    f"(axis {other}) and {length} in operand {position} (axis {axis}); lengths must be equal"
                )
    return {letter: length for letter, (length, _, _) in first.items()}


def relabelled(inputs: Sequence[str], out: str) -> str:
    """The formula in letters a, b, c, …, in the order of their first appearance.

    >>> relabelled(["xz", "zy"], "yx")
    'ab,bc->ca'
    """
    names = str.maketrans(dict(zip(dict.fromkeys("".join(inputs)), string.ascii_letters, strict=False)))
    return f"{','.join(inputs).translate(names)}->{out.translate(names)}"


def fresh_letters(formula: Formula) -> Iterator[str]:
    """ASCII letters that a formula does not use, capitals first."""
    used = set("".join(formula.inputs))
    return (x for x in string.ascii_uppercase + string.ascii_lowercase if x not in used)


def _formula(given: str | tuple[str, Sequence[int]], count: int) -> Formula:
    text, positions = (given, None) if isinstance(given, str) else given
    text = text.replace(" ", "")
    left, arrow, out = text.partition("->")
    if "." in text:
        raise ValueError(f"{text!r} has an ellipsis: name every axis by a letter, batch axes too")
    inputs = left.split(",")
    for letter in "".join(inputs) + out:
        if letter not in string.ascii_letters:
            raise ValueError(f"{letter!r} in {text!r} is no index: indices are ASCII letters")
    if not arrow:
        raise ValueError(f"{text!r} names no result: write its indices after '->', as in 'ij,jk->ik'")
    if positions is None and len(inputs) > count:
        raise ValueError(f"{text!r} names the indices of {len(inputs)} operands, but {count} are given")
    positions = tuple(range(len(inputs)) if positions is None else positions)
    if len(positions) != len(inputs) or any(not 0 <= position < count for position in positions):
        raise ValueError(
            f"{text!r} names the indices of {len(inputs)} operands; positions are as many, "
            f"from 0 to {count - 1}, not {positions}"
        )
    for letter in out:
        if letter not in left:
            raise ValueError(f"index {letter!r} of the result of {text!r} is not an index of any operand")
    if len(set(out)) != len(out):
        raise ValueError(
            f"the result of {text!r} names an index twice; take a diagonal in a formula of its own"
        )
    return Formula(positions, tuple(inputs), out)
