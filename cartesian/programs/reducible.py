r"""Tensors with all their components, not only the trace-free ones, as straight-line programs.

A tensor of rank $n$ is $3^n$ numbers, and two of them meet by contraction alone: the last $z$ indices of the
left are summed with the first $z$ of the right. With a direction $u$ the right tensor is the power
$u^{\otimes r}$, and all paths into one rank $o$ are summed,

$$M_o = \sum_{i + r - 2z = o} f_{ir o}\; T_i \cdot_z u^{\otimes r}.$$

What is contracted $z$ times with $u$, and multiplied by it $r - z$ times, are few tensors of rank
$k = i - z$. So we contract down, weigh, and multiply up by Horner's rule,

$$\begin{aligned}
  \text{down}\quad & A_{i,i} = T_i, \qquad A_{i,k-1} = A_{i,k} \cdot u \\
  \text{weigh}\quad & B_{o,k} = \sum_i f_{i,\,o+i-2k,\,o}\, A_{i,k} \\
  \text{up}\quad & U_0 = B_{o,0}, \qquad U_k = B_{o,k} + U_{k-1} \otimes u, \qquad M_o = U_o,
\end{aligned}$$

which takes 57 multiplications where the single paths take 91, for all ranks up to 2.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from typing import Literal, NamedTuple

from cartesian.programs.lanes import LaneLeg, Lanes, Recorder, pruned

Sharing = Literal["rank", "path"]
Tensor = list[int]
"""Instructions that give the $3^n$ components of a tensor of rank $n$."""


class RankPath(NamedTuple):
    """A left and a right tensor of these ranks, contracted to one of rank `out`."""

    left: int
    right: int
    out: int

    @property
    def contracted(self) -> int:
        """Number of index pairs summed."""
        return (self.left + self.right - self.out) // 2


def rank_paths(left: int, right: int, out: int) -> tuple[RankPath, ...]:
    """All contractions of tensors of ranks up to `left` and `right` to ranks up to `out`, sorted by the last.

    >>> len(rank_paths(2, 2, 2)), len(rank_paths(0, 2, 2))
    (11, 3)
    """
    found = (
        RankPath(i, r, i + r - 2 * z)
        for i, r in product(range(left + 1), range(right + 1))
        for z in range(min(i, r) + 1)
    )
    return tuple(sorted((path for path in found if path.out <= out), key=lambda path: path[::-1]))


def components(rank: int) -> int:
    """Number of components of one tensor of every rank up to `rank`.

    >>> components(2)
    13
    """
    return sum(3**n for n in range(rank + 1))


class DirectionMessage(NamedTuple):
    r"""Tensors of the senders contracted with powers of the directions, summed at the receivers.

    Attributes:
        channels: Number of channels.
        rank: Largest rank of the tensors.
        edge_rank: Largest power of the direction.
        out_rank: Largest rank of the result.
        sharing: Which contractions have a weight in common: those with the same power $r$ of the direction
            ("rank"), or none ("path").
    """

    channels: int
    rank: int
    edge_rank: int
    out_rank: int
    sharing: Sharing = "rank"

    @property
    def paths(self) -> tuple[RankPath, ...]:
        """The contractions."""
        return rank_paths(self.rank, self.edge_rank, self.out_rank)

    @property
    def weights(self) -> int:
        """Number of weights per edge and channel."""
        return self.edge_rank + 1 if self.sharing == "rank" else len(self.paths)

    @property
    def text(self) -> str:
        """One line that `cartesian.programs.catalog.lanes` reads."""
        return "message " + " ".join(map(str, self))

    def record(self) -> Lanes:
        """The program: weights, tensors and directions to messages."""
        record, number = Recorder(), {path: k for k, path in enumerate(self.paths)}
        direction = [record("load", 2, a) for a in range(3)]
        down = {(i, i): _tensor(record, 1, i) for i in range(self.rank + 1)}
        for i in range(self.rank + 1):
            for k in reversed(range(i)):
                down[i, k] = _contract(record, down[i, k + 1], direction)
        result: list[int | None] = []
        for o in range(self.out_rank + 1):
            up: list[int | None] = []
            for k in range(o + 1):
                up = [x if x is None else record("mul", x, u) for x in up for u in direction] or [None] * 3**k
                for i in range(k, self.rank + 1):
                    path = RankPath(i, o + i - 2 * k, o)
                    if path in number:
                        w = record("load", 0, path.right if self.sharing == "rank" else number[path])
                        terms = [record("mul", w, x) for x in down[i, k]]
                        up = [
                            record.sum(x for x in pair if x is not None)
                            for pair in zip(up, terms, strict=True)
                        ]
            result += up
        legs = (
            LaneLeg("weights", self.weights, "edge"),
            LaneLeg("tensors", components(self.rank), "sender"),
            LaneLeg("directions", 3, "edge", shared=True),
        )
        out = LaneLeg("messages", components(self.out_rank), "receiver")
        return pruned(self.text, legs, (out,), record.instructions, [tuple(result)])


class RankPowers(NamedTuple):
    r"""Products of tensors with themselves, channel by channel.

    $B_1$ are the tensors $M$ themselves; $B_{n+1}$ are all contractions of $B_n$ of a rank $o_1$ with $M$ of
    a rank $o_2 \ge o_1$. Those of one rank stand side by side like channels, `(3^rank, copies × channels)`.

    Attributes:
        channels: Number of channels.
        rank: Largest rank of all tensors.
        factors: Largest number $n$ of factors.
    """

    channels: int
    rank: int
    factors: int

    @property
    def copies(self) -> tuple[int, ...]:
        """Number of products of each rank.

        >>> RankPowers(1, 2, 3).copies
        (12, 8, 12)
        """
        return tuple(len(tensors) for tensors in self._tensors(Recorder()))

    @property
    def text(self) -> str:
        """One line that `cartesian.programs.catalog.lanes` reads."""
        return "powers " + " ".join(map(str, self))

    def _tensors(self, record: Recorder) -> list[list[Tensor]]:
        ones = [_tensor(record, 0, n) for n in range(self.rank + 1)]
        last, every = [[tensor] for tensor in ones], [[tensor] for tensor in ones]
        paths = [path for path in rank_paths(self.rank, self.rank, self.rank) if path.left <= path.right]
        for _ in range(self.factors - 1):
            new: list[list[Tensor]] = [[] for _ in ones]
            for path in paths:
                new[path.out] += [_pair(record, left, ones[path.right], path) for left in last[path.left]]
            last = new
            every = [old + more for old, more in zip(every, new, strict=True)]
        return every

    def record(self) -> Lanes:
        """The program: tensors to products."""
        record = Recorder()
        tensors = self._tensors(record)
        result = tuple(
            tensor[a] for n, copies in enumerate(tensors) for a in range(3**n) for tensor in copies
        )
        leg = LaneLeg("tensors", components(self.rank), "edge")
        return pruned(
            self.text, (leg,), (LaneLeg("products", len(result), "edge"),), record.instructions, [result]
        )


@cache
def lanes(text: str) -> Lanes:
    """The program of a text.

    Examples:
        >>> program = lanes("message 64 2 2 2 rank")
        >>> program.multiply_adds
        57
    """
    kind, *rest = text.split()
    if kind == "powers":
        return RankPowers(*map(int, rest)).record()
    count, rank, edge_rank, out_rank = map(int, rest[:4])
    sharing: Sharing = "path" if rest[4] == "path" else "rank"
    return DirectionMessage(count, rank, edge_rank, out_rank, sharing).record()


def _tensor(record: Recorder, operand: int, rank: int) -> Tensor:
    start = components(rank - 1)
    return [record("load", operand, start + a) for a in range(3**rank)]


def _contract(record: Recorder, tensor: Tensor, direction: Sequence[int]) -> Tensor:
    """The last index summed with the direction."""
    return [_total(record, zip(tensor[a : a + 3], direction, strict=True)) for a in range(0, len(tensor), 3)]


def _pair(record: Recorder, left: Tensor, right: Tensor, path: RankPath) -> Tensor:
    """The last indices of the left summed with the first of the right."""
    inner = 3**path.contracted
    outer = len(right) // inner
    return [
        _total(record, ((left[a * inner + s], right[s * outer + b]) for s in range(inner)))
        for a in range(len(left) // inner)
        for b in range(outer)
    ]


def _total(record: Recorder, pairs: "Iterator[tuple[int, int]] | zip[tuple[int, int]]") -> int:
    total = record.sum(record("mul", x, y) for x, y in pairs)
    assert total is not None
    return total
