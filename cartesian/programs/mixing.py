r"""Linear maps as forms: channels of equal irreps are mixed, components are left alone (Schur's lemma).

$$F(w, x, z) = \sum_{no} \sum_{cc'} w_{cc'}\, x_{noc}\, z_{noc'}$$

The map is the form with $z$ left out, its gradients are the form with $w$ or with $x$ left out.
"""

from functools import cache
from typing import NamedTuple

from cartesian.spec import Irreps

WEIGHTS, FEATURES, OUT = range(3)


class Mixing(NamedTuple):
    """One matrix of a linear map: block `source` to block `target`, its part of the weights, its shape."""

    source: int
    target: int
    weights: slice
    shape: tuple[int, int]


def mixings(irreps: Irreps | str, out: Irreps | str) -> tuple[Mixing, ...]:
    """The matrices of the linear maps from `irreps` to `out`, in the order of their weights.

    >>> mixings("4x0e + 2x1o", "3x0e")
    (Mixing(source=0, target=0, weights=slice(0, 12, None), shape=(4, 3)),)
    """
    found, start = [], 0
    for target, b in enumerate(Irreps(out)):
        for source, a in enumerate(Irreps(irreps)):
            if a.irrep == b.irrep:
                stop = start + a.channels * b.channels
                found.append(Mixing(source, target, slice(start, stop), (a.channels, b.channels)))
                start = stop
    return tuple(found)


class LinearMap(NamedTuple):
    """Linear maps between two kinds of features.

    Attributes:
        irreps: What is mixed.
        out: What comes out.

    Examples:
        >>> LinearMap(Irreps("4x0e + 2x1o"), Irreps("3x0e")).lengths
        (12, 10, 3)
    """

    irreps: Irreps
    out: Irreps

    @property
    def lengths(self) -> tuple[int, int, int]:
        """Number of weights, and lengths of the rows of features and result."""
        parts = mixings(self.irreps, self.out)
        return parts[-1].weights.stop if parts else 0, self.irreps.dim, self.out.dim

    @property
    def text(self) -> str:
        """One line that `parse` reads."""
        return linear_map(self.irreps, self.out)[0]

    @classmethod
    def parse(cls, text: str) -> "LinearMap":
        """The map whose `text` is given."""
        _, irreps, out = text.split(";")
        return cls(Irreps(irreps), Irreps(out))


@cache
def linear_map(irreps: Irreps | str, out: Irreps | str) -> tuple[str, tuple[int, int, int]]:
    """Text and lengths of a linear map."""
    return describe(Irreps(irreps), Irreps(out))


def describe(irreps: Irreps, out: Irreps) -> tuple[str, tuple[int, int, int]]:
    """The same, anew: compilers look through it even if the irreps are made inside what they compile."""
    text = "linear"
    for side in (irreps, out):
        text += ";"
        for k, block in enumerate(side.blocks):
            parity = "e" if block.irrep.parity == 1 else "o"
            text += f"{'+' if k else ''}{block.channels}x{block.irrep.degree}{parity}"
    return text, LinearMap(irreps, out).lengths
