r"""The form of an invariant tensor as a matrix of symbols, with the relations that do not fit into a cell.

For elasticity under a sixfold axis this is

$$\begin{pmatrix} C_{11} & C_{12} & C_{13} & 0 & 0 & 0 \\ C_{12} & C_{11} & C_{13} & 0 & 0 & 0 \\
  \vdots & & & & & \vdots \end{pmatrix}, \qquad C_{66} = \frac{C_{11} - C_{12}}{2}.$$

A cell holds zero or a multiple of one symbol. A component that combines several independent ones
keeps its own name, and a relation below the matrix says what it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import product
from math import lcm, prod

from cartesian.spec.orbits import Index
from cartesian.symbolic.component_names import VOIGT_PAIRS, slot_values, slots
from cartesian.symbolic.invariants import Invariants

Label = tuple[int, ...]
Combination = tuple[tuple[Fraction, Label], ...]
Relation = tuple[Label, Combination]


@dataclass(frozen=True)
class ComponentPattern:
    r"""Which components of an invariant tensor vanish, are equal, or follow from others.

    Args:
        invariants: The invariant tensors of an index symmetry and a group.
        symbol: Letter of the tensor.
        voigt: Whether a pair of exchangeable indices counts as one, from 1 to 6; otherwise every index
            counts from 1 to 3.
        shear_factor: What Voigt's constants carry for each pair 23, 13 or 12: 1 if they are the components
            themselves (stress, stiffness, $e_{iJ}$), 2 as for engineering strains (compliance, $d_{iJ}$).

    Raises:
        ValueError: For a rank above 4, which does not fit a matrix, and for a factor that is not 1 or 2.

    Examples:
        >>> from cartesian.symbolic.invariants import invariants
        >>> print(ComponentPattern(invariants("ijk=ikj", "3m"), "d", shear_factor=2))
           0   0   0   0 d15 -2d22
        -d22 d22   0 d15   0     0
         d31 d31 d33   0   0     0
        >>> print(ComponentPattern(invariants("ijkl=jikl=klij", "∞/mm"), "C").text_relations[0])
        C66 = (C11 - C12)/2
    """

    invariants: Invariants
    symbol: str = "T"
    voigt: bool = True
    shear_factor: int = 1

    def __post_init__(self) -> None:
        if self.invariants.symmetry.rank > 4:
            raise ValueError(
                f"a tensor of rank {self.invariants.symmetry.rank} does not fit a matrix: patterns are for "
                "ranks up to 4; `Invariants.relations` holds those of any rank"
            )
        if self.shear_factor not in (1, 2):
            raise ValueError(f"a shear component carries a factor 1 or 2, not {self.shear_factor!r}")

    @property
    def cells(self) -> tuple[tuple[Combination, ...], ...]:
        """The matrix, row by row; a cell is empty, or a factor and the label of one symbol."""
        return _content(self)[0]

    @property
    def relations(self) -> tuple[Relation, ...]:
        """Labels of components that combine several independent ones, and what they combine."""
        return _content(self)[1]

    @property
    def text_relations(self) -> tuple[str, ...]:
        """The relations as text, such as `C66 = (C11 - C12)/2`."""
        return tuple(f"{self._name(label)} = {_text(terms, self._name)}" for label, terms in self.relations)

    def __str__(self) -> str:
        rows = [[_text(cell, self._name) for cell in row] for row in self.cells]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [" ".join(cell.rjust(n) for cell, n in zip(row, widths, strict=True)) for row in rows]
        return "\n".join([*lines, *self.text_relations])

    def latex(self) -> str:
        r"""The matrix and its relations in LaTeX.

        >>> from cartesian.symbolic.invariants import invariants
        >>> print(ComponentPattern(invariants("ij=ji", "4"), "\\chi").latex())
        \begin{pmatrix} \chi_{1} & \chi_{1} & \chi_{3} & 0 & 0 & 0 \end{pmatrix}
        """
        rows = (" & ".join(_latex(cell, self._latex_name) for cell in row) for row in self.cells)
        matrix = r"\begin{pmatrix} " + r" \\ ".join(rows) + r" \end{pmatrix}"
        relations = (
            f"{self._latex_name(label)} = {_latex(terms, self._latex_name)}"
            for label, terms in self.relations
        )
        return r",\quad ".join([matrix, *relations])

    def _name(self, label: Label) -> str:
        return self.symbol + "".join(map(str, label))

    def _latex_name(self, label: Label) -> str:
        return f"{self.symbol}_{{{''.join(map(str, label))}}}"


@cache
def _content(pattern: ComponentPattern) -> tuple[tuple[tuple[Combination, ...], ...], tuple[Relation, ...]]:
    choices: Sequence[Sequence[Index]] = [((0,), (1,), (2,))] * pattern.invariants.symmetry.rank
    if pattern.voigt:
        choices = [
            VOIGT_PAIRS if len(slot) == 2 else choices[0] for slot in slots(pattern.invariants.symmetry)
        ]
    relations: dict[Combination, tuple[Fraction, Label]] = {}
    found = []
    cells = []
    for parts in product(*choices):
        index = tuple(value for part in parts for value in part)
        terms = _constants(pattern, index)
        if len(terms) > 1:
            # Components that combine the same in the same proportions share the name of the first.
            lead = terms[0][0]
            shape = tuple((weight / lead, label) for weight, label in terms)
            if shape not in relations:
                relations[shape] = lead, _label(pattern, index)
                found.append((_label(pattern, index), terms))
            first, label = relations[shape]
            terms = ((lead / first, label),)
        cells.append(terms)
    columns = _columns([len(choice) for choice in choices])
    return tuple(tuple(cells[k : k + columns]) for k in range(0, len(cells), columns)), tuple(found)


def _columns(sizes: Sequence[int]) -> int:
    """Width of the matrix: the last slots, so many that it comes closest to a square and is not narrow."""
    widths = [prod(sizes[k:]) for k in range(len(sizes))]
    return min(widths, key=lambda width: (max(width**2, prod(sizes)) / min(width**2, prod(sizes)), -width))


def _constants(pattern: ComponentPattern, index: Index) -> Combination:
    """One constant as a combination of independent ones, with the factors of shear pairs."""
    factor = _factor(pattern, index)
    return tuple(
        (weight * factor / _factor(pattern, name), _label(pattern, name))
        for name, weight in pattern.invariants.component(index).items()
    )


def _factor(pattern: ComponentPattern, index: Index) -> Fraction:
    symmetry = pattern.invariants.symmetry
    pairs = [slot for slot in slots(symmetry) if pattern.voigt and len(slot) == 2]
    return Fraction(pattern.shear_factor) ** sum(index[a] != index[b] for a, b in pairs)


def _label(pattern: ComponentPattern, index: Index) -> Label:
    values = slot_values(pattern.invariants.symmetry, index) if pattern.voigt else index
    return tuple(value + 1 for value in values)


def _text(terms: Combination, name: Callable[[Label], str]) -> str:
    total, denominator = _sum(terms, name)
    if denominator == 1:
        return total
    return f"{total}/{denominator}" if len(terms) == 1 else f"({total})/{denominator}"


def _latex(terms: Combination, name: Callable[[Label], str]) -> str:
    total, denominator = _sum(terms, name)
    if denominator == 1:
        return total
    sign = "-" if len(terms) == 1 and total.startswith("-") else ""
    return rf"{sign}\frac{{{total.removeprefix(sign)}}}{{{denominator}}}"


def _sum(terms: Combination, name: Callable[[Label], str]) -> tuple[str, int]:
    """Sum with integer factors, and the denominator to put under it."""
    denominator = lcm(*(weight.denominator for weight, _ in terms))
    text = ""
    for weight, label in terms:
        factor = int(weight * denominator)
        sign = ("- " if factor < 0 else "+ ") if text else ("-" if factor < 0 else "")
        text += f"{' ' if text else ''}{sign}{abs(factor) if abs(factor) != 1 else ''}{name(label)}"
    return text or "0", denominator
