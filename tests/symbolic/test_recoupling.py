from fractions import Fraction
from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cartesian.symbolic.coupling import compact_coupling
from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import exact, sqrt
from cartesian.symbolic.recoupling import (
    intermediate_degrees,
    natural_6j,
    natural_9j,
    recoupling_matrix,
    symbol_3j,
    symbol_6j,
    symbol_9j,
)
from cartesian.symbolic.spherical import complex_frame

NETWORK_9J = "abc,def,ghi,adg,beh,cfi->"
TETRAHEDRON = "abc,aef,dbf,dec->"


def triangle(draw, left, right):
    return draw(st.integers(abs(left - right), left + right))


@st.composite
def triangles(draw, largest):
    left, right = draw(st.integers(0, largest)), draw(st.integers(0, largest))
    return left, right, triangle(draw, left, right)


@st.composite
def tetrahedra(draw, largest):
    """Six degrees a b c d e f of a 6j symbol that does not vanish by its triangles."""
    a, b, d = (draw(st.integers(0, largest)) for _ in range(3))
    c = triangle(draw, a, b)
    e = triangle(draw, d, c)
    low, high = max(abs(a - e), abs(b - d)), min(a + e, b + d)
    return a, b, c, d, e, draw(st.integers(low, high))


@st.composite
def squares(draw, largest):
    """Nine degrees whose rows and columns are triangles."""
    rows = [draw(triangles(largest)) for _ in range(2)]
    last = []
    for upper, lower in zip(*rows, strict=True):
        last.append(triangle(draw, upper, lower))
    return (*rows[0], *rows[1], *last)


def is_exactly(ours, theirs):
    """Equality with a SymPy number without asking SymPy to simplify: equal signs and squares."""
    sympy = pytest.importorskip("sympy")
    square = sympy.expand(theirs**2)
    return (ours * ours).sympy() == square and float(ours) * float(theirs) >= 0


@settings(max_examples=50)
@given(triangles(6), st.data())
def test_components_are_the_3j_symbols_of_sympy(degrees, data):
    wigner = pytest.importorskip("sympy.physics.wigner")
    l1, l2, l3 = degrees
    m1, m2 = data.draw(st.integers(-l1, l1)), data.draw(st.integers(-l2, l2))
    if abs(m1 + m2) <= l3:
        orders = (m1, m2, -m1 - m2)
        assert is_exactly(symbol_3j(l1, l2, l3, orders), wigner.wigner_3j(*degrees, *orders))


@settings(max_examples=30)
@given(triangles(3))
def test_the_complex_frame_makes_them_of_the_cartesian_tensor(degrees):
    l1, l2, l3 = degrees
    frames = [complex_frame(l) for l in degrees]
    tensor = einsum("abc,ma,nb,pc->mnp", symbol_3j(*degrees), *frames) * sqrt(-1) ** sum(degrees)
    for orders in product(*(range(-l, l + 1) for l in degrees)):
        index = tuple(l + m for l, m in zip(degrees, orders, strict=True))
        assert tensor[index] == symbol_3j(l1, l2, l3, orders)


@given(triangles(4))
def test_cartesian_3j_symbols_have_unit_norm_and_the_sign_of_permutations(degrees):
    tensor = symbol_3j(*degrees)
    assert tensor.norm_squared() == 1
    for order in permutations(range(3)):
        sign = (-1) ** (sum(degrees) * sum(order[i] > order[j] for i in range(3) for j in range(i + 1, 3)))
        assert symbol_3j(*(degrees[k] for k in order)) == sign * tensor.transpose(*order)


@settings(max_examples=50)
@given(tetrahedra(6))
def test_6j_symbols_are_those_of_sympy(degrees):
    wigner = pytest.importorskip("sympy.physics.wigner")
    assert is_exactly(symbol_6j(*degrees), wigner.wigner_6j(*degrees))


@settings(max_examples=15)
@given(squares(2))
def test_9j_symbols_are_those_of_sympy(degrees):
    wigner = pytest.importorskip("sympy.physics.wigner")
    assert is_exactly(symbol_9j(*degrees), wigner.wigner_9j(*degrees))


@settings(max_examples=40)
@given(tetrahedra(2))
def test_the_6j_symbol_is_the_tetrahedron_of_cartesian_3j_symbols(degrees):
    a, b, c, d, e, f = degrees
    legs = [(a, b, c), (a, e, f), (d, b, f), (d, e, c)]
    assert einsum(TETRAHEDRON, *(symbol_3j(*leg) for leg in legs)) == symbol_6j(*degrees)
    assert einsum(TETRAHEDRON, *(compact_coupling(*leg) for leg in legs)) == natural_6j(*degrees)


