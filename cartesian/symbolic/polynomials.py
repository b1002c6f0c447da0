r"""Arrays of homogeneous polynomials in $x$, $y$, $z$ with exact coefficients.

All components of an array have one degree $n$, so an array is a matrix of coefficients over the
monomials $x^a y^b z^c$, $a + b + c = n$, in the order of `monomials`. Products and derivatives are
contractions with the structure constants of the monomials, and nothing is ever rounded.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import ExactTensor, sum_parts
from cartesian.symbolic.harmonics import Exponents, arrangements, monomials

if TYPE_CHECKING:
    import sympy


@dataclass(frozen=True, slots=True, repr=False)
class Polynomials:
    """An immutable array of homogeneous polynomials of one degree.

    Args:
        degree: Degree $n$ of every component.
        coefficients: Shape `(..., monomials)`, the last axis over `monomials(degree)`.

    Raises:
        ValueError: If the last axis does not have one entry per monomial.

    Examples:
        >>> from cartesian.symbolic.harmonics import frame_polynomials
        >>> print(Polynomials(2, frame_polynomials(2)).text)
        √2 x z
        √2 x y
        -√6/6 x² + √6/3 y² - √6/6 z²
        √2 y z
        -√2/2 x² + √2/2 z²
    """

    degree: int
    coefficients: ExactTensor

    def __post_init__(self) -> None:
        expected, shape = len(monomials(self.degree)), self.coefficients.shape
        if not shape or shape[-1] != expected:
            raise ValueError(
                f"coefficients of shape {shape} do not fit degree {self.degree}: "
                f"the last axis must have one entry for each of the {expected} monomials"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array of polynomials."""
        return self.coefficients.shape[:-1]

    # --- arithmetic

    def __add__(self, other: "Polynomials") -> "Polynomials":
        if self.degree != other.degree:
            raise ValueError(
                f"the sum of polynomials of degrees {self.degree} and {other.degree} is not homogeneous; "
                "degrees must be equal"
            )
        return Polynomials(self.degree, self.coefficients + other.coefficients)

    def __sub__(self, other: "Polynomials") -> "Polynomials":
        return self + other * -1

    def __mul__(self, number: Any) -> "Polynomials":
        """Every component times an exact number; for products of polynomials use `outer`."""
        return Polynomials(self.degree, self.coefficients * number)

    __rmul__ = __mul__

    def outer(self, other: "Polynomials") -> "Polynomials":
        """Product of every component with every component of `other`, shape `(*self, *other)`."""
        degree = self.degree + other.degree
        coefficients = einsum(
            "ap,pqr,bq->abr", self._matrix(), _multiplication(self.degree, other.degree), other._matrix()
        )
        return Polynomials(degree, coefficients.reshape(*self.shape, *other.shape, len(monomials(degree))))

    def times_radius_squared(self, power: int = 1) -> "Polynomials":
        r"""Every component times $(x^2 + y^2 + z^2)^{\mathrm{power}}$."""
        column = {exponents: k for k, exponents in enumerate(monomials(2 * power))}
        radius = sum_parts(
            (len(column),),
            ((column[2 * a, 2 * b, 2 * c], arrangements((a, b, c))) for a, b, c in monomials(power)),
        )
        return self.outer(Polynomials(2 * power, radius))

    def gradient(self) -> "Polynomials":
        """Derivatives along x, y, z as a last axis, shape `(*shape, 3)`; those of constants are 0."""
        coefficients = einsum("ap,piq->aiq", self._matrix(), _derivative(self.degree))
        return Polynomials(
            max(self.degree - 1, 0), coefficients.reshape(*self.shape, *coefficients.shape[1:])
        )

    def laplacian(self) -> "Polynomials":
        """Sum of the second derivatives along x, y, z."""
        second = self.gradient().gradient()
        matrix = second.coefficients.reshape(prod(self.shape), 3, 3, second.coefficients.shape[-1])
        coefficients = einsum("aiip->ap", matrix)
        return Polynomials(second.degree, coefficients.reshape(*self.shape, coefficients.shape[-1]))

    # --- renderings

    def evaluate(self, vectors: Any) -> Any:
        """Values at vectors.

        Args:
            vectors: `(..., 3)`, any array of real numbers, or an exact tensor of shape `(3,)`.

        Returns:
            `(..., *shape)` in float64; for an exact vector an exact tensor of shape `shape`.

        Raises:
            ValueError: If the last axis does not have the three components x, y, z.
        """
        if isinstance(vectors, ExactTensor):
            if vectors.shape != (3,):
                raise ValueError(f"an exact vector has shape (3,), not {vectors.shape}")
            powers = sum_parts(
                (len(monomials(self.degree)),),
                (
                    (k, vectors[0] ** a * vectors[1] ** b * vectors[2] ** c)
                    for k, (a, b, c) in enumerate(monomials(self.degree))
                ),
            )
            return einsum("ap,p->a", self._matrix(), powers).reshape(*self.shape)
        vectors = np.asarray(vectors, dtype=np.float64)
        if not vectors.ndim or vectors.shape[-1] != 3:
            raise ValueError(f"vectors have three components on their last axis, not shape {vectors.shape}")
        values = np.prod(vectors[..., None, :] ** np.array(monomials(self.degree)), axis=-1)
        return (values @ self._matrix().numpy().T).reshape(*vectors.shape[:-1], *self.shape)

    def sympy(self, x: Any = None, y: Any = None, z: Any = None) -> "sympy.NDimArray | sympy.Expr":
        """SymPy expressions in `x`, `y`, `z`, by default real symbols of these names."""
        import sympy

        names = sympy.symbols("x y z", real=True)
        symbols = [
            name if given is None else sympy.sympify(given)
            for name, given in zip(names, (x, y, z), strict=True)
        ]
        monomial = [
            prod(s**e for s, e in zip(symbols, exponents, strict=True))
            for exponents in monomials(self.degree)
        ]
        values = [sympy.Integer(0)] * prod(self.shape)
        for (row, column), coefficient in self._matrix().entries():
            values[row] += coefficient.sympy() * monomial[column]
        return sympy.ImmutableDenseNDimArray(values, self.shape) if self.shape else values[0]

    def latex(self) -> str:
        r"""LaTeX: a polynomial, a column or matrix up to two axes, else the nonzero components one by one."""
        cells = [_rendered(terms, ExactTensor.latex, _latex_monomial) for terms in self._terms()]
        if not self.shape:
            return cells[0]
        if len(self.shape) <= 2:
            width = self.shape[1] if len(self.shape) == 2 else 1
            lines = [" & ".join(cells[row * width : (row + 1) * width]) for row in range(self.shape[0])]
            return r"\begin{pmatrix} " + r" \\ ".join(lines) + r" \end{pmatrix}"
        named = zip(np.ndindex(self.shape), cells, strict=True)
        return r",\quad ".join(f"P_{{{','.join(map(str, i))}}} = {c}" for i, c in named if c != "0") or "0"

    @property
    def text(self) -> str:
        """Plain text, one component a line."""
        return "\n".join(_rendered(terms, str, _text_monomial) for terms in self._terms())

    def __repr__(self) -> str:
        return f"Polynomials(degree={self.degree}, shape={self.shape})"

    # --- private

    def _matrix(self) -> ExactTensor:
        return self.coefficients.reshape(prod(self.shape), len(monomials(self.degree)))

    def _terms(self) -> Iterator[list[tuple[ExactTensor, Exponents]]]:
        """Coefficients and exponents of each component, powers of x first."""
        terms: list[list[tuple[ExactTensor, Exponents]]] = [[] for _ in range(prod(self.shape))]
        for (row, column), coefficient in self._matrix().entries():
            terms[row].insert(0, (coefficient, monomials(self.degree)[column]))
        return iter(terms)


