r"""The direction chain as a program: a summed convolution without harmonics.

The paths from a block of degree $\ell_1$ to one of degree $\ell_3$ span what powers of the direction $u$ span
(`cartesian.symbolic.chain`), so their weights $w_{\ell_2}$ turn into weights $v_q$ of the chain. Per edge and
channel, with $\cdot$ and $\wedge$ for the couplings to $u$ that lower and raise the degree,

$$\begin{aligned}
  \text{down}\quad & A_{\ell_1} = T, \qquad A_{q-1} = A_q \cdot u \\
  \text{weigh}\quad & B_q = \sum_{T} v_{Tq}\, A_q + u \times \sum_{T'} v_{T'q}\, A'_q \\
  \text{up}\quad & U_0 = B_0, \qquad U_q = B_q + u \wedge U_{q-1}.
\end{aligned}$$

$T'$ are the tensors whose parity asks for a Levi-Civita tensor. Everything stays in the $2q+1$ components
of compact tensors: a coupling to $u$ keeps, lowers or raises the order $m$ by one, so it has at most five
terms per component, and going up removes the traces on the way.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Literal, NamedTuple

import numpy as np

from cartesian.programs.lanes import LaneLeg, Lanes, Recorder, pruned
from cartesian.programs.program import LEFT, OUT, WEIGHTS, Program, Term
from cartesian.symbolic.chain import chain_degrees, chain_inverse
from cartesian.symbolic.exact import sqrt
from cartesian.symbolic.traces import stf_norm_squared
from cartesian.tables.lookup import coupling

Basis = Literal["paths", "chain"]

_WEIGHTS, _FEATURES, _DIRECTIONS = range(3)


class Link(NamedTuple):
    """All paths from one block of the features to one block of the output.

    Attributes:
        left, out: First component of the block, and its degree.
        odd: Whether the paths have a Levi-Civita tensor.
        ranks: Ranks q of the chain.
        paths: Degree l2 and number of each path.
        first: Number of the first weight of the chain.
    """

    left: tuple[int, int]
    out: tuple[int, int]
    odd: bool
    ranks: range
    paths: tuple[tuple[int, int], ...]
    first: int


@dataclass(frozen=True)
class Chain:
    r"""A summed convolution with harmonics, run as a direction chain.

    Args:
        program: The convolution, of kind "summed", with harmonics of component normalisation; all
            blocks have the same number of channels.
        basis: Whether weights are those of the paths, converted as they are used, or those of the chain
            already, $v = w M$ with `matrix`, which is cheaper.

    Raises:
        ValueError: If the program is not of this kind.

    Examples:
        >>> from cartesian.programs.build import convolution
        >>> chain = Chain(convolution("8x0e + 8x1o", 2, "8x0e + 8x1o", kind="summed"), "chain")
        >>> chain.weights, chain.multiply_adds  # per channel and edge
        (5, 13)
        >>> print(chain.matrix[2:4, 1:].round(3))  # of 0 x 1 -> 1 and 1 x 0 -> 1
        [[0.    1.732 0.    0.   ]
         [0.    0.    0.    1.   ]]
    """

    program: Program
    basis: Basis = "paths"

    def __post_init__(self) -> None:
        if self.basis not in ("paths", "chain"):
            raise ValueError(f"weights are those of the 'paths' or of the 'chain', not {self.basis!r}")
        form = self.program.form
        weights, left, right, out = form.legs
        if any(term.slots[OUT].width != term.channels for term in form.terms) or weights.place != "edge":
            raise ValueError("a chain sums its paths: build the convolution with kind='summed'")
        channels = {block.channels for irreps in (left.irreps, out.irreps) for block in irreps}
        if len(channels) > 1:
            raise ValueError(f"a chain has equal channels everywhere, unlike {left.irreps} to {out.irreps}")
        if not right.shared or any(not block.irrep.is_natural for block in right.irreps):
            raise ValueError(f"a chain is made of directions, whose harmonics are not {right.irreps}")

    @property
    def channels(self) -> int:
        """Number of channels of every block."""
        return max((block.channels for block in self.program.form.legs[LEFT].irreps), default=0)

    @property
    def weights(self) -> int:
        """Number of weights per edge and channel, in the chain's `basis`."""
        return len(self.program.form.terms) if self.basis == "paths" else self.matrix.shape[1]

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """The blocks that are coupled; weights of the chain stand in this order, ranks innermost."""
        found: dict[tuple[int, int], list[Term]] = {}
        for term in self.program.form.terms:
            found.setdefault((term.slots[OUT].start, term.slots[LEFT].start), []).append(term)
        links, first = [], 0
        for (out, left), terms in sorted(found.items()):
            degrees = terms[0].degrees
            odd = sum(degrees) % 2 == 1
            ranks, _ = chain_degrees(degrees[0], degrees[2], odd)
            paths = tuple((t.degrees[1], t.slots[WEIGHTS].start // self.channels) for t in terms)
            ends = (left // self.channels, degrees[0]), (out // self.channels, degrees[2])
            links.append(Link(*ends, odd, ranks, paths, first))
            first += len(ranks)
        return tuple(links)

    @cached_property
    def matrix(self) -> np.ndarray:
        """$M$, from weights of the paths to weights of the chain, `(paths, ranks)`; float64, read-only."""
        terms = self.program.form.terms
        result = np.zeros((len(terms), sum(len(link.ranks) for link in self.links)))
        for link in self.links:
            (_, left), (_, out) = link.left, link.out
            inverse = chain_inverse(left, out, link.odd)
            _, degrees = chain_degrees(left, out, link.odd)
            for degree, number in link.paths:
                scale = sqrt(terms[number].scale_squared * (2 * degree + 1) / stf_norm_squared(degree))
                row = (inverse[degrees.index(degree)] * scale).numpy()
                result[number, link.first : link.first + len(link.ranks)] = row
        result.flags.writeable = False
        return result

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds per edge and channel."""
        return chain_lanes(self).multiply_adds

    @property
    def text(self) -> str:
        """One line that holds all of it."""
        # Text after a bar would be that of a derivative.
        return f"chain {self.channels} {self.basis} {self.program.text.replace('|', '&')}"

    @classmethod
    def parse(cls, text: str) -> "Chain":
        """The chain whose `text` is given."""
        _, _, basis, program = text.split(" ", 3)
        return cls(Program.parse(program.replace("&", "|")), basis)  # type: ignore[arg-type]


@cache
def chain_lanes(chain: Chain) -> Lanes:
    """The straight-line program of a chain.

    Operands: weights (per edge), features (of the sender), directions (per edge, shared by the channels).
    Output: sums at the receivers.
    """
    form = chain.program.form
    writer = _Writer(chain)
    results: list[int | None] = [None] * (form.legs[OUT].irreps.dim // max(chain.channels, 1))
    for start, degree in dict.fromkeys(link.out for link in chain.links):
        links = [link for link in chain.links if link.out[0] == start]
        results[start : start + 2 * degree + 1] = writer.block(degree, links)
    features = form.legs[LEFT].irreps.dim // max(chain.channels, 1)
    operands = (
        LaneLeg("weights", chain.weights, "edge"),
        LaneLeg("features", features, "sender"),
        LaneLeg("directions", 3, "edge", shared=True),
    )
    out = LaneLeg("out", len(results), "receiver")
    return pruned(
        chain.text, operands, (out,), writer.record.instructions, [tuple(results)], writer.record.constants
    )


class _Writer:
    """Writes the three steps of a chain; a vector is a list of instructions, `None` for zero."""

    def __init__(self, chain: Chain) -> None:
        self.chain, self.record = chain, Recorder()
        self._lowered: dict[tuple[int, int, int], list[int | None]] = {}

    def block(self, degree: int, links: list[Link]) -> list[int | None]:
        """One block of the output."""
        total: list[int | None] = []
        for rank in range(degree + 1):
            even, odd = (
                self.weigh(rank, [link for link in links if link.odd is odd]) for odd in (False, True)
            )
            weighed = self.added(even, self.coupled(odd, rank, rank, turn=True)) if any(odd) else even
            total = self.added(weighed, self.coupled(total, rank - 1, rank)) if any(total) else weighed
        return total

    def weigh(self, rank: int, links: list[Link]) -> list[int | None]:
        """Sum of lowered features times their weights."""
        sums: list[list[int]] = [[] for _ in range(2 * rank + 1)]
        for link in links:
            if rank in link.ranks:
                weight = self.weight(link, rank)
                for terms, value in zip(sums, self.lowered(*link.left, rank), strict=True):
                    if weight is not None and value is not None:
                        terms.append(self.record("mul", weight, value))
        return [self.record.sum(terms) for terms in sums]

    def weight(self, link: Link, rank: int) -> int | None:
        """A weight of the chain."""
        number = link.first + link.ranks.index(rank)
        if self.chain.basis == "chain":
            return self.record("load", _WEIGHTS, number)
        column = self.chain.matrix[:, number]
        loads = [(column[path], self.record("load", _WEIGHTS, path)) for _, path in link.paths]
        return self.record.sum(
            self.record("mul", self.record.constant(float(factor)), load) for factor, load in loads if factor
        )

    def lowered(self, start: int, degree: int, rank: int) -> list[int | None]:
        """Features contracted with the direction down to a rank."""
        key = start, degree, rank
        if key not in self._lowered:
            if rank == degree:
                loads = [self.record("load", _FEATURES, start + k) for k in range(2 * degree + 1)]
                self._lowered[key] = list(loads)
            else:
                self._lowered[key] = self.coupled(self.lowered(start, degree, rank + 1), rank + 1, rank)
        return self._lowered[key]

    def coupled(
        self, values: list[int | None], degree: int, out: int, turn: bool = False
    ) -> list[int | None]:
        """A tensor coupled with the direction; to turn it, the direction stands first."""
        table = coupling(1, degree, out).swapaxes(0, 1) if turn else coupling(degree, 1, out)
        sums: list[list[int]] = [[] for _ in range(2 * out + 1)]
        for a, b, o in np.argwhere(table).tolist():
            value = values[a]
            if value is not None:
                direction = self.record("load", _DIRECTIONS, b)
                factor = self.record.constant(float(table[a, b, o]))
                sums[o].append(self.record("mul", self.record("mul", factor, direction), value))
        return [self.record.sum(terms) for terms in sums]

    def added(self, first: list[int | None], second: list[int | None]) -> list[int | None]:
        """Sum of two vectors."""
        pairs = zip(first, second, strict=True)
        return [self.record.sum(value for value in pair if value is not None) for pair in pairs]
