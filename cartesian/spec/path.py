r"""Paths: the allowed ways to couple two irreducible tensors to a third.

For each triangle $|\ell_1 - \ell_2| \le \ell_3 \le \ell_1 + \ell_2$ there is exactly one.
If $\ell_1 + \ell_2 + \ell_3$ is even it contracts index pairs; if odd, one Levi-Civita
tensor takes an index from each factor and gives one to the result.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from cartesian.spec.irrep import Irrep
from cartesian.spec.irreps import Irreps


@dataclass(frozen=True, slots=True, init=False, order=True)
class Path:
    r"""One allowed coupling (left, right) → out.

    Args:
        left, right: Irreps of the factors; a plain degree stands for natural parity.
        out: Irrep of the result; a plain degree takes the product of the parities.

    Raises:
        ValueError: If the degrees violate the triangle rule, or the parities do not multiply.

    Examples:
        >>> Path(1, 1, 1), Path(1, 1, 1).is_contraction
        (1o x 1o -> 1e, False)
        >>> Path("2e", "2e", "0e").pairs
        2
    """

    left: Irrep
    right: Irrep
    out: Irrep

    def __init__(
        self, left: "Irrep | str | int", right: "Irrep | str | int", out: "Irrep | str | int"
    ) -> None:
        left, right = _irrep(left), _irrep(right)
        parity = left.parity * right.parity
        out = Irrep(out, parity) if isinstance(out, int) else Irrep(out)
        low, high = abs(left.degree - right.degree), left.degree + right.degree
        if not low <= out.degree <= high:
            raise ValueError(
                f"{left} and {right} cannot couple to {out}: "
                f"the triangle rule allows degrees {low} to {high}, not {out.degree}"
            )
        if out.parity != parity:
            raise ValueError(
                f"{left} and {right} cannot couple to {out}: "
                f"parities multiply, which gives {Irrep(out.degree, parity)}"
            )
        object.__setattr__(self, "left", left)
        object.__setattr__(self, "right", right)
        object.__setattr__(self, "out", out)

    @property
    def degrees(self) -> tuple[int, int, int]:
        r"""$(\ell_1, \ell_2, \ell_3)$."""
        return self.left.degree, self.right.degree, self.out.degree

    @property
    def is_contraction(self) -> bool:
        """Whether index pairs alone are contracted; otherwise one Levi-Civita tensor takes part."""
        return sum(self.degrees) % 2 == 0

    @property
    def pairs(self) -> int:
        r"""Number of contracted index pairs, $\lfloor (\ell_1 + \ell_2 - \ell_3) / 2 \rfloor$."""
        left, right, out = self.degrees
        return (left + right - out) // 2

    def __str__(self) -> str:
        return f"{self.left} x {self.right} -> {self.out}"

    __repr__ = __str__


def paths(left: "Irreps | str", right: "Irreps | str", out: "Irreps | str | None" = None) -> Iterator[Path]:
    """Every path from the irreps in `left` and `right` to those in `out`, or to any.

    Channels do not count; blocks of equal irreps give one path. The order is that of the
    outputs (sorted), then of `left`, then of `right`.

    >>> [str(path) for path in paths("0e+1o", "1o", "0e+1o")]
    ['1o x 1o -> 0e', '0e x 1o -> 1o']
    """
    lefts, rights = (dict.fromkeys(block.irrep for block in Irreps(irreps)) for irreps in (left, right))
    wanted = None if out is None else {block.irrep for block in Irreps(out)}
    found = [Path(a, b, c) for a in lefts for b in rights for c in a * b if wanted is None or c in wanted]
    return iter(sorted(found, key=lambda path: path.out))


def _irrep(value: "Irrep | str | int") -> Irrep:
    return Irrep.natural(value) if isinstance(value, int) else Irrep(value)
