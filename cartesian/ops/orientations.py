r"""The orientation in which a tensor comes closest to a subspace: maximise $|B\, D(R)\, x|^2$ over rotations.

$x$ is a tensor as the flat vector of its irreducible parts, $D(R)$ rotates it, and the rows of $B$ are an
orthonormal basis of the subspace. With

$$D(e^\omega) = 1 + \omega_a L_a + \tfrac12 \omega_a \omega_b L_a L_b + \dots, \qquad
  y = B x, \qquad y_a = B L_a x,$$

half the value, its gradient and its curvature are

$$\tfrac12\, y \cdot y, \qquad y \cdot y_a, \qquad
  y_a \cdot y_b + y \cdot B\, \tfrac12 (L_a L_b + L_b L_a)\, x.$$

Newton steps on the rotation group climb from many starts at once, along the gradient where the
value is not concave, and no further than an angle that shrinks after a step too long.
"""

from functools import cache

import numpy as np

from cartesian.ops.action import act
from cartesian.spec import Irreps
from cartesian.symbolic.coupling import coupling_norm_squared
from cartesian.tables.lookup import coupling

SPREAD = 1024
CLIMBERS = 64


def best_rotation(subspace: np.ndarray, tensor: np.ndarray, irreps: Irreps, hints: np.ndarray) -> np.ndarray:
    r"""The rotation $R$ that brings $D(R)\, x$ closest to a subspace.

    Args:
        subspace: $B$, orthonormal rows `(count, irreps.dim)`.
        tensor: $x$, `(irreps.dim,)`, of unit norm.
        irreps: What the last axes hold.
        hints: Rotations `(starts, 3, 3)` to try besides a spread over all; of equals the first wins.

    Returns:
        Shape `(3, 3)`.

    Examples:
        >>> z = np.array([[0.0, 0.0, 1.0]])
        >>> rotation = best_rotation(z, np.array([0.6, 0.0, 0.8]), Irreps("1o"), np.eye(3)[None])
        >>> np.allclose(rotation @ [0.6, 0.0, 0.8], [0, 0, 1])
        True
    """
    starts = np.concatenate([hints, _spread(SPREAD)])
    values = np.sum((act(starts, tensor, irreps) @ subspace.T) ** 2, axis=1)
    chosen = _leaders(values, CLIMBERS)
    terms = _expansion(subspace, irreps)
    rotations, values = _climbed(starts[chosen], tensor, irreps, terms, steps=8)
    chosen = _leaders(values, CLIMBERS // 8)
    rotations, values = _climbed(rotations[chosen], tensor, irreps, terms, steps=60)
    return rotations[_leaders(values, 1)[0]]


def _leaders(values: np.ndarray, count: int) -> np.ndarray:
    """Where the largest values are, in their order; of values equal to rounding, the first."""
    return np.sort(np.argsort(-values.round(12), kind="stable")[:count])


def _expansion(subspace: np.ndarray, irreps: Irreps) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""$B$, $B L_a$ and $B\,\tfrac12(L_a L_b + L_b L_a)$ on a last axis of features."""
    # L is antisymmetric, so it acts from the right as minus L from the left.
    first = -np.stack([_infinitesimal(subspace, irreps, a) for a in range(3)])
    second = np.stack([-_infinitesimal(first, irreps, b) for b in range(3)], axis=1)
    return subspace, first, (second + second.swapaxes(0, 1)) / 2


def _infinitesimal(features: np.ndarray, irreps: Irreps, axis: int) -> np.ndarray:
    r"""$L_a$ on features: the coupling $\ell \times 1 \to \ell$, with $\sum_a L_a L_a = -\ell(\ell + 1)$."""
    blocks = []
    for where, (channels, irrep) in zip(irreps.slices, irreps, strict=True):
        block = features[..., where].reshape(*features.shape[:-1], irrep.dim, channels)
        matrix = np.zeros((irrep.dim, irrep.dim))
        if l := irrep.degree:
            scale = np.sqrt(l * (l + 1) * (2 * l + 1) / float(coupling_norm_squared(l, 1, l)))
            # The coupling of T and ω is T × ω, a rotation by ω changes T by ω × T.
            matrix = -scale * coupling(l, 1, l)[:, axis, :].T
        blocks.append((matrix @ block).reshape(*features.shape[:-1], irrep.dim * channels))
    return np.concatenate(blocks, axis=-1)


def _climbed(
    rotations: np.ndarray,
    tensor: np.ndarray,
    irreps: Irreps,
    terms: tuple[np.ndarray, np.ndarray, np.ndarray],
    steps: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Rotations after some Newton steps, and their values."""
    subspace, first, second = terms
    turned = act(rotations, tensor, irreps)
    values = np.sum((turned @ subspace.T) ** 2, axis=1)
    reach = np.full(len(rotations), 0.3)
    for _ in range(steps):
        y, slopes = turned @ subspace.T, np.einsum("akd,sd->sak", first, turned)
        gradient = np.einsum("sk,sak->sa", y, slopes)
        curvature = slopes @ slopes.swapaxes(1, 2) + np.einsum("sk,abkd,sd->sab", y, second, turned)
        stiffness, axes = np.linalg.eigh(curvature)
        along = np.einsum("sab,sa->sb", axes, gradient) / np.maximum(np.abs(stiffness), 1e-6)
        step = np.einsum("sab,sb->sa", axes, along)
        length = np.linalg.norm(step, axis=1)
        if length.max() < 1e-12:
            break
        step *= np.minimum(1, reach / np.maximum(length, 1e-300))[:, None]
        trial = _exponential(step) @ rotations
        moved = act(trial, tensor, irreps)
        found = np.sum((moved @ subspace.T) ** 2, axis=1)
        # Near the top, values are equal to rounding while the angle still improves.
        better = found > values - 1e-14
        reach = np.where(better, np.minimum(2 * reach, 0.5), np.minimum(reach, length) / 4)
        rotations = np.where(better[:, None, None], trial, rotations)
        turned = np.where(better[:, None], moved, turned)
        values = np.where(better, found, values)
    return rotations, values


def _exponential(vectors: np.ndarray) -> np.ndarray:
    r"""Rotations by the length of each vector about it.

    $$e^K = 1 + \frac{\sin\varphi}{\varphi} K + \frac{1 - \cos\varphi}{\varphi^2} K^2$$
    """
    angles = np.linalg.norm(vectors, axis=1)[:, None, None]
    cross = np.cross(np.eye(3), vectors[:, None, :])
    return (
        np.eye(3) + np.sinc(angles / np.pi) * cross + np.sinc(angles / (2 * np.pi)) ** 2 / 2 * cross @ cross
    )


@cache
def _spread(count: int) -> np.ndarray:
    """Rotations evenly spread over the group: a super-Fibonacci spiral of quaternions.

    Source: M. Alexa, Super-Fibonacci spirals, Proc. CVPR 2022, Algorithm 1.
    """
    place = np.arange(count) + 0.5
    inner, outer = np.sqrt(place / count), np.sqrt(1 - place / count)
    # √2, and the positive root of ψ⁴ = ψ + 4
    alpha, beta = 2 * np.pi * place / np.sqrt(2), 2 * np.pi * place / 1.533751168755204288118041
    x, y, z, w = inner * np.sin(alpha), inner * np.cos(alpha), outer * np.sin(beta), outer * np.cos(beta)
    vector = np.stack([x, y, z], axis=1)
    cross = np.cross(np.eye(3), vector[:, None, :])
    return np.eye(3) + 2 * w[:, None, None] * cross + 2 * cross @ cross
