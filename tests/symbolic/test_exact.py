from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import ExactTensor, exact, sqrt
from cartesian.symbolic.surds import split_square

fractions = st.fractions(-3, 3, max_denominator=6)
radicands = st.sampled_from([1, 2, 3, 5, 6, 10, 15, -1, -2, -6])
numbers = st.lists(st.tuples(st.just(0), fractions, radicands), max_size=4).map(
    lambda entries: ExactTensor.from_entries((), entries)
)


@st.composite
def tensors(draw, shape):
    size = int(np.prod(shape))
    entry = st.tuples(st.integers(0, size - 1), fractions, radicands)
    return ExactTensor.from_entries(shape, draw(st.lists(entry, max_size=6)))


def value(tensor):
    return tensor.numpy(np.complex128)


@given(numbers, numbers, numbers)
def test_exact_numbers_are_a_commutative_ring(x, y, z):
    assert x + y == y + x
    assert (x + y) + z == x + (y + z)
    assert x * y == y * x
    assert (x * y) * z == x * (y * z)
    assert x * (y + z) == x * y + x * z
    assert (x - x).is_zero
    assert hash(x + y) == hash(y + x)


@given(numbers, numbers)
def test_arithmetic_agrees_with_floats(x, y):
    np.testing.assert_allclose(value(x + y), value(x) + value(y), atol=1e-13)
    np.testing.assert_allclose(value(x * y), value(x) * value(y), atol=1e-12)


@given(numbers)
def test_every_number_but_zero_has_a_reciprocal(x):
    if x.is_zero:
        with pytest.raises(ZeroDivisionError):
            x.inverse()
    else:
        assert x * x.inverse() == 1
        assert x**-2 == 1 / (x * x)


@given(fractions)
def test_the_square_of_a_square_root_is_the_number(x):
    assert sqrt(x) * sqrt(x) == x


@given(st.integers(1, 10**9))
def test_a_number_splits_into_a_square_and_a_squarefree_part(n):
    root, radicand = split_square(n)
    assert root**2 * radicand == n
    assert all(radicand % (p * p) for p in range(2, 200))


@given(tensors((2, 3, 2)), tensors((3, 2, 2)))
def test_einsum_agrees_with_numpy(a, b):
    for formula in ["ijk,jkl->il", "ijk,jkl->", "ijk,jlm->kiml", "iji,jik->k"]:
        np.testing.assert_allclose(
            value(einsum(formula, a, b)), np.einsum(formula, value(a), value(b)), atol=1e-11
        )


@given(tensors((2, 2, 2)))
def test_three_factors_diagonals_and_lone_indices(a):
    formula = "iij,jkl,llm->km"
    expected = np.einsum(formula, *[value(a)] * 3)
    np.testing.assert_allclose(value(einsum(formula, a, a, a)), expected, atol=1e-10)


@given(tensors((2, 3, 2)))
def test_views_agree_with_numpy(a):
    dense = value(a)
    np.testing.assert_array_equal(value(a.transpose(2, 0, 1)), dense.transpose(2, 0, 1))
    np.testing.assert_array_equal(value(a.reshape(3, 4)), dense.reshape(3, 4))
    np.testing.assert_array_equal(value(a[1]), dense[1])
    np.testing.assert_array_equal(value(a[-1, 2, 0]), dense[-1, 2, 0])
    assert a.nnz == np.count_nonzero(dense)
    assert {index for index, _ in a.entries()} == {tuple(map(int, index)) for index in np.argwhere(dense)}


@given(tensors((2, 3)))
def test_the_squared_norm_is_the_sum_of_squared_moduli(a):
    np.testing.assert_allclose(value(a.norm_squared()), np.sum(np.abs(value(a)) ** 2), atol=1e-11)


@given(tensors((2, 2)))
def test_sympy_and_torch_hold_the_same_numbers(a):
    symbolic = a.sympy()
    dense = [[complex(symbolic[i, j]) for j in range(2)] for i in range(2)]
    np.testing.assert_allclose(dense, value(a), atol=1e-13)
    np.testing.assert_array_equal(a.torch().numpy(), a.numpy())


@given(st.fractions())
def test_rational_numbers_equal_and_hash_as_python_numbers(x):
    assert exact(x) == x
    assert hash(exact(x)) == hash(x)
    assert exact(x).fraction() == x


def test_numbers_read_as_they_are_written():
    x = Fraction(-1, 2) + sqrt(3) / 4
    assert str(x) == "-1/2+√3/4"
    assert x.latex() == r"-\frac{1}{2}+\frac{\sqrt{3}}{4}"
    assert str(sqrt(-3) * 2) == "2i√3"
    assert exact([[1, 0], [0, sqrt(2)]]).latex() == r"\begin{pmatrix} 1 & 0 \\ 0 & \sqrt{2} \end{pmatrix}"


def test_a_float_is_refused():
    with pytest.raises(TypeError, match=r"0\.1 is a float; exact tensors hold integers, fractions and roots"):
        exact(0.1)


def test_mismatched_shapes_and_formulas_are_named():
    a = exact([[1, 2], [3, 4]])
    with pytest.raises(ValueError, match=r"shapes \(2, 2\) and \(2,\)"):
        a + exact([1, 2])
    with pytest.raises(ValueError, match="say which indices belong together with einsum"):
        a * a
    with pytest.raises(ValueError, match=r"index 'j' of 'ij,j->i' has lengths 2 and 3"):
        einsum("ij,j->i", a, exact([1, 2, 3]))
    with pytest.raises(ValueError, match="an output after '->'"):
        einsum("ij,jk", a, a)
    with pytest.raises(ValueError, match="names 3 indices of a tensor of shape"):
        einsum("ijk->i", a)
    with pytest.raises(ValueError, match="unequal lengths"):
        exact([[1, 2], [3]])
    with pytest.raises(IndexError):
        a[2]
