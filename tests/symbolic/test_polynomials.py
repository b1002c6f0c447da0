from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import exact, sqrt
from cartesian.symbolic.harmonics import frame_polynomials, monomials
from cartesian.symbolic.polynomials import Polynomials

fractions = st.fractions(-3, 3, max_denominator=4)
points = st.tuples(fractions, fractions, fractions).map(lambda point: exact(list(point)))


@st.composite
def polynomials(draw, rows=2, largest=3):
    degree = draw(st.integers(0, largest))
    row = st.lists(fractions, min_size=len(monomials(degree)), max_size=len(monomials(degree)))
    return Polynomials(degree, exact([draw(row) for _ in range(rows)]))


@settings(max_examples=30)
@given(polynomials(), polynomials(rows=3), points)
def test_values_of_products_are_products_of_values(left, right, point):
    values = left.outer(right).evaluate(point)
    assert values.shape == (2, 3)
    for a in range(2):
        for b in range(3):
            assert values[a, b] == left.evaluate(point)[a] * right.evaluate(point)[b]


@settings(max_examples=30)
@given(polynomials(), st.integers(0, 2), points)
def test_the_radius_multiplies_values_by_its_power(array, power, point):
    squared = point.norm_squared()
    assert array.times_radius_squared(power).evaluate(point) == squared**power * array.evaluate(point)


@settings(max_examples=20)
@given(polynomials(largest=4))
def test_derivatives_and_rendering_are_those_of_sympy(array):
    sympy = pytest.importorskip("sympy")
    x, y, z = sympy.symbols("a b c")
    ours, gradient, laplacian = (p.sympy(x, y, z) for p in (array, array.gradient(), array.laplacian()))
    for row in range(2):
        for axis, symbol in enumerate((x, y, z)):
            assert sympy.expand(sympy.diff(ours[row], symbol) - gradient[row, axis]) == 0
        theirs = sum(sympy.diff(ours[row], symbol, 2) for symbol in (x, y, z))
        assert sympy.expand(theirs - laplacian[row]) == 0


@settings(max_examples=30)
@given(polynomials(), points)
def test_float_values_are_the_exact_ones(array, point):
    np.testing.assert_allclose(
        array.evaluate(point.numpy()[None, :]), array.evaluate(point).numpy()[None, :], atol=1e-10
    )


@settings(max_examples=30)
@given(polynomials())
def test_a_homogeneous_polynomial_is_an_eigenfunction_of_r_times_the_gradient(array):
    place = Polynomials(1, exact([[0, 0, 1], [0, 1, 0], [1, 0, 0]]))
    product = array.gradient().outer(place)
    euler = einsum("aiip->ap", product.coefficients)
    if array.degree:
        assert Polynomials(product.degree, euler) == array.degree * array
    else:
        assert euler.is_zero


def test_sums_are_of_one_degree():
    line, square = (Polynomials(n, frame_polynomials(n)) for n in (1, 2))
    assert (line + line - line) == line
    with pytest.raises(ValueError, match=r"degrees 1 and 2 is not homogeneous"):
        line + square


def test_formulas_are_readable():
    row = exact([[0, 0, 0, Fraction(-1, 2), 0, 1], [0] * 6])
    array = Polynomials(2, row)
    assert array.text == "x² - 1/2 x z\n0"
    assert array.latex() == r"\begin{pmatrix} x^{2} - \frac{1}{2} x z \\ 0 \end{pmatrix}"
    number = Polynomials(0, exact([1]) * (1 + sqrt(2)))
    assert number.text == "(1+√2)"
    assert Polynomials(0, exact([-1])).text == "-1"
    assert repr(array) == "Polynomials(degree=2, shape=(2,))"


def test_impossible_shapes_are_refused():
    with pytest.raises(ValueError, match=r"do not fit degree 2: .* one entry for each of the 6 monomials"):
        Polynomials(2, exact([1, 2, 3]))
    with pytest.raises(ValueError, match=r"three components on their last axis, not shape \(2,\)"):
        Polynomials(1, exact([1, 2, 3])).evaluate([1.0, 2.0])
    with pytest.raises(ValueError, match=r"an exact vector has shape \(3,\), not \(2,\)"):
        Polynomials(1, exact([1, 2, 3])).evaluate(exact([1, 2]))
