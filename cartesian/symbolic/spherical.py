r"""The frame against complex spherical harmonics.

Quantum mechanics takes $z$ as polar axis and the Condon-Shortley phase,
$Y_{\ell m} \propto (-1)^m P_\ell^m(\cos\theta)\, e^{im\varphi}$ for $m \ge 0$ and
$Y_{\ell,-m} = (-1)^m Y_{\ell m}^*$; our frame has the polar axis $y$ and real members. Both are orthonormal
bases of the harmonic polynomials, so one unitary matrix per degree leads from one to the other.
"""

from fractions import Fraction
from functools import cache

from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import ExactTensor, sqrt, sum_parts
from cartesian.symbolic.harmonics import arrangements, frame_polynomials, monomials


@cache
def polar_frame(degree: int) -> ExactTensor:
    r"""The orthogonal matrix from the frame to real harmonics with polar axis $z$.

    Row $m$ belongs to $\cos m\varphi$ ($m \ge 0$) or $\sin |m|\varphi$ ($m < 0$) about $z$, from $x$ towards
    $y$, without Condon-Shortley sign, in the order $m = -\ell, \dots, \ell$.

    Returns:
        Shape `(2ℓ+1, 2ℓ+1)`; contract the last axis with compact components.

    Examples:
        >>> polar_frame(1).latex()  # y, z, x
        '\\begin{pmatrix} 0 & 1 & 0 \\\\ 0 & 0 & 1 \\\\ 1 & 0 & 0 \\end{pmatrix}'
    """
    polynomials = frame_polynomials(degree)
    column = {exponents: k for k, exponents in enumerate(monomials(degree))}
    # (x, y, z) take the roles that (y, z, x) have about the axis y; <p, q> = Σ p q a! b! c! / ℓ!.
    turned = (column[b, c, a] for a, b, c in monomials(degree))
    product = sum_parts(
        (len(column), len(column)),
        (
            (k * len(column) + image, Fraction(1, arrangements(monomials(degree)[k])))
            for k, image in enumerate(turned)
        ),
    )
    return einsum("mq,pq,ap->ma", polynomials, product, polynomials)


@cache
def complex_frame(degree: int) -> ExactTensor:
    r"""The unitary matrix $U_{ma}$ from the frame to complex harmonics with Condon-Shortley phase.

    Components $t_a$ of a tensor become $t_m = \sum_a U_{ma} t_a$, those of $\mathrm{STF}(n^{\otimes\ell})$
    become $\sqrt{4\pi\, \ell!/(2\ell + 1)!!}\; Y_{\ell m}(n)$. A real tensor has $t_{-m} = (-1)^m t_m^*$.

    Returns:
        Shape `(2ℓ+1, 2ℓ+1)`, rows $m = -\ell, \dots, \ell$.

    Source:
        E. U. Condon and G. H. Shortley, The Theory of Atomic Spectra (1935), section 4³.

    Examples:
        >>> complex_frame(1)[2, 0], complex_frame(1)[2, 1]  # t_1 = -(t_x + i t_y) / √2
        (-√2/2, -i√2/2)
    """
    half, imaginary = sqrt(Fraction(1, 2)), sqrt(-1)
    width = 2 * degree + 1
    entries: list[tuple[int, ExactTensor | int]] = [(degree * width + degree, 1)]
    for m in range(1, degree + 1):
        sign = (-1) ** m
        plus, minus = degree + m, degree - m
        entries += [(plus * width + plus, sign * half), (plus * width + minus, sign * half * imaginary)]
        entries += [(minus * width + plus, half), (minus * width + minus, -half * imaginary)]
    return einsum("mn,na->ma", sum_parts((width, width), entries), polar_frame(degree))
