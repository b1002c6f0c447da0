from fractions import Fraction

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from cartesian.symbolic.linear_algebra import inner, nullspace, orthogonal, rank, reduced_echelon, solve

small = st.fractions(min_value=-4, max_value=4, max_denominator=3)


@st.composite
def matrices(draw):
    rows, columns = draw(st.integers(0, 6)), draw(st.integers(1, 6))
    sparse = st.one_of(st.just(Fraction(0)), small)
    return [[draw(sparse) for _ in range(columns)] for _ in range(rows)], columns


def sparse(matrix):
    return [{j: value for j, value in enumerate(row) if value} for row in matrix]


def dense(rows, columns):
    return sympy.Matrix(
        len(rows), columns, lambda i, j: sympy.Rational(*Fraction(rows[i].get(j, 0)).as_integer_ratio())
    )


@given(matrices())
def test_the_echelon_form_and_the_rank_are_those_of_sympy(drawn):
    matrix, columns = drawn
    rows = sparse(matrix)
    expected, pivots = dense(rows, columns).rref()
    assert dense(reduced_echelon(rows), columns) == expected[: len(pivots), :]
    assert rank(rows) == len(pivots)


@given(matrices())
def test_the_nullspace_is_complete_and_in_echelon_form(drawn):
    matrix, columns = drawn
    rows = sparse(matrix)
    basis = nullspace(rows, columns)
    assert len(basis) == columns - rank(rows)
    assert reduced_echelon(basis) == basis
    for vector in basis:
        for row in rows:
            assert sum(value * vector.get(j, 0) for j, value in row.items()) == 0


@given(matrices(), st.data())
def test_a_solution_solves(drawn, data):
    matrix, columns = drawn
    x = [data.draw(small) for _ in range(columns)]
    right = [sum((a * b for a, b in zip(row, x, strict=True)), Fraction(0)) for row in matrix]
    found = solve(sparse(matrix), right)
    for row, value in zip(sparse(matrix), right, strict=True):
        assert sum(a * found.get(j, 0) for j, a in row.items()) == value


def test_contradicting_equations_have_no_solution():
    with pytest.raises(ValueError, match="contradict each other"):
        solve([{0: 1}, {0: 2}], [1, 1])


@given(matrices(), st.data())
def test_orthogonal_vectors_span_the_same_space(drawn, data):
    matrix, columns = drawn
    gram = [data.draw(st.fractions(min_value=Fraction(1, 3), max_value=3)) for _ in range(columns)]
    vectors = sparse(matrix)
    found = orthogonal(vectors, gram)
    for i, left in enumerate(found):
        for right in found[:i]:
            assert inner(left, right, gram) == 0
    assert reduced_echelon(found) == reduced_echelon(vectors)
