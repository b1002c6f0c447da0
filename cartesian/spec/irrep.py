r"""Irreducible representations of O(3): a degree and a parity.

An irreducible tensor of degree $\ell$ has $2\ell + 1$ independent components and picks up
its parity $p = \pm 1$ under inversion. We write `1o` for the polar vector and `1e` for the
axial one; a degree has *natural* parity if $p = (-1)^\ell$, as products of polar vectors do.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import total_ordering

_LETTERS = {"e": 1, "o": -1}
_TEXT = re.compile(r"(?P<degree>0|[1-9][0-9]{0,3})(?P<parity>[eo])", re.ASCII)


@total_ordering
@dataclass(frozen=True, slots=True, init=False)
class Irrep:
    r"""An irreducible representation of O(3).

    Args:
        degree: $\ell \ge 0$, or the whole label as text, such as `"2e"`.
        parity: $+1$ (even, `e`) or $-1$ (odd, `o`); left out with text.

    Raises:
        ValueError: If the text is not a label, the degree negative, or the parity not ±1.

    Examples:
        >>> Irrep("1o").dim
        3
        >>> list(Irrep("1o") * Irrep("2e"))
        [1o, 2o, 3o]
    """

    degree: int
    parity: int

    def __init__(self, degree: "int | str | Irrep", parity: int | None = None) -> None:
        if isinstance(degree, (str, Irrep)):
            if parity is not None:
                raise ValueError(f"{degree!r} already names a parity; leave out parity={parity!r}")
            degree, parity = _parse(degree) if isinstance(degree, str) else (degree.degree, degree.parity)
        if isinstance(degree, bool) or not isinstance(degree, int) or degree < 0:
            raise ValueError(f"the degree of an irrep is an integer >= 0, not {degree!r}")
        if isinstance(parity, bool) or parity not in (1, -1):
            raise ValueError(f"the parity of an irrep is +1 (even) or -1 (odd), not {parity!r}")
        object.__setattr__(self, "degree", degree)
        object.__setattr__(self, "parity", parity)

    @classmethod
    def natural(cls, degree: int) -> "Irrep":
        r"""The irrep of `degree` that products of polar vectors have, $p = (-1)^\ell$."""
        return cls(degree, -1 if degree % 2 else 1)

    @property
    def dim(self) -> int:
        r"""Number of independent components, $2\ell + 1$."""
        return 2 * self.degree + 1

    @property
    def is_natural(self) -> bool:
        r"""Whether the parity is $(-1)^\ell$."""
        return self.parity == (-1) ** self.degree

    def __mul__(self, other: "Irrep") -> Iterator["Irrep"]:
        r"""The irreps in a product: degrees $|\ell_1 - \ell_2| \dots \ell_1 + \ell_2$, parities multiply."""
        if not isinstance(other, Irrep):
            return NotImplemented
        low, high = abs(self.degree - other.degree), self.degree + other.degree
        return (Irrep(degree, self.parity * other.parity) for degree in range(low, high + 1))

    def __lt__(self, other: "Irrep") -> bool:
        """Whether it comes earlier: by degree, natural parity first (0e, 0o, 1o, 1e, 2e, …)."""
        if not isinstance(other, Irrep):
            return NotImplemented
        return (self.degree, not self.is_natural) < (other.degree, not other.is_natural)

    def __str__(self) -> str:
        return f"{self.degree}{'e' if self.parity == 1 else 'o'}"

    def __repr__(self) -> str:
        return str(self)


def _parse(text: str) -> tuple[int, int]:
    match = _TEXT.fullmatch(text.strip(" "))
    if match is None:
        raise ValueError(
            f"{text!r} is not an irrep: write a degree of at most four ASCII digits and a parity, "
            "'e' for even or 'o' for odd, as in '2e'"
        )
    return int(match["degree"]), _LETTERS[match["parity"]]
