r"""Polynomials of many variables, lane by lane, as straight-line programs.

A symmetric power acts on every channel of every row by itself: the values of one channel go in, polynomials
in them come out. Such a computation is a list of additions and multiplications. Its derivative is found
by running through the list backwards, and is such a list again, so any order of derivative is one.

Operands hold one value per row ("row"), or one per group of rows ("group"), as weights of an element do.
Gradients with respect to the latter are summed over the rows of the group.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Instruction = tuple[str, int, int]
"""("load", operand, component), ("add", i, j) or ("mul", i, j), with i and j earlier instructions."""


class LaneLeg(NamedTuple):
    """What an operand or output holds: its name, components per channel, and for whom."""

    name: str
    length: int
    place: Literal["row", "group"]


@dataclass(frozen=True, eq=False)
class Lanes:
    """A straight-line program; equal if the texts are.

    Attributes:
        text: What it computes, as text from which it can be built again.
        operands, outputs: What they hold.
        instructions: Additions and multiplications, in order.
        results: Per output and component, the instruction that gives it; `None` is zero.
    """

    text: str
    operands: tuple[LaneLeg, ...]
    outputs: tuple[LaneLeg, ...]
    instructions: tuple[Instruction, ...] = field(repr=False)
    results: tuple[tuple[int | None, ...], ...] = field(repr=False)

    @property
    def multiply_adds(self) -> int:
        """Multiplications per channel and row; most of them take an addition along."""
        return sum(kind == "mul" for kind, _, _ in self.instructions)

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, Lanes) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.text)


class Recorder:
    """Collects instructions, equal ones once."""

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []
        self._known: dict[Instruction, int] = {}

    def __call__(self, kind: str, left: int, right: int) -> int:
        """Number of an instruction, which is recorded if it is new."""
        if kind != "load" and left > right:
            left, right = right, left
        instruction = kind, left, right
        if instruction not in self._known:
            self._known[instruction] = len(self.instructions)
            self.instructions.append(instruction)
        return self._known[instruction]

    def sum(self, terms: Iterable[int]) -> int | None:
        """Sum of instructions; `None` for no term."""
        total = None
        for term in terms:
            total = term if total is None else self("add", total, term)
        return total


def differentiate(program: Lanes, wanted: Sequence[int], absent: Collection[int] = ()) -> Lanes:
    """Program of the gradients of the outputs, paired with cotangents, with respect to operands.

    Args:
        program: What is differentiated.
        wanted: Indices of the operands with respect to which.
        absent: Indices of the outputs whose cotangents are zero.

    Returns:
        Operands: those of `program`, then one cotangent per output that is not absent.
    """
    record = Recorder()
    copies = [record(*instruction) for instruction in program.instructions]
    adjoints: dict[int, list[int]] = {}
    given = [k for k in range(len(program.outputs)) if k not in absent]
    for number, k in enumerate(given):
        for component, result in enumerate(program.results[k]):
            if result is not None:
                cotangent = record("load", len(program.operands) + number, component)
                adjoints.setdefault(copies[result], []).append(cotangent)
    gradients: dict[tuple[int, int], int] = {}
    for i in reversed(copies):
        adjoint = record.sum(adjoints.pop(i, ()))
        if adjoint is None:
            continue
        kind, left, right = record.instructions[i]
        if kind == "load":
            gradients[left, right] = adjoint
        elif kind == "add":
            adjoints.setdefault(left, []).append(adjoint)
            adjoints.setdefault(right, []).append(adjoint)
        else:
            adjoints.setdefault(left, []).append(record("mul", adjoint, right))
            adjoints.setdefault(right, []).append(record("mul", adjoint, left))
    outputs = tuple(program.operands[k] for k in wanted)
    results = [
        tuple(gradients.get((k, c)) for c in range(leg.length))
        for k, leg in zip(wanted, outputs, strict=True)
    ]
    text = f"{program.text}|{' '.join(map(str, wanted))},{' '.join(map(str, sorted(absent)))}"
    operands = program.operands + tuple(program.outputs[k] for k in given)
    return pruned(text, operands, outputs, record.instructions, results)


def pruned(
    text: str,
    operands: tuple[LaneLeg, ...],
    outputs: tuple[LaneLeg, ...],
    instructions: Sequence[Instruction],
    results: Sequence[tuple[int | None, ...]],
) -> Lanes:
    """The program without instructions that no result needs; the others just before they are needed."""
    number: dict[int, int] = {}
    kept: list[Instruction] = []
    stack = [result for row in reversed(results) for result in reversed(row) if result is not None]
    while stack:
        i = stack[-1]
        kind, left, right = instructions[i]
        missing = [] if kind == "load" else [j for j in (right, left) if j not in number]
        if i in number or missing:
            stack.pop() if i in number else stack.extend(missing)
            continue
        number[i] = len(kept)
        kept.append((kind, left, right) if kind == "load" else (kind, number[left], number[right]))
        stack.pop()
    renumbered = tuple(tuple(None if r is None else number[r] for r in row) for row in results)
    return Lanes(text, operands, outputs, tuple(kept), renumbered)
