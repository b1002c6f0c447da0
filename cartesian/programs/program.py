r"""Programs: contractions of a multilinear form, as values.

**The form.** Every product of features here is a sum over paths of one shape,

$$F(w, x, y, z) = \sum_p \sum_{c} w_{pc}\, \sum_{abo} C^p_{abo}\, x_{ac}\, y_{b}\, z_{oc},$$

linear in each of its four legs: weights, left factor, right factor, and what the result is paired
with. The product itself is $\partial F/\partial z$: the form with the last leg left out.
The gradient with respect to any other leg is the form with *that* leg left out.

**The program.** A `Program` names the operands it is given and a list of contractions; each puts
operands on three legs and adds what comes out, shaped like the fourth, to an output. Differentiating
a program gives a program of the same form (`cartesian.programs.derivative`), to any order.

**Rows.** Every operand is a matrix, one row per *place*: per edge, per sender or per receiver. The sum
runs over edges; an edge reads the row of its sender and adds to the row of its receiver. A product on
nodes is the case in which every leg lives on the edge itself.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from typing import Literal, NamedTuple

import numpy as np

from cartesian.spec import Irreps
from cartesian.symbolic.coupling import compact_coupling
from cartesian.symbolic.exact import ExactTensor, sqrt
from cartesian.tables.lookup import read_only

Place = Literal["edge", "pair", "sender", "receiver", "radial"]

WEIGHTS, LEFT, RIGHT, OUT = range(4)


class Leg(NamedTuple):
    """One argument of a form.

    Attributes:
        name: What it is called in errors and when printed.
        irreps: The blocks of a row.
        place: Whose rows it has.
        shared: Whether one channel is shared by all channels of a path, as the harmonics of an edge are.
    """

    name: str
    irreps: Irreps
    place: Place
    shared: bool = False


class Slot(NamedTuple):
    """Where a path lies in a row: component `k`, channel `c` at `start + k * width + first + c`."""

    start: int
    width: int
    first: int


class Term(NamedTuple):
    r"""One path of a form, on some channels.

    Attributes:
        degrees: $(\ell_1, \ell_2, \ell_3)$ of left, right and out.
        scale_squared: Square of the positive factor on the natural coupling.
        channels: Number of channels.
        slots: Where the path lies in each of the four legs.
    """

    degrees: tuple[int, int, int]
    scale_squared: Fraction
    channels: int
    slots: tuple[Slot, Slot, Slot, Slot]

    @property
    def coupling(self) -> ExactTensor:
        r"""The exact coefficients $C_{abo}$, `(2ℓ1+1, 2ℓ2+1, 2ℓ3+1)`."""
        return compact_coupling(*self.degrees) * sqrt(self.scale_squared)

    @property
    def table(self) -> np.ndarray:
        """The coefficients in float64, read-only."""
        return _table(self.degrees, self.scale_squared)

    def dims(self) -> tuple[int, int, int, int]:
        """Number of components on each leg; a weight has one."""
        left, right, out = (2 * degree + 1 for degree in self.degrees)
        return 1, left, right, out


class Contraction(NamedTuple):
    """The form with operands on three legs, added to an output on the fourth.

    Attributes:
        operands: Index of the operand on each leg; `None` on the leg left out.
        output: Index of the output.
    """

    operands: tuple[int | None, ...]
    output: int

    @property
    def omitted(self) -> int:
        """The leg left out."""
        return self.operands.index(None)


@dataclass(frozen=True)
class Form:
    """A multilinear form: four legs, or five, and the paths that couple them."""

    legs: tuple[Leg, ...]
    terms: tuple[Term, ...]


@dataclass(frozen=True, eq=False)
class Program:
    """Contractions of one form, from operands to outputs; immutable, hashable, printable.

    Args:
        form: The form.
        operands: Leg of each operand.
        outputs: Leg of each output.
        contractions: What is computed.

    Examples:
        >>> from cartesian.programs.build import convolution
        >>> print(convolution("4x0e + 4x1o", 1, "4x1o", kind="summed"))
        weights (edge)      8x0e
        left    (sender)    4x0e+4x1o
        right   (edge)      1x0e+1x1o, shared by the channels
        out     (receiver)  4x1o
        0 x 1 -> 1, 4 channels: 3 coefficients
        1 x 0 -> 1, 4 channels: 3 coefficients
        out += F(weights, left, right, ·)
        per edge: 54 multiply-adds, 12 numbers read
    """

    form: Form
    operands: tuple[int, ...]
    outputs: tuple[int, ...]
    contractions: tuple[Contraction, ...]

    @cached_property
    def text(self) -> str:
        """One line that holds all of the program; `Program.parse` reads it back."""
        legs = ";".join(f"{leg.name},{leg.place},{leg.irreps},{int(leg.shared)}" for leg in self.form.legs)
        terms = ";".join(
            f"{_row(t.degrees)},{t.scale_squared},{t.channels},{','.join(_row(slot) for slot in t.slots)}"
            for t in self.form.terms
        )
        contractions = ";".join(
            f"{' '.join('-' if i is None else str(i) for i in c.operands)},{c.output}"
            for c in self.contractions
        )
        return "|".join((legs, terms, _row(self.operands), _row(self.outputs), contractions))

    @classmethod
    def parse(cls, text: str) -> "Program":
        """The program whose `text` is given; parsed once for equal texts."""
        return _parse(text)

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, Program) else NotImplemented

    def __hash__(self) -> int:
        # Python keeps the hash of a text; that of nested tuples is computed anew each time.
        return hash(self.text)

    @cached_property
    def _rows(self) -> tuple[int, ...]:
        return tuple(leg.irreps.dim for leg in self.form.legs)

    def row(self, leg: int) -> int:
        """Length of the rows of a leg."""
        return self._rows[leg]

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds per edge if each right operand is folded with the coupling first."""
        folded = {c.operands[RIGHT] for c in self.contractions} - {None}
        total = 0
        for term in self.form.terms:
            coefficients = int(np.count_nonzero(term.table))
            pairs = int(np.count_nonzero(np.abs(term.table).sum(axis=1)))
            total += len(folded) * coefficients
            for contraction in self.contractions:
                omitted = contraction.omitted
                inner = pairs + coefficients if omitted == RIGHT else pairs
                outer = 2 * term.degrees[0] + 1 if omitted == LEFT else 2 * term.degrees[2] + 1
                total += term.channels * (inner + outer)
        return total

    @property
    def numbers_moved(self) -> dict[str, int]:
        """Numbers read and written per row of each place, every operand and output touched once."""
        moved: dict[str, int] = dict.fromkeys(("edge", "sender", "receiver"), 0)
        for leg in (*self.operands, *self.outputs):
            place = self.form.legs[leg].place
            moved[place] = moved.get(place, 0) + self.row(leg)
        return moved

    def __str__(self) -> str:
        lines = [
            f"{leg.name:7} {f'({leg.place})':11} {leg.irreps}{', shared by the channels' * leg.shared}"
            for leg in self.form.legs
        ]
        for term in self.form.terms:
            left, right, out = term.degrees
            count = np.count_nonzero(term.table)
            lines.append(f"{left} x {right} -> {out}, {term.channels} channels: {count} coefficients")
        names = self._names()
        for contraction in self.contractions:
            inside = ", ".join("·" if i is None else names[i] for i in contraction.operands)
            lines.append(f"{self.form.legs[contraction.omitted].name} += F({inside})")
        moved = self.numbers_moved["edge"]
        lines.append(f"per edge: {self.multiply_adds} multiply-adds, {moved} numbers read")
        return "\n".join(lines)

    def _names(self) -> list[str]:
        """Operands by the name of their leg, primed where a name returns."""
        names: list[str] = []
        for leg in self.operands:
            name = self.form.legs[leg].name
            while name in names:
                name += "'"
            names.append(name)
        return names


