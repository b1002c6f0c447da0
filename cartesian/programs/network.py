r"""Tensor networks: what a formula such as `ij,jk->ik` says about its operands.

A network is a list of terms, each a node with one letter per axis, and the letters of its result; letters
that the result does not have are summed. Nodes are values: an operand, an exact constant, or a step
that contracts other nodes. Two equal nodes are the same intermediate, which is how it is found once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any, NamedTuple

from cartesian.programs.formula import Shape, relabelled
from cartesian.symbolic.exact import ExactTensor


@dataclass(frozen=True)
class Stf:
    r"""A declared operand: symmetric and trace-free in `degree` neighbouring axes, stored compactly.

    A formula gives it one index per Cartesian axis, as if it were stored in full,
    `(*before, 3, …, 3, *after)`; the array itself has the $2\ell + 1$ components in the frame,
    `(*before, 2ℓ+1, *after)`.

    Args:
        degree: Number of Cartesian axes, $\ell \ge 0$.
        before, after: Lengths of the other axes.

    Raises:
        ValueError: If `degree` is not an integer $\ge 0$ or a length is not.
    """

    degree: int
    before: Shape = ()
    after: Shape = ()

    def __post_init__(self) -> None:
        if not _is_length(self.degree):
            raise ValueError(f"an STF operand has an integer degree >= 0, not {self.degree!r}")
        object.__setattr__(self, "before", _lengths(self.before))
        object.__setattr__(self, "after", _lengths(self.after))

    @property
    def shape(self) -> Shape:
        """Lengths of the axes of the array."""
        return (*self.before, 2 * self.degree + 1, *self.after)

    @property
    def full_shape(self) -> Shape:
        """Lengths of the axes a formula names."""
        return (*self.before, *[3] * self.degree, *self.after)


Operand = Shape | Stf | ExactTensor


@dataclass(frozen=True)
class Variable:
    """The operand at a position, known when the path is run."""

    position: int
    shape: Shape
    is_constant = False


@dataclass(frozen=True)
class Constant:
    """An exact tensor."""

    tensor: ExactTensor
    is_constant = True

    @property
    def shape(self) -> Shape:
        """Lengths of the axes."""
        return self.tensor.shape


@dataclass(frozen=True)
class Step:
    """One contraction.

    Attributes:
        formula: What is contracted, in letters a, b, c, … of its own.
        inputs: The nodes that are contracted.
        label: The same formula in the letters of the user.
    """

    formula: str
    inputs: tuple["Node", ...]
    label: str = field(compare=False)

    @cached_property
    def shape(self) -> Shape:
        """Lengths of the axes of the result."""
        return tuple(self._lengths[letter] for letter in self.formula.partition("->")[2])

    @cached_property
    def operations(self) -> int:
        """Multiplications and additions; zeros of constants are skipped.

        Counted as opt_einsum does: the number of products of one entry per input, times the number of
        inputs less one, plus one if something is summed. Constant steps and transpositions cost nothing.
        """
        left, _, out = self.formula.partition("->")
        groups = left.split(",")
        if self.is_constant or (len(groups) == 1 and sorted(left) == sorted(out)):
            return 0
        products = 1
        covered: set[str] = set()
        for letters, node in zip(groups, self.inputs, strict=True):
            if isinstance(node, Constant) and covered.isdisjoint(letters):
                products *= node.tensor.nnz
                covered |= set(letters)
        products *= prod(length for letter, length in self._lengths.items() if letter not in covered)
        return products * (max(1, len(groups) - 1) + (len(self._lengths) > len(out)))

    @cached_property
    def is_constant(self) -> bool:
        """Whether all inputs are constant, so that it is computed once and for all."""
        return all(node.is_constant for node in self.inputs)

    @cached_property
    def _lengths(self) -> dict[str, int]:
        groups = self.formula.partition("->")[0].split(",")
        return {
            letter: length
            for letters, node in zip(groups, self.inputs, strict=True)
            for letter, length in zip(letters, node.shape, strict=True)
        }


Node = Variable | Constant | Step


class Term(NamedTuple):
    """A node and the letters of its axes."""

    node: Node
    letters: str


def contraction(terms: Sequence[Term], kept: str) -> Step:
    """The step that contracts terms and keeps some of their letters."""
    inputs = [letters for _, letters in terms]
    label = f"{','.join(inputs)}->{kept}"
    return Step(relabelled(inputs, kept), tuple(node for node, _ in terms), label)


class Network(NamedTuple):
    """Terms and the letters of the result."""

    terms: tuple[Term, ...]
    out: str


def operand(value: Any) -> Operand:
    """What is known of an operand: a shape, a declared STF tensor, or an exact constant.

    Raises:
        TypeError: If the value is none of these and has no shape.
    """
    if isinstance(value, (Stf, ExactTensor)):
        return value
    if isinstance(tensor := getattr(value, "tensor", None), ExactTensor):
        return tensor
    shape = getattr(value, "shape", value)
    if isinstance(shape, (tuple, list)):
        return _lengths(shape)
    raise TypeError(
        f"an operand of a contraction is an array, a shape, an STF declaration or an exact tensor, "
        f"not {value!r}"
    )


def _is_length(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _lengths(shape: Sequence[Any]) -> Shape:
    for length in shape:
        if not _is_length(length):
            raise ValueError(f"a shape holds integers >= 0, not {length!r} as in {tuple(shape)}")
    return tuple(shape)
