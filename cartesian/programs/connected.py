r"""Fully connected products as forms: every channel of one side with every channel of the other.

$$F(W, x, y, z) = \sum_p \sum_n \sum_{abo} C^p_{abo} \sum_{uvw} W^p_{uvw}\, x_{nau}\, y_{nbv}\, z_{now}$$

The product is the form with $z$ left out, its gradients are the form with one of the other legs left out.

**Order of sums.** Two of the three sums over channels are one matrix product, whose rows are the components
of one leg: $T_{no,uv} = \sum_{ab} C_{abo}\, x_{nau}\, y_{nbv}$ times $W_{uv,w}$, and likewise with the
roles of the legs exchanged. The leg with the fewest components is the cheapest, for the product and for all
its gradients.
"""

from fractions import Fraction
from functools import cache
from itertools import product as pairs
from typing import NamedTuple

import numpy as np

from cartesian.programs.build import Normalization
from cartesian.programs.program import Slot, Term
from cartesian.spec import Irreps
from cartesian.symbolic.coupling import coupling_norm_squared

WEIGHTS, LEFT, RIGHT, OUT = range(4)


class ConnectedPath(NamedTuple):
    """Blocks that are coupled, their part of the weights, and how.

    Attributes:
        blocks: Indices of the blocks of left, right and out.
        weights: Part of the weights, a tensor `shape` of channels of left, right and out.
        shape: Channels of the three.
        degrees: Degrees of the three.
        scale_squared: Square of the factor on the natural coupling.
    """

    blocks: tuple[int, int, int]
    weights: slice
    shape: tuple[int, int, int]
    degrees: tuple[int, int, int]
    scale_squared: Fraction

    @property
    def table(self) -> np.ndarray:
        """The coefficients $C_{abo}$ in float64, read-only."""
        return Term(self.degrees, self.scale_squared, 1, (Slot(0, 1, 0),) * 4).table

    @property
    def reduced(self) -> int:
        """Leg whose components are rows of the matrix product, 1, 2 or 3; if possible the last one."""
        return max((LEFT, RIGHT, OUT), key=lambda leg: (-self.degrees[leg - 1], leg != RIGHT, leg))

    @property
    def multiply_adds(self) -> int:
        """Those of the matrix product, per row of features."""
        u, v, w = self.shape
        return (2 * self.degrees[self.reduced - 1] + 1) * u * v * w


class Connected(NamedTuple):
    """A fully connected product of two kinds of features.

    Attributes:
        left, right: What is multiplied.
        out: What comes out; paths into one block are summed.
        normalization: "natural" or "component" couplings, as for `cartesian.programs.build.convolution`.

    Examples:
        >>> form = connected("4x0e + 2x1o", "3x1o", "5x0e + 6x1o")
        >>> [path.degrees for path in form.paths], form.lengths
        ([(1, 1, 0), (0, 1, 1)], (102, 10, 9, 23))
    """

    left: Irreps
    right: Irreps
    out: Irreps
    normalization: Normalization = "component"

    @property
    def paths(self) -> tuple[ConnectedPath, ...]:
        """Paths by block of out, then of left, then of right: the order of the weights."""
        return _paths(self)

    @property
    def lengths(self) -> tuple[int, int, int, int]:
        """Number of weights, and lengths of the rows of left, right and out."""
        count = self.paths[-1].weights.stop if self.paths else 0
        return count, self.left.dim, self.right.dim, self.out.dim

    @property
    def multiply_adds(self) -> int:
        """Those of the matrix products, per row of features."""
        return sum(path.multiply_adds for path in self.paths)

    @property
    def text(self) -> str:
        """One line that `parse` reads."""
        return f"connected;{self.left};{self.right};{self.out};{self.normalization}"

    @classmethod
    def parse(cls, text: str) -> "Connected":
        """The product whose `text` is given."""
        _, left, right, out, normalization = text.split(";")
        return cls(Irreps(left), Irreps(right), Irreps(out), normalization)  # type: ignore[arg-type]


def connected(
    left: Irreps | str, right: Irreps | str, out: Irreps | str, normalization: Normalization = "component"
) -> Connected:
    """The fully connected product over all paths from `left` and `right` to `out`.

    Raises:
        ValueError: If no path leads to a block of `out`, or the normalization is unknown.
    """
    form = Connected(Irreps(left), Irreps(right), Irreps(out), normalization)
    if normalization not in ("natural", "component"):
        raise ValueError(f"couplings are normalised as 'natural' or 'component', not {normalization!r}")
    reached = {path.blocks[2] for path in form.paths}
    for k, block in enumerate(form.out):
        if k not in reached:
            raise ValueError(f"no path leads from {form.left} times {form.right} to {block.irrep}")
    return form


@cache
def _paths(form: Connected) -> tuple[ConnectedPath, ...]:
    found, start = [], 0
    for (k, c), (i, a), (j, b) in pairs(enumerate(form.out), enumerate(form.left), enumerate(form.right)):
        if c.irrep in a.irrep * b.irrep:
            degrees = a.irrep.degree, b.irrep.degree, c.irrep.degree
            scale = Fraction(1)
            if form.normalization == "component":
                scale = Fraction(2 * degrees[2] + 1) / coupling_norm_squared(*degrees)
            shape = a.channels, b.channels, c.channels
            stop = start + a.channels * b.channels * c.channels
            found.append(ConnectedPath((i, j, k), slice(start, stop), shape, degrees, scale))
            start = stop
    return tuple(found)
