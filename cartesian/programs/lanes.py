r"""Polynomials of many variables, lane by lane, as straight-line programs.

A symmetric power acts on every channel of every row by itself: the values of one channel go in, polynomials
in them come out. Such a computation is a list of additions and multiplications. Its derivative is found
by running through the list backwards, and is such a list again, so any order of derivative is one.

Operands hold one value per row ("row"), or one per group of rows ("group"), as weights of an element do.
On a graph they hold one per edge, or per sender or receiver of edges. Gradients with respect to what several
rows or edges have in common are summed over these.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

Instruction = tuple[str, int, int]
"""("load", operand, component), ("const", number, 0), ("inverse", operand, 0), ("add", i, j), ("mul", i, j).

i and j are earlier. "inverse" is the inverse length of an operand of three components, 0 for the zero vector.
"""


class LaneLeg(NamedTuple):
    """What an operand or output holds: its name, components, for whom, and if all channels share them."""

    name: str
    length: int
    place: Literal["row", "group", "edge", "sender", "receiver"]
    shared: bool = False


@dataclass(frozen=True, eq=False)
class Lanes:
    """A straight-line program; equal if the texts are.

    Attributes:
        text: What it computes, as text from which it can be built again.
        operands, outputs: What they hold.
        instructions: Additions and multiplications, in order.
        results: Per output and component, the instruction that gives it; `None` is zero.
        constants: The numbers of "const".
    """

    text: str
    operands: tuple[LaneLeg, ...]
    outputs: tuple[LaneLeg, ...]
    instructions: tuple[Instruction, ...] = field(repr=False)
    results: tuple[tuple[int | None, ...], ...] = field(repr=False)
    constants: tuple[float, ...] = field(default=(), repr=False)

    @cached_property
    def shared(self) -> tuple[bool, ...]:
        """Per instruction, whether its value is the same for all channels."""
        result: list[bool] = []
        for kind, left, right in self.instructions:
            if kind in ("add", "mul"):
                result.append(result[left] and result[right])
            else:
                result.append(kind == "const" or self.operands[left].shared)
        return tuple(result)

    @property
    def multiply_adds(self) -> int:
        """Multiplications per channel and row; most of them take an addition along."""
        return sum(
            kind == "mul" and not shared
            for (kind, _, _), shared in zip(self.instructions, self.shared, strict=True)
        )

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, Lanes) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.text)


class Recorder:
    """Collects instructions and constants, equal ones once."""

    def __init__(self, constants: Iterable[float] = ()) -> None:
        self.instructions: list[Instruction] = []
        self.constants = list(constants)
        self._known: dict[Instruction, int] = {}

    def __call__(self, kind: str, left: int, right: int) -> int:
        """Number of an instruction, which is recorded if it is new."""
        if kind in ("add", "mul") and left > right:
            left, right = right, left
        instruction = kind, left, right
        if instruction not in self._known:
            self._known[instruction] = len(self.instructions)
            self.instructions.append(instruction)
        return self._known[instruction]

    def constant(self, value: float) -> int:
        """Number of the instruction that gives a constant."""
        if value not in self.constants:
            self.constants.append(value)
        return self("const", self.constants.index(value), 0)

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
    record = Recorder(program.constants)
    for kind, operand, _ in program.instructions:
        if kind == "inverse":
            # First of all, so that the way back comes to the components after their inverse length.
            for component in range(3):
                record("load", operand, component)
    copies: list[int] = []
    for kind, left, right in program.instructions:
        leaf = kind not in ("add", "mul")
        copies.append(record(kind, left, right) if leaf else record(kind, copies[left], copies[right]))
    last = len(record.instructions)
    adjoints: dict[int, list[int]] = {}
    given = [k for k in range(len(program.outputs)) if k not in absent]
    for number, k in enumerate(given):
        for component, result in enumerate(program.results[k]):
            if result is not None:
                cotangent = record("load", len(program.operands) + number, component)
                adjoints.setdefault(copies[result], []).append(cotangent)
    gradients: dict[tuple[int, int], int] = {}
    for i in reversed(range(last)):
        adjoint = record.sum(adjoints.pop(i, ()))
        if adjoint is None:
            continue
        kind, left, right = record.instructions[i]
        if kind == "load":
            gradients[left, right] = adjoint
        elif kind == "add":
            adjoints.setdefault(left, []).append(adjoint)
            adjoints.setdefault(right, []).append(adjoint)
        elif kind == "mul":
            adjoints.setdefault(left, []).append(record("mul", adjoint, right))
            adjoints.setdefault(right, []).append(record("mul", adjoint, left))
        elif kind == "inverse":
            # d(1/|r|) = -(r/|r|) · dr / |r|²; one factor at a time, since 1/|r|² may overflow.
            negative = record("mul", record.constant(-1.0), record("mul", record("mul", adjoint, i), i))
            for component in range(3):
                coordinate = record("load", left, component)
                slope = record("mul", record("mul", coordinate, i), negative)
                adjoints.setdefault(coordinate, []).append(slope)
    outputs = tuple(program.operands[k] for k in wanted)
    results = [
        tuple(gradients.get((k, c)) for c in range(leg.length))
        for k, leg in zip(wanted, outputs, strict=True)
    ]
    operands = program.operands + tuple(program.outputs[k] for k in given)
    text = f"{program.text}|{' '.join(map(str, wanted))},{' '.join(map(str, sorted(absent)))}"
    return pruned(text, operands, outputs, record.instructions, results, record.constants, last)


def pruned(
    text: str,
    operands: tuple[LaneLeg, ...],
    outputs: tuple[LaneLeg, ...],
    instructions: Sequence[Instruction],
    results: Sequence[tuple[int | None, ...]],
    constants: Iterable[float] = (),
    lazy: int | None = None,
) -> Lanes:
    """The program without instructions that no result needs, in an order in which few values wait.

    The first `lazy` instructions, by default all, come just before they are needed. The others come each in
    its turn, and sums as soon as their terms are there: gradients gather terms from all over a program.
    """
    inner = {i: pair for i, (kind, *pair) in enumerate(instructions) if kind in ("add", "mul")}
    wanted = [result for row in results for result in row if result is not None]
    needed, stack = set[int](), list(wanted)
    while stack:
        i = stack.pop()
        if i not in needed:
            needed.add(i)
            stack += inner.get(i, ())
    eager = [] if lazy is None else [i for i in range(lazy, len(instructions)) if i in needed]
    sums: dict[int, list[int]] = {}
    for i in eager:
        if instructions[i][0] == "add":
            for part in inner[i]:
                sums.setdefault(part, []).append(i)
    number: dict[int, int] = {}
    kept: list[Instruction] = []
    stack = [*reversed(wanted), *reversed(eager)]
    while stack:
        i = stack[-1]
        missing = [j for j in reversed(inner.get(i, ())) if j not in number]
        if i in number or missing:
            stack.pop() if i in number else stack.extend(missing)
            continue
        stack.pop()
        kind, left, right = instructions[i]
        number[i] = len(kept)
        kept.append((kind, number[left], number[right]) if i in inner else (kind, left, right))
        stack += [total for total in sums.get(i, ()) if all(part in number for part in inner[total])]
    renumbered = tuple(tuple(None if r is None else number[r] for r in row) for row in results)
    return Lanes(text, operands, outputs, tuple(kept), renumbered, tuple(constants))
