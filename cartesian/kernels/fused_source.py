r"""Triton source of fused kernels for GPUs, from a program.

A *pass* walks over receivers, over senders, or over the edges themselves: one instance of a kernel takes
one of them, all channels at once, and goes through its edges in a fixed order. What adds up over the walk
stays in registers until its end. So there are no atomic additions, and results are the same bit by bit.

Outputs that add up over receivers and over senders need two passes; those of the edges go along with the
first. A pass is cut into kernels of few paths, which keep the registers at hand.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import NamedTuple

import numpy as np

from cartesian.programs.passes import Schedule, schedule
from cartesian.programs.program import LEFT, OUT, RIGHT, WEIGHTS, Place, Program, Term

REGISTERS = 48
"""Vectors of sums that a kernel keeps while it walks, at most, unless a single path has more."""

PRODUCTS = 100
"""Products of components in the paths of a kernel, at most, unless a single path has more."""


class Kernel(NamedTuple):
    """One kernel.

    Attributes:
        walk: What an instance takes.
        text: Source of a function `kernel`.
        channels: Most channels of a path.
    """

    walk: Place
    text: str
    channels: int


@cache
def kernels(program: Program) -> tuple[Kernel, ...]:
    """The kernels of a program, to be run one after the other on outputs that are zero.

    Examples:
        >>> from cartesian.programs.build import convolution
        >>> from cartesian.programs.derivative import derivative
        >>> forward = convolution("4x0e + 4x1o", 1, "4x1o", kind="summed")
        >>> [kernel.walk for kernel in kernels(forward)]
        ['receiver']
        >>> [kernel.walk for kernel in kernels(derivative(forward, (0, 1, 2)))]
        ['sender']
    """
    steps, made = schedule(program), []
    for walk, outputs in _passes(program):
        for terms in _groups(program, outputs):
            writer = _Writer(program, steps, walk, outputs)
            made.append(
                Kernel(walk, writer.source(terms), max(program.form.terms[t].channels for t in terms))
            )
    return tuple(made)


def _passes(program: Program) -> list[tuple[Place, tuple[int, ...]]]:
    """What is walked over, and the outputs of each walk."""
    computed = sorted({contraction.output for contraction in program.contractions})
    places = {k: program.form.legs[program.outputs[k]].place for k in computed}
    by_place = {
        place: [k for k in computed if places[k] == place] for place in ("sender", "receiver", "edge")
    }
    passes: list[tuple[Place, list[int]]] = [
        (place, by_place[place]) for place in ("sender", "receiver") if by_place[place]
    ]
    if not passes and by_place["edge"]:
        passes = [("edge", [])]
    if by_place["edge"]:
        passes[0] = (passes[0][0], sorted(passes[0][1] + by_place["edge"]))
    return [(walk, tuple(outputs)) for walk, outputs in passes]


def _groups(program: Program, outputs: tuple[int, ...]) -> list[list[int]]:
    """Terms of each kernel; those that add to one place come together."""
    summed = [program.outputs[k] for k in outputs if program.form.legs[program.outputs[k]].place != "edge"]
    terms = sorted(
        range(len(program.form.terms)), key=lambda t: [program.form.terms[t].slots[leg] for leg in summed]
    )
    groups: list[list[int]] = []
    places: set[tuple[int, tuple[int, ...]]] = set()
    products = 0
    for number in terms:
        term = program.form.terms[number]
        more = {
            (leg, (component, *term.slots[leg])) for leg in summed for component in range(term.dims()[leg])
        }
        size = len(_pairs(term))
        if not groups or len(places | more) > REGISTERS or products + size > PRODUCTS:
            groups.append([])
            places, products = set(), 0
        groups[-1].append(number)
        places, products = places | more, products + size
    return groups


class _Writer:
    """Writes one kernel: lines per edge, in which loads and folds are named once."""

    def __init__(self, program: Program, steps: Schedule, walk: Place, outputs: tuple[int, ...]) -> None:
        self.program, self.steps, self.walk, self.outputs = program, steps, walk, outputs
        self.lines: list[str] = []
        self.names: dict[tuple[object, ...], str] = {}
        self.sums: dict[tuple[int, str, int], str] = {}
        self.shared_sums: dict[tuple[int, int], str] = {}

    def source(self, terms: list[int]) -> str:
        """The function `kernel`."""
        for number in terms:
            self._term(number, self.program.form.terms[number])
        for (output, component), name in self.shared_sums.items():
            place = f"o{output} + {self._row_of(output)} + {component}"
            self.lines.append(f"tl.store({place}, tl.load({place}) + tl.sum({name}, 0))")
        operands, outputs = range(len(self.program.operands)), self.outputs
        arguments = [
            "order",
            "starts",
            "senders",
            "receivers",
            *(f"{letter}{k}" for k in operands for letter in "is"),
            *(f"o{k}" for k in outputs),
            "A: tl.constexpr",
            "B: tl.constexpr",
        ]
        head = [f"def kernel({', '.join(arguments)}):", "    r = tl.program_id(0).to(tl.int64)"]
        head.append("    c = tl.arange(0, B)")
        head += [f"    {name} = tl.full([B], 0, A)" for name in self.sums.values()]
        if self.walk == "edge":
            rows = ["    e = r", *self._neighbours()]
            return "\n".join([*head, *rows, *(f"    {line}" for line in self.lines), ""])
        rows = [
            "    first = tl.load(starts + r)",
            "    last = tl.load(starts + r + 1)",
            "    for k in range(first, last):",
            "        e = tl.load(order + k)",
            *(f"    {line}" for line in self._neighbours()),
        ]
        tail = []
        for (output, at, channels), name in self.sums.items():
            place, mask = f"o{output} + r * {self._width(output)} + {at}", f"c < {channels}"
            tail.append(f"    tl.store({place}, tl.load({place}, {mask}, 0) + {name}, {mask})")
        return "\n".join([*head, *rows, *(f"        {line}" for line in self.lines), *tail, ""])

    def _neighbours(self) -> list[str]:
        """Lines that look up the ends of an edge, as far as they are needed."""
        places = {self.program.form.legs[leg].place for leg in self.program.operands}
        lines = []
        for place in ("sender", "receiver"):
            if place == self.walk:
                lines.append(f"    {place} = r")
            elif place in places:
                lines.append(f"    {place} = tl.load({place}s + e)")
        return lines

    def _width(self, output: int) -> int:
        return self.program.row(self.program.outputs[output])

    def _row_of(self, output: int) -> str:
        place = self.program.form.legs[self.program.outputs[output]].place
        return f"{'e' if place == 'edge' else place} * {self._width(output)}"

    def _named(self, key: tuple[object, ...], value: Callable[[], str]) -> str:
        """The name of a value, which is computed where it is first asked for."""
        if key not in self.names:
            text = value()
            self.names[key] = f"t{len(self.names)}"
            self.lines.append(f"{self.names[key]} = {text}")
        return self.names[key]

    def _load(self, operand: int, term: Term, leg: int, component: int) -> str:
        """One component of an operand, of all channels or, if they share it, one number."""
        start, width, first = term.slots[leg]
        leg_ = self.program.form.legs[self.program.operands[operand]]
        row = f"i{operand} + {'e' if leg_.place == 'edge' else leg_.place} * s{operand}"
        if leg_.shared:
            at = str(start + component)
            return self._named((operand, at), lambda: f"tl.load({row} + {at}).to(A)")
        at, mask = f"{start + width * component + first} + c", f"c < {term.channels}"
        return self._named((operand, at, mask), lambda: f"tl.load({row} + {at}, {mask}, 0).to(A)")

    def _fold(self, number: int, term: Term, f: int, a: int, o: int) -> str:
        operand, values = self.steps.folds[f], term.table[a, :, o]

        def value() -> str:
            return _sum(
                f"{float(values[b])!r} * {self._load(operand, term, RIGHT, b)}"
                for b in np.flatnonzero(values).tolist()
            )

        # Folds of one coupling with one right factor serve all paths that have both.
        shared = self.program.form.legs[RIGHT].shared
        key = (term.degrees, term.scale_squared, term.slots[RIGHT]) if shared else (number,)
        return self._named(("fold", f, a, o, *key), value)

    def _blend(self, number: int, term: Term, k: int, a: int) -> str:
        def value() -> str:
            return _sum(
                f"{self._load(w, term, WEIGHTS, 0)} * {self._load(x, term, LEFT, a)}"
                for w, x in self.steps.blends[k]
            )

        return self._named(("blend", number, k, a), value)

    def _pullback(self, number: int, term: Term, k: int, a: int) -> str:
        z, f = self.steps.pullbacks[k]

        def value() -> str:
            return _sum(
                f"{self._fold(number, term, f, a, o)} * {self._load(z, term, OUT, o)}"
                for b, o in _pairs(term)
                if b == a
            )

        return self._named(("pullback", number, k, a), value)

    def _add(self, output: int, term: Term, leg: int, component: int, value: str) -> None:
        start, width, first = term.slots[leg]
        at = f"{start + width * component + first} + c"
        if self.program.form.legs[leg].place == "edge":
            place, mask = f"o{output} + e * {self._width(output)} + {at}", f"c < {term.channels}"
            self.lines.append(f"tl.store({place}, tl.load({place}, {mask}, 0) + {value}, {mask})")
        else:
            name = self.sums.setdefault((output, at, term.channels), f"a{len(self.sums)}")
            self.lines.append(f"{name} += {value}")

    def _term(self, number: int, term: Term) -> None:
        steps, pairs = self.steps, _pairs(term)
        _, left, right, _ = term.dims()
        for output, f, k in steps.out:
            if output in self.outputs:
                for o in sorted({o for _, o in pairs}):
                    products = [
                        f"{self._fold(number, term, f, a, o)} * {self._blend(number, term, k, a)}"
                        for a, p in pairs
                        if p == o
                    ]
                    self._add(output, term, OUT, o, _sum(products))
        for output, w, k in steps.left:
            if output in self.outputs:
                for a in range(left):
                    pullback = self._pullback(number, term, k, a)
                    self._add(output, term, LEFT, a, f"{self._load(w, term, WEIGHTS, 0)} * {pullback}")
        for output, x, k in steps.weights:
            if output in self.outputs:
                products = [
                    f"{self._load(x, term, LEFT, a)} * {self._pullback(number, term, k, a)}"
                    for a in range(left)
                ]
                self._add(output, term, WEIGHTS, 0, _sum(products))
        for output, z, k in steps.right:
            if output in self.outputs:
                for b in range(right):
                    products = [
                        f"{float(term.table[a, b, o])!r} * {self._outer(number, term, k, z, a, o)}"
                        for a, o in pairs
                        if term.table[a, b, o]
                    ]
                    if self.program.form.legs[RIGHT].shared:
                        place = output, term.slots[RIGHT].start + b
                        known = place in self.shared_sums
                        name = self.shared_sums.setdefault(place, f"g{len(self.shared_sums)}")
                        self.lines.append(f"{name} {'+' if known else ''}= {_sum(products)}")
                    else:
                        self._add(output, term, RIGHT, b, _sum(products))

    def _outer(self, number: int, term: Term, k: int, z: int, a: int, o: int) -> str:
        return self._named(
            ("outer", number, k, z, a, o),
            lambda: f"{self._blend(number, term, k, a)} * {self._load(z, term, OUT, o)}",
        )


def _pairs(term: Term) -> list[tuple[int, int]]:
    """The (left, out) components that some right component couples."""
    return [(int(a), int(o)) for a, o in np.argwhere(np.abs(term.table).sum(axis=1))]


def _sum(products: Iterable[str]) -> str:
    return " + ".join(products)
