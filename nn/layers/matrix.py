r"""Matrices $X = I\,1 + A + S$ of every channel, stored by their parts: 1 + 3 + 5 numbers.

The parts are those of degree 0, 1 and 2: the trace, a vector $a$ whose antisymmetric matrix $[a]_\times$ maps
$b$ to $a \times b$, and the symmetric trace-free part. Flat features are blocks `(1, channels)`,
`(3, channels)`, `(5, channels)`. They stand in an orthonormal basis $B_o$ of matrices, so that the squared
norm $\lVert X \rVert^2 = \mathrm{tr}\, X X^T$ is the sum of the squares of the nine numbers:

$$B^{(0)} = 1 / \sqrt 3, \qquad B^{(1)}_o = [e_o]_\times / \sqrt 2, \qquad B^{(2)}_o = f_o.$$

**Parity.** If $a$ is a polar vector, as for matrices made from directions, inversion transposes $X$. The
product $YM$ then has no parity; the sum $YM + MY$ has, since it commutes with transposition. It consists
of the paths of $2YM$ that conserve parity.
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from cartesian.kernels.arrays import constant
from cartesian.ops.harmonics import harmonics
from cartesian.ops.product import product
from cartesian.programs.build import product as build
from cartesian.spec import Irreps
from cartesian.symbolic.coupling import compact_coupling, coupling_norm_squared
from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import ExactTensor, sqrt
from cartesian.tables.lookup import made_once

DEGREES = (0, 1, 2)


def matrix_irreps(channels: int, parity: int = -1) -> Irreps:
    """Irreps of matrices: `0e + 1o + 2e` if the vector is polar, `0e + 1e + 2e` if parity does not count.

    >>> matrix_irreps(8)
    8x0e+8x1o+8x2e
    """
    return channels * Irreps.harmonics(2, parity)


def to_matrices(features: Tensor) -> Tensor:
    """Full matrices `(..., 3, 3, channels)` of features `(..., 9 channels)`.

    >>> vector = torch.tensor([0.0, 0.0, 0.0, 2**0.5, 0.0, 0.0, 0.0, 0.0, 0.0])
    >>> to_matrices(vector)[..., 0].round()  # z × x = y, z × y = -x
    tensor([[ 0., -1.,  0.], [ 1.,  0.,  0.], [ 0.,  0.,  0.]])
    """
    return torch.einsum("aij,...ac->...ijc", constant(_basis(), features), _components(features))


def from_matrices(matrices: Tensor) -> Tensor:
    """Features `(..., 9 channels)` of matrices `(..., 3, 3, channels)`, the inverse of `to_matrices`."""
    return torch.einsum("aij,...ijc->...ac", constant(_basis(), matrices), matrices).flatten(-2)


def from_directions(vectors: Tensor) -> Tensor:
    r"""The matrices $1$, $[u]_\times$ and $u u^T - 1/3$ of directions, one as each part, `(..., 9)`.

    Args:
        vectors: `(..., 3)`; the zero vector has no direction and only the first matrix.
    """
    return harmonics(vectors, 2, "stf") * constant(_lengths(), vectors)


def matrix_norms(features: Tensor) -> Tensor:
    r"""Squared norms $\lVert X \rVert^2$ of every channel, `(..., channels)`."""
    return _components(features).square().sum(-2)


def rescale_matrices(features: Tensor) -> Tensor:
    r"""Matrices $X / (\lVert X \rVert^2 + 1)$, whose norm is at most 1/2."""
    components = _components(features)
    return (components / (components.square().sum(-2, keepdim=True) + 1)).flatten(-2)


class MatrixProduct(nn.Module):
    r"""Product of matrices, channel by channel.

    $$\tfrac s2 (Y M + M Y), \qquad \text{or } s\, Y M \text{ if parity does not count}$$

    Args:
        channels: Number of channels.
        factor: $s$.
        parity: -1 if the vector parts are polar; then the product conserves parity.

    Shape:
        Twice `(nodes, 9 channels)` to `(nodes, 9 channels)`.

    Examples:
        >>> cross = from_matrices(torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 0]])[None, ..., None])
        >>> to_matrices(MatrixProduct(1)(cross, cross))[0, :, :, 0].abs()  # z × (z × b)
        tensor([[1., 0., 0.], [0., 1., 0.], [0., 0., 0.]])
    """

    def __init__(self, channels: int, factor: float = 1.0, parity: int = -1) -> None:
        super().__init__()
        irreps = matrix_irreps(channels, parity)
        self.factor, self.channels = float(factor), channels
        self.program = build(irreps, irreps, irreps, "summed", "natural")
        self.paths = tuple(term.degrees for term in self.program.form.terms)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """The product of `left` and `right`."""
        weights = self.factor * constant(_coefficients(self.paths), left).repeat_interleave(self.channels)
        out: Tensor = product(self.program, left, right, weights)
        return out

    def extra_repr(self) -> str:
        """Channels, factor and number of paths."""
        return f"{self.channels}, factor={self.factor:g}, {len(self.paths)} paths"


class MatrixLinear(nn.Module):
    """Mix the channels of the three parts, each by weights of its own, without bias.

    The weights start as those of `torch.nn.Linear` do.

    Args:
        channels: Number of channels, in and out.

    Shape:
        `(..., 9 channels)`, in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.parts = nn.ModuleList(nn.Linear(channels, channels, bias=False) for _ in DEGREES)

    def forward(self, features: Tensor) -> Tensor:
        """Mix the channels."""
        blocks = torch.split(_components(features), [2 * l + 1 for l in DEGREES], dim=-2)
        mixed = [part(block) for part, block in zip(self.parts, blocks, strict=True)]
        return torch.cat(mixed, -2).flatten(-2)


def _components(features: Tensor) -> Tensor:
    if features.shape[-1] % 9:
        raise ValueError(
            f"features of matrices have 9 numbers per channel; {features.shape[-1]} is no multiple"
        )
    return torch.unflatten(features, -1, (9, features.shape[-1] // 9))


@cache
def _part(degree: int) -> ExactTensor:
    """The orthonormal matrices of one degree, `(2ℓ+1, 3, 3)`: two vectors coupled to that degree."""
    # The coupling to degree 1 maps b, c to b × c, so its matrices are those of -[e]×.
    matrices = compact_coupling(1, 1, degree).transpose(2, 0, 1) / _length(degree)
    return -matrices if degree == 1 else matrices


def _length(degree: int) -> ExactTensor:
    return sqrt(coupling_norm_squared(1, 1, degree) / (2 * degree + 1))


@made_once
def _basis() -> np.ndarray:
    return np.concatenate([_part(degree).numpy() for degree in DEGREES])


@made_once
def _lengths() -> np.ndarray:
    """Norms of $1$, of $[u]_×$, and of $u u^T - 1/3$ over that of itself."""
    return np.concatenate([np.full(2 * degree + 1, float(_length(degree))) for degree in DEGREES])


@made_once
def _coefficients(paths: tuple[tuple[int, int, int], ...]) -> np.ndarray:
    """What each natural coupling contributes to the matrix product."""
    return np.array([float(_coefficient(*path)) for path in paths])


@cache
def _coefficient(left: int, right: int, out: int) -> ExactTensor:
    matrices = [_part(degree) for degree in (left, right, out)]
    total = einsum("aij,bjk,oik,abo->", *matrices, compact_coupling(left, right, out))
    return total / coupling_norm_squared(left, right, out)
