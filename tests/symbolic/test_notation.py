"""How formulas are written: balanced, in commands that KaTeX knows, and readable back."""

import re
from fractions import Fraction

import pytest

from cartesian.symbolic.averages import direction_average
from cartesian.symbolic.coupling_formula import coupling
from cartesian.symbolic.exact import sqrt
from cartesian.symbolic.expression import Expression
from cartesian.symbolic.factors import delta, direction, epsilon, stf
from cartesian.symbolic.indices import fresh_indices, index_names
from cartesian.symbolic.isotropic import isotropic
from cartesian.symbolic.projector import projector

FORMULAS = [
    *(projector(degree) for degree in range(11)),
    *(coupling(*degrees) for degrees in [(0, 1, 1), (2, 2, 3), (4, 4, 7), (6, 6, 6), (8, 8, 9)]),
    *(isotropic(rank) for rank in range(7)),
    *isotropic(5).orthonormal,
    direction_average(8),
]


@pytest.mark.parametrize("formula", FORMULAS, ids=repr)
def test_latex_is_balanced_and_of_few_commands(formula):
    latex = formula.latex()
    commands = set(re.findall(r"\\([a-z]+)", latex))
    assert commands <= {"delta", "varepsilon", "frac", "sqrt", "left", "right", "quad"}
    bare = re.sub(r"\\left(\\\{|\()|\\right(\\\}|\))", "", latex)
    depth = 0
    for sign in bare:
        depth += {"{": 1, "}": -1}.get(sign, 0)
        assert depth >= 0
    assert depth == 0
    assert latex.count(r"\left") == latex.count(r"\right")
    assert formula._repr_latex_() == f"${latex}$"


@pytest.mark.parametrize("degree", range(2, 5))
def test_a_written_out_formula_reads_back_as_the_same_expression(degree):
    total: Expression | int = 0
    for sign, text in re.findall(r"([+-]?) ?([^+-]+)", projector(degree).formula.expand().text):
        number, *factors = text.split() if not text.startswith("δ") else ["1", *text.split()]
        term = Expression.number(Fraction(number))
        for factor in factors:
            term *= delta(factor.removeprefix("δ_"))
        total = term * (-1 if sign == "-" else 1) + (total or term * 0)
    assert total == projector(degree).formula


def test_numbers_stand_in_front_and_sums_of_roots_in_parentheses():
    assert (delta("ij") * (1 + sqrt(2))).text == "(1+√2) δ_ij"
    assert (delta("ij") * (1 + sqrt(2))).latex() == r"\left( 1+\sqrt{2} \right) \delta_{i j}"
    assert (-delta("ij")).text == "-δ_ij"
    assert (delta("ij") - delta("ij")).text == "0"
    assert Expression.number(Fraction(-1, 2)).text == "-1/2"
    assert (1 - epsilon("ijk") * epsilon("ijk")).text == "-5"


def test_summed_indices_take_names_that_are_free():
    assert (stf("A", "jz") * stf("B", "zk") * direction("i")).text == "A_jl B_kl n_i"
    assert (stf("A", "ki") * stf("k", "i")).text == "A_ki k_i"
    assert stf("A", "i1 i2").latex() == "A_{i_{1} i_{2}}"
    assert index_names(3) == ("i", "j", "k")
    assert index_names(40)[-1] == "i40"
    names = fresh_indices(("i", "k", "i1"))
    assert [next(names) for _ in range(25)][-3:] == ["h", "j1", "i2"]