@cache
def _table(degrees: tuple[int, int, int], scale_squared: Fraction) -> np.ndarray:
    return read_only(compact_coupling(*degrees) * sqrt(scale_squared))


@cache
def _parse(text: str) -> Program:
    legs, terms, operands, outputs, contractions = text.split("|")
    form = Form(
        tuple(_parse_leg(leg) for leg in legs.split(";")),
        tuple(_parse_term(term) for term in terms.split(";") if term),
    )
    return Program(
        form,
        _numbers(operands),
        _numbers(outputs),
        tuple(_parse_contraction(item) for item in contractions.split(";") if item),
    )


def _parse_leg(text: str) -> Leg:
    name, place, irreps, shared = text.split(",")
    return Leg(name, Irreps(irreps), place, bool(int(shared)))  # type: ignore[arg-type]


def _parse_term(text: str) -> Term:
    degrees, scale, channels, *slots = text.split(",")
    return Term(
        _numbers(degrees),  # type: ignore[arg-type]
        Fraction(scale),
        int(channels),
        tuple(Slot(*_numbers(slot)) for slot in slots),  # type: ignore[arg-type]
    )


def _parse_contraction(text: str) -> Contraction:
    operands, output = text.split(",")
    indices = tuple(None if i == "-" else int(i) for i in operands.split(" "))
    return Contraction(indices, int(output))


def _row(numbers: tuple[int, ...]) -> str:
    return " ".join(map(str, numbers))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(n) for n in text.split())
