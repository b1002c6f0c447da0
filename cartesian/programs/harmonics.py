r"""Harmonics as straight-line programs: all degrees of one vector from its three components.

With $u$ the direction and $m$ the order about the polar axis $y$ of the frame, multiplying by $u_y$
keeps $m$ and couples a harmonic to the degrees above and below. Read upwards,

$$Y^{(\ell+1)}_m = A_{\ell m}\, u_y\, Y^{(\ell)}_m - B_{\ell m}\, u^2\, Y^{(\ell-1)}_m, \qquad |m| \le \ell,$$

and the two members $m = \pm(\ell + 1)$ come from $m = \pm\ell$ and $(u_z, u_x)$, as cosine and sine of a
sum of angles. All factors are components of the exact couplings $\ell \times 1 \to \ell \pm 1$. Everything is
polynomial in $u$: no poles, no angles, derivatives of any order.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Literal, NamedTuple

import numpy as np

from cartesian.programs.lanes import LaneLeg, Lanes, Recorder, differentiate, pruned
from cartesian.symbolic.multipoles import product_coefficient
from cartesian.symbolic.traces import stf_norm_squared
from cartesian.tables.lookup import coupling, made_once

Normalization = Literal["component", "norm", "stf"]
SQUARED_NORMS: dict[str, Callable[[int], int | Fraction]] = {
    "component": lambda degree: 2 * degree + 1,
    "norm": lambda degree: 1,  # noqa: ARG005
    "stf": stf_norm_squared,
}


class Harmonics(NamedTuple):
    """Harmonics of degrees 0 to `max_degree`.

    Attributes:
        max_degree: Largest degree.
        normalization: Squared norm of each degree, as for `cartesian.ops.harmonics`.
        normalize: Whether the vector is divided by its length first.

    Examples:
        >>> program = lanes(Harmonics(4).text)
        >>> program.multiply_adds, lanes(program.text + "|0,").multiply_adds  # values, gradient
        (63, 143)
    """

    max_degree: int
    normalization: Normalization = "component"
    normalize: bool = True

    @property
    def text(self) -> str:
        """One line that `lanes` reads."""
        return f"harmonics {self.max_degree} {self.normalization} {int(self.normalize)}"


@cache
def lanes(text: str) -> Lanes:
    """The program of harmonics given by their text, or of a derivative of it."""
    head, _, last = text.rpartition("|")
    if head:
        wanted, absent = (tuple(int(i) for i in part.split()) for part in last.split(","))
        return differentiate(lanes(head), wanted, absent)
    _, degree, normalization, normalize = text.split()
    return _record(text, Harmonics(int(degree), normalization, bool(int(normalize))))  # type: ignore[arg-type]


def _record(text: str, harmonics: Harmonics) -> Lanes:
    record = Recorder()
    u = [record("load", 0, component) for component in range(3)]
    if harmonics.normalize:
        inverse = record("inverse", 0, 0)
        u = [record("mul", component, inverse) for component in u]
    x, y, z = u
    one = record.constant(1.0)

    def times(*factors: int) -> int:
        product = one
        for factor in factors:
            product = (
                factor if product == one else product if factor == one else record("mul", product, factor)
            )
        return product

    def numbers(table: np.ndarray) -> list[int]:
        return [record.constant(float(value)) for value in table]

    squared = record.sum(times(component, component) for component in u)
    assert squared is not None
    below: list[int] = []
    here = [one]
    results: list[int | None] = [one]
    for degree in range(harmonics.max_degree):
        up, down, edges = factors(degree, harmonics.normalization)
        (edge,) = numbers(edges)
        inner = [times(times(a, y), value) for a, value in zip(numbers(up), here, strict=True)]
        for k, (b, value) in enumerate(zip(numbers(-down), below, strict=True), start=1):
            # u² of a direction is 1; of the zero vector it is 0, and so is everything above degree 0.
            known = harmonics.normalize and value != one
            inner[k] = record("add", inner[k], times(b, value) if known else times(times(b, squared), value))
        if degree:
            sine = record("add", times(x, here[-1]), times(z, here[0]))
            cosine = record("add", times(z, here[-1]), times(record.constant(-1.0), times(x, here[0])))
        else:
            sine, cosine = x, z
        below, here = here, [times(edge, sine), *inner, times(edge, cosine)]
        results += here
    size = (harmonics.max_degree + 1) ** 2
    legs = (LaneLeg("vectors", 3, "row"),), (LaneLeg("harmonics", size, "row"),)
    return pruned(text, *legs, record.instructions, [tuple(results)], record.constants)


@made_once
def factors(degree: int, normalization: Normalization) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""A and B of the recursion, and the factor of the members $m = \pm(\ell + 1)$.

    With $Y^{(\ell)} = \mathrm{STF}(u^{\otimes\ell})$ and $\gamma$ from `product_coefficient`,
    $u_i Y^{(\ell)}_a = c_{aio} Y^{(\ell+1)}_o + \gamma\, c'_{aio}\, u^2\, Y^{(\ell-1)}_o$, couplings natural.
    """
    y, z = 1, 2
    above = coupling(degree, 1, degree + 1)
    diagonal = above[:, y, 1:-1].diagonal()
    scale = [_scale(normalization, n) for n in range(degree + 2)]
    up = scale[degree + 1] / scale[degree] / diagonal
    edge = scale[degree + 1] / scale[degree] * above[-1:, z, -1]
    if degree == 0:
        return up, np.zeros(0), edge
    gamma = float(product_coefficient(degree, 1, degree - 1))
    below = coupling(degree, 1, degree - 1)[1:-1, y, :].diagonal()
    return up, scale[degree + 1] / scale[degree - 1] * gamma * below / diagonal[1:-1], edge


def _scale(normalization: Normalization, degree: int) -> float:
    return math.sqrt(SQUARED_NORMS[normalization](degree) / stf_norm_squared(degree))
