r"""Direct sums of irreps with channels, such as `16x0e + 8x1o`.

A flat feature vector of such a sum is a row of blocks, one per term. Inside a block the
components stand outside and the channels inside, `(2ℓ+1, channels)`: norms run over the
outer axis, and a kernel finds its channels side by side in memory.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from cartesian.spec.irrep import Irrep

_TERM = re.compile(r"(?:(?P<channels>0|[1-9][0-9]{0,8})\s*x\s*)?(?P<irrep>[0-9]+[a-z])", re.ASCII)


class Block(NamedTuple):
    """Several channels of one irrep."""

    channels: int
    irrep: Irrep

    @property
    def dim(self) -> int:
        """Number of components over all channels."""
        return self.channels * self.irrep.dim

    def __str__(self) -> str:
        return f"{self.channels}x{self.irrep}"

    def __repr__(self) -> str:
        return str(self)


Term = Irrep | str | tuple[int, Irrep | str]


@dataclass(frozen=True, slots=True, init=False)
class Irreps:
    r"""A direct sum of irreps, each with a number of channels; immutable and ordered as written.

    Args:
        terms: Text such as `"16x0e + 8x1o"`, a single `Irrep`, or an iterable of
            `(channels, irrep)` pairs and irreps.

    Raises:
        ValueError: If a term cannot be read.

    Examples:
        >>> Irreps("16x0e + 8x1o + 4x2e").dim
        60
        >>> Irreps("0e + 1o + 0e").simplify()
        2x0e+1x1o
    """

    blocks: tuple[Block, ...]

    def __init__(self, terms: "str | Irrep | Irreps | Iterable[Term]" = ()) -> None:
        if isinstance(terms, Irreps):
            blocks = terms.blocks
        elif isinstance(terms, Irrep):
            blocks = (Block(1, terms),)
        elif isinstance(terms, str):
            blocks = tuple(_parse(terms))
        else:
            blocks = tuple(_block(term) for term in terms)
        object.__setattr__(self, "blocks", blocks)

    @classmethod
    def harmonics(cls, max_degree: int, parity: int = -1) -> "Irreps":
        r"""One irrep of each degree up to `max_degree`, of parity $p^\ell$; $p = -1$ for polar vectors.

        >>> Irreps.harmonics(2)
        1x0e+1x1o+1x2e
        """
        return cls((1, Irrep(degree, parity**degree)) for degree in range(max_degree + 1))

    @property
    def dim(self) -> int:
        """Number of components over all blocks."""
        return sum(block.dim for block in self.blocks)

    @property
    def channels(self) -> int:
        """Number of irreps, counted with their channels."""
        return sum(block.channels for block in self.blocks)

    @property
    def max_degree(self) -> int:
        """Largest degree that occurs; an error for an empty sum."""
        if not self.blocks:
            raise ValueError("an empty sum of irreps has no largest degree")
        return max(block.irrep.degree for block in self.blocks)

    @property
    def slices(self) -> tuple[slice, ...]:
        """Where each block lies in a flat vector."""
        result, start = [], 0
        for block in self.blocks:
            result.append(slice(start, start + block.dim))
            start += block.dim
        return tuple(result)

    def count(self, irrep: "Irrep | str") -> int:
        """Number of channels of one irrep, over all blocks."""
        irrep = Irrep(irrep)
        return sum(block.channels for block in self.blocks if block.irrep == irrep)

    def sort(self) -> "Irreps":
        """The same blocks in the order of their irreps; equal ones keep their order."""
        blocks = sorted(self.blocks, key=lambda block: block.irrep)
        return Irreps(blocks)

    def simplify(self) -> "Irreps":
        """Blocks sorted, equal irreps merged, empty ones left out."""
        irreps = sorted({block.irrep for block in self.blocks})
        return Irreps((n, irrep) for irrep in irreps if (n := self.count(irrep)))

    def filter(self, keep: Callable[[Irrep], bool]) -> "Irreps":
        """The blocks whose irrep `keep` accepts."""
        return Irreps(block for block in self.blocks if keep(block.irrep))

    def product(self, other: "Irreps | str") -> "Irreps":
        """Irreps of the tensor product, every channel with every channel, simplified."""
        other = Irreps(other)
        return Irreps(
            (a.channels * b.channels, irrep) for a in self for b in other for irrep in a.irrep * b.irrep
        ).simplify()

    def __add__(self, other: "Irreps | str") -> "Irreps":
        return Irreps(self.blocks + Irreps(other).blocks)

    def __mul__(self, times: int) -> "Irreps":
        """The same sum with every number of channels multiplied."""
        if isinstance(times, bool) or not isinstance(times, int) or times < 0:
            raise ValueError(f"irreps can be repeated an integer >= 0 times, not {times!r}")
        return Irreps((times * channels, irrep) for channels, irrep in self.blocks)

    __rmul__ = __mul__

    def __contains__(self, irrep: "Irrep | str") -> bool:
        return self.count(irrep) > 0

    def __iter__(self) -> Iterator[Block]:
        return iter(self.blocks)

    def __len__(self) -> int:
        return len(self.blocks)

    def __getitem__(self, index: int) -> Block:
        return self.blocks[index]

    def __str__(self) -> str:
        return "+".join(str(block) for block in self.blocks)

    def __repr__(self) -> str:
        return str(self)


def _parse(text: str) -> Iterator[Block]:
    if not text.strip(" "):
        return
    for term in text.split("+"):
        match = _TERM.fullmatch(term.strip(" "))
        if match is None:
            raise ValueError(
                f"cannot read {term.strip()!r} in irreps {text!r}: write terms such as '16x0e' or '1o', "
                "joined by '+', with ASCII digits and no signs"
            )
        yield Block(int(match["channels"] or 1), Irrep(match["irrep"]))


def _block(term: Term) -> Block:
    if isinstance(term, (Irrep, str)):
        return Block(1, Irrep(term))
    try:
        channels, irrep = term
    except (TypeError, ValueError):
        raise ValueError(
            f"{term!r} is not a term of irreps: give an irrep or a pair (channels, irrep)"
        ) from None
    if isinstance(channels, bool) or not isinstance(channels, int) or channels < 0:
        raise ValueError(f"a block of irreps has an integer number of channels >= 0, not {channels!r}")
    return Block(channels, Irrep(irrep))
