from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartesian.symbolic.coupling import compact_coupling
from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import exact
from cartesian.symbolic.harmonics import frame
from cartesian.symbolic.multipoles import (
    harmonic,
    legendre,
    multipole_derivative,
    parallel_coefficient,
    product_coefficient,
)
from cartesian.symbolic.polynomials import Polynomials

PLACE = harmonic(1).full
fractions = st.fractions(-3, 3, max_denominator=4)
points = st.tuples(fractions, fractions, fractions).map(lambda point: exact(list(point)))


@st.composite
def triangles(draw, largest):
    left, right = draw(st.integers(0, largest)), draw(st.integers(0, largest))
    return left, right, draw(st.integers(abs(left - right), left + right))


def coupled(coupling, left, right):
    """Two arrays of polynomials, coupled component by component."""
    product = left.outer(right)
    return Polynomials(product.degree, einsum("abo,abp->op", coupling, product.coefficients))


@pytest.mark.parametrize("degree", range(9))
def test_harmonics_have_no_laplacian(degree):
    assert harmonic(degree).compact.laplacian().coefficients.is_zero


@pytest.mark.parametrize("degree", range(5))
def test_the_full_form_is_the_compact_one_in_the_frame(degree):
    axes = "ijklmn"[:degree]
    compact, full = harmonic(degree).compact.coefficients, harmonic(degree).full.coefficients
    assert einsum(f"a{axes},ap->{axes}p", frame(degree), compact) == full


# Reference values: "STF projector".
@pytest.mark.parametrize(
    ("degree", "norm"), [(2, (2, 3)), (3, (2, 5)), (4, (8, 35)), (6, (16, 231)), (8, (128, 6435))]
)
def test_the_squared_norm_on_the_sphere_is_the_published_one(degree, norm):
    assert harmonic(degree).norm_squared == Fraction(*norm)
    value = harmonic(degree).evaluate(exact([Fraction(2, 3), Fraction(-1, 3), Fraction(2, 3)]))
    assert value.norm_squared() == Fraction(*norm)


@given(st.integers(0, 8))
def test_the_next_harmonic_is_the_coupling_with_the_vector(degree):
    coupling = compact_coupling(degree, 1, degree + 1)
    product = coupled(coupling, harmonic(degree).compact, harmonic(1).compact)
    assert product == harmonic(degree + 1).compact


@given(st.integers(1, 8))
def test_the_gradient_is_the_coupling_with_the_degree_below(degree):
    coupling, below = compact_coupling(degree - 1, 1, degree), harmonic(degree - 1).compact
    assert harmonic(degree).gradient().coefficients == degree * einsum(
        "aio,ap->oip", coupling, below.coefficients
    )


@given(triangles(4))
def test_two_harmonics_of_one_vector_couple_to_a_multiple_of_the_third(degrees):
    left, right, out = degrees
    result = coupled(compact_coupling(*degrees), harmonic(left).compact, harmonic(right).compact)
    pairs, odd = divmod(left + right - out, 2)
    if odd:
        assert result.coefficients.is_zero
        assert parallel_coefficient(*degrees) == 0
    else:
        assert result == parallel_coefficient(*degrees) * harmonic(out).compact.times_radius_squared(pairs)


@given(st.integers(0, 4), st.integers(0, 4))
def test_the_product_of_two_harmonics_is_the_sum_over_couplings(left, right):
    product = harmonic(left).compact.outer(harmonic(right).compact)
    total = product - product
    for out in range(abs(left - right), left + right + 1, 2):
        third = harmonic(out).compact.times_radius_squared((left + right - out) // 2)
        term = einsum("abo,op->abp", compact_coupling(left, right, out), third.coefficients)
        total += product_coefficient(left, right, out) * Polynomials(left + right, term)
    assert total == product


@pytest.mark.parametrize("degree", range(5))
def test_one_more_derivative_of_one_over_r(degree):
    # ∂_i (P / r^(2ℓ+1)) = (r² ∂_i P - (2ℓ+1) r_i P) / r^(2ℓ+3)
    numerator = multipole_derivative(degree)
    expected = numerator.gradient().times_radius_squared() if degree else None
    moved = (2 * degree + 1) * numerator.outer(PLACE)
    assert multipole_derivative(degree + 1) == (expected - moved if expected else -1 * moved)


@given(st.integers(0, 6), points, points)
def test_the_addition_theorem(degree, first, second):
    inner = einsum("a,a->", harmonic(degree).evaluate(first), harmonic(degree).evaluate(second))
    cosine, lengths = einsum("i,i->", first, second), first.norm_squared() * second.norm_squared()
    # r^ℓ P_ℓ has even powers of the lengths only.
    series = sum(
        c * cosine**power * lengths ** ((degree - power) // 2)
        for power, c in enumerate(legendre(degree))
        if c
    )
    assert inner == harmonic(degree).norm_squared * series


@given(st.integers(0, 12))
def test_legendre_polynomials_are_those_of_sympy(degree):
    sympy = pytest.importorskip("sympy")
    t = sympy.Symbol("t")
    theirs = sympy.Poly(sympy.legendre(degree, t), t).all_coeffs()[::-1]
    assert [sympy.Rational(c.numerator, c.denominator) for c in legendre(degree)] == theirs


@pytest.mark.parametrize("degree", range(5))
def test_the_written_formula_is_the_tensor(degree):
    """Evaluate the printed text at one component of an exact vector, index by index."""
    point = exact([Fraction(1, 2), -2, Fraction(2, 3)])
    radius = point.norm_squared().fraction()
    text = harmonic(degree).text
    text = text.replace("r²", "R").replace("r⁴", "R**2")
    letters = "ijkl"[:degree]
    value = harmonic(degree).full.evaluate(point)
    for index in {(0, 0, 0, 0), (0, 1, 1, 0), (2, 1, 0, 1)}:
        where = dict(zip(letters, index, strict=False))
        code = text
        for a in letters:
            code = code.replace(f"r_{a}", f"(r{where[a]})")
            for b in letters:
                code = code.replace(f"δ_{a}{b}", f"({int(where[a] == where[b])})")
        code = code.replace(" + ", "+").replace(" - ", "-").replace(" ", "*").replace("1/", "F/")
        names = {f"r{i}": point[i].fraction() for i in range(3)} | {"R": radius, "F": Fraction(1)}
        assert value[index[:degree]] == eval(code, {}, names)


def test_a_formula_of_high_degree_shows_one_placement_in_braces():
    assert harmonic(5).latex() == (
        r"r_{i} r_{j} r_{k} r_{l} r_{m} - \frac{1}{9} r^{2} \{\delta_{ij} r_{k} r_{l} r_{m}\}"
        r" + \frac{1}{63} r^{4} \{\delta_{ij} \delta_{kl} r_{m}\}"
    )


@pytest.mark.parametrize("degree", [-1, 1.5, True])
def test_a_degree_is_a_whole_number(degree):
    with pytest.raises(ValueError, match="a harmonic has an integer degree >= 0, not"):
        harmonic(degree)


def test_no_formula_beyond_the_letters():
    with pytest.raises(ValueError, match="formulas are written up to degree 21, not 22"):
        harmonic(22).latex()


def test_degrees_outside_the_triangle_are_refused():
    with pytest.raises(ValueError, match="the triangle rule allows degrees 1 to 3, not 4"):
        product_coefficient(1, 2, 4)