@settings(max_examples=20)
@given(squares(1))
def test_the_9j_symbol_is_the_network_of_rows_against_columns(degrees):
    a, b, c, d, e, f, g, h, i = degrees
    if not abs(g - h) <= i <= g + h:
        assert symbol_9j(*degrees) == 0
        return
    legs = [(a, b, c), (d, e, f), (g, h, i), (a, d, g), (b, e, h), (c, f, i)]
    assert einsum(NETWORK_9J, *(symbol_3j(*leg) for leg in legs)) == symbol_9j(*degrees)
    assert einsum(NETWORK_9J, *(compact_coupling(*leg) for leg in legs)) == natural_9j(*degrees)


@given(tetrahedra(12))
def test_columns_may_be_exchanged_and_turned_over_in_pairs(degrees):
    a, b, c, d, e, f = degrees
    symbol = symbol_6j(*degrees)
    assert symbol_6j(b, c, a, e, f, d) == symbol
    assert symbol_6j(b, a, c, e, d, f) == symbol
    assert symbol_6j(d, e, c, a, b, f) == symbol


@settings(max_examples=30)
@given(squares(5))
def test_9j_symbols_keep_their_value_transposed_and_their_square_with_rows_exchanged(degrees):
    a, b, c, d, e, f, g, h, i = degrees
    symbol = symbol_9j(*degrees)
    assert symbol_9j(a, d, g, b, e, h, c, f, i) == symbol
    assert symbol_9j(d, e, f, a, b, c, g, h, i) == (-1) ** sum(degrees) * symbol


@given(*[st.integers(0, 6)] * 4)
def test_recoupling_is_orthogonal(l1, l2, l3, out):
    matrix = recoupling_matrix(l1, l2, l3, out)
    n = matrix.shape[0]
    assert matrix.shape == (n, n)
    assert einsum("ik,jk->ij", matrix, matrix) == (
        exact([[int(i == j) for j in range(n)] for i in range(n)]) if n else matrix
    )


@settings(max_examples=30)
@given(*[st.integers(0, 2)] * 3, st.integers(0, 4))
def test_recoupling_holds_for_natural_couplings(l1, l2, l3, out):
    rows, columns = intermediate_degrees(l1, l2, l3, out)
    matrix = recoupling_matrix(l1, l2, l3, out, natural=True)
    assert matrix.radicands in {(), (1,)}
    right = [
        einsum("bcy,ayo->abco", compact_coupling(l2, l3, y), compact_coupling(l1, y, out)) for y in columns
    ]
    for i, x in enumerate(rows):
        left = einsum("abx,xco->abco", compact_coupling(l1, l2, x), compact_coupling(x, l3, out))
        total = left - left
        for j, term in enumerate(right):
            total += matrix[i, j] * term
        assert total == left


@pytest.mark.parametrize("size", [40, 100])
def test_large_symbols_are_exact(size):
    # Edmonds' closed form with a zero: {a b c; 0 c b} = (-1)^(a+b+c) / √((2b+1)(2c+1)).
    a, b, c = size, size - 3, size + 7
    expected = (-1) ** (a + b + c) / sqrt((2 * b + 1) * (2 * c + 1))
    assert symbol_6j(a, b, c, 0, c, b) == expected
    # {a b c; d e c; g g 0} = (-1)^(b+c+d+g) {a b c; e d g} / √((2c+1)(2g+1)), here d = b, e = a, g = c.
    assert symbol_9j(a, b, c, b, a, c, c, c, 0) == symbol_6j(a, b, c, a, b, c) / (2 * c + 1)


def test_symbols_outside_their_triangles_vanish():
    assert symbol_6j(1, 1, 3, 1, 1, 1) == 0
    assert natural_6j(1, 1, 3, 1, 1, 1) == 0
    assert symbol_9j(1, 1, 3, 1, 1, 1, 1, 1, 1) == 0
    assert natural_9j(1, 1, 3, 1, 1, 1, 1, 1, 1) == 0
    assert symbol_3j(1, 1, 3, (0, 0, 0)) == 0
    assert symbol_3j(1, 1, 2, (1, 1, 1)) == 0
    assert symbol_3j(1, 1, 3).shape == (3, 3, 7)
    assert symbol_3j(1, 1, 3).is_zero
    assert recoupling_matrix(1, 1, 1, 4).shape == (0, 0)


def test_malformed_symbols_are_refused():
    symbol_6j(1, 1, 1, 1, 1, 1)
    for wrong in (-1, 1.0, True):
        with pytest.raises(ValueError, match="6j symbols are for integer degrees >= 0, not"):
            symbol_6j(1, 1, 1, 1, 1, wrong)
    with pytest.raises(ValueError, match="9j symbols are for integer degrees"):
        symbol_9j(1, 1, 1, 1, 1, 1, 1, 1, Fraction(1, 2))
    with pytest.raises(ValueError, match=r"degrees \(1, 1, 2\) has orders -l <= m <= l, not \(2, 0, -2\)"):
        symbol_3j(1, 1, 2, (2, 0, -2))
    with pytest.raises(ValueError, match=r"orders -l <= m <= l, not \(0, 0\)"):
        symbol_3j(1, 1, 2, (0, 0))
