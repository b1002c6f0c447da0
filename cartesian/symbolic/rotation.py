r"""Exact rotations and their matrices on compact tensors.

An orthogonal matrix $R$ takes an STF tensor to $T'_{i\dots} = R_{ij} \cdots T_{j\dots}$, and its compact
components to $D^{(\ell)}(R)\, t$. The coupling $c$ of $\ell \times 1 \to \ell + 1$ is an isometry, so
from degree to degree

$$D^{(\ell+1)}_{po} = c_{bjp}\, D^{(\ell)}_{ba}\, R_{ji}\, c_{aio}.$$
"""

from fractions import Fraction

from cartesian.symbolic.coupling import compact_coupling
from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import ExactTensor, exact


def cayley(x: int | Fraction, y: int | Fraction, z: int | Fraction) -> ExactTensor:
    r"""A rational rotation from any rational vector.

    With $A$ the cross-product matrix of $a = (x, y, z)$, the rotation $(1 + A)(1 - A)^{-1}$ about $a$ by the
    angle $2 \arctan |a|$; all rational rotations but half turns are of this form:

    $$R = \frac{(1 - a^2)\, 1 + 2\, a \otimes a + 2 A}{1 + a^2}.$$

    Examples:
        >>> cayley(0, 0, 1)[0, 1], cayley(0, 0, Fraction(1, 2))[0, 0]  # a quarter turn; cos = 3/5
        (-1, 3/5)
    """
    a = [Fraction(x), Fraction(y), Fraction(z)]
    squared = a[0] ** 2 + a[1] ** 2 + a[2] ** 2
    cross: list[list[int | Fraction]] = [[0, -a[2], a[1]], [a[2], 0, -a[0]], [-a[1], a[0], 0]]
    return exact(
        [
            [((1 - squared) * (i == j) + 2 * a[i] * a[j] + 2 * cross[i][j]) / (1 + squared) for j in range(3)]
            for i in range(3)
        ]
    )


def wigner(degree: int, matrix: ExactTensor) -> ExactTensor:
    r"""The matrix $D^{(\ell)}(R)$ of an exact orthogonal matrix on compact tensors, natural parity.

    Args:
        degree: $\ell \ge 0$.
        matrix: $R$, shape `(3, 3)`, a rotation or a reflection.

    Returns:
        Shape `(2ℓ+1, 2ℓ+1)`; contract the last axis with compact components.

    Raises:
        ValueError: If the matrix is not orthogonal, or the degree negative.

    Examples:
        >>> wigner(1, cayley(1, 0, 0)) == cayley(1, 0, 0)  # the frame of degree 1 is (x, y, z)
        True
    """
    if degree < 0:
        raise ValueError(f"a tensor has a degree >= 0, not {degree}")
    identity = exact([[int(i == j) for j in range(3)] for i in range(3)])
    if matrix.shape != (3, 3) or einsum("ik,jk->ij", matrix, matrix) != identity:
        raise ValueError(
            f"the action needs an orthogonal matrix of shape (3, 3), R Rᵀ = 1; {matrix!r} is none"
        )
    result = exact([[1]])
    for below in range(degree):
        coupling = compact_coupling(below, 1, below + 1)
        result = einsum("bjp,ba,ji,aio->po", coupling, result, matrix, coupling)
    return result