@cache
def _derivative(degree: int) -> ExactTensor:
    """Structure constants of ∂, shape `(monomials, 3, monomials of one degree less)`."""
    lower = {exponents: k for k, exponents in enumerate(monomials(max(degree - 1, 0)))}
    width = len(lower)
    entries = []
    for row, exponents in enumerate(monomials(degree)):
        for axis, power in enumerate(exponents):
            if power:
                a, b, c = (e - (k == axis) for k, e in enumerate(exponents))
                entries.append(((row * 3 + axis) * width + lower[a, b, c], power))
    return sum_parts((len(monomials(degree)), 3, width), entries)


@cache
def _multiplication(left: int, right: int) -> ExactTensor:
    """Structure constants of the product, shape `(monomials, monomials, monomials)`."""
    column = {exponents: k for k, exponents in enumerate(monomials(left + right))}
    shape = (len(monomials(left)), len(monomials(right)), len(column))
    return sum_parts(
        shape,
        (
            ((i * shape[1] + j) * shape[2] + column[a + d, b + e, c + f], 1)
            for i, (a, b, c) in enumerate(monomials(left))
            for j, (d, e, f) in enumerate(monomials(right))
        ),
    )


def _rendered(
    terms: list[tuple[ExactTensor, Exponents]],
    number: Callable[[ExactTensor], str],
    monomial: Callable[[Exponents], str],
) -> str:
    text = ""
    for coefficient, exponents in terms:
        factor, rest = number(coefficient), monomial(exponents)
        negative = factor.startswith("-") and len(coefficient.radicands) == 1
        factor = factor[1:] if negative else factor
        factor = f"({factor})" if len(coefficient.radicands) > 1 else factor
        body = " ".join(part for part in ("" if factor == "1" and rest else factor, rest) if part)
        text += f" {'-' if negative else '+'} {body}" if text else f"{'-' if negative else ''}{body}"
    return text or "0"


def _latex_monomial(exponents: Exponents) -> str:
    powers = zip("xyz", exponents, strict=True)
    return " ".join(name if power == 1 else f"{name}^{{{power}}}" for name, power in powers if power)


def _text_monomial(exponents: Exponents) -> str:
    powers = zip("xyz", exponents, strict=True)
    return " ".join(name if power == 1 else f"{name}{superscript(power)}" for name, power in powers if power)


def superscript(number: int) -> str:
    """The digits of a number as superscripts."""
    return str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
