"""Index expressions against sums over components written out by NumPy."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import ExactTensor, exact, sqrt
from cartesian.symbolic.expression import Expression
from cartesian.symbolic.factors import delta, direction, epsilon, stf, symmetric
from cartesian.symbolic.projector import projector

EPSILON = epsilon("ijk").numpy()
small = st.integers(-3, 3)


def trace_free(draw, rank: int) -> ExactTensor:
    numbers = draw(st.lists(small, min_size=3**rank, max_size=3**rank))
    tensor = exact(numbers).reshape(*[3] * rank)
    letters = "abcd"[:rank]
    return einsum(f"{letters}{letters.upper()},{letters.upper()}->{letters}", projector(rank).tensor, tensor)


@st.composite
def products(draw):
    """Factors (name, indices) in which every index occurs once or twice, not more than three of them free."""
    kinds = st.sampled_from(["δ", "ε", "A", "B", "n", "S"])
    names = draw(st.lists(kinds, min_size=1, max_size=4).filter(lambda names: names.count("ε") <= 2))
    ranks = {"δ": 2, "ε": 3, "A": 2, "B": 3, "n": 1, "S": 2}
    places = sum(ranks[name] for name in names)
    free = draw(st.integers(0, min(3, places)).filter(lambda k: (places - k) % 2 == 0))
    indices = [*"ijk"[:free], *(letter for letter in "pqrstuv"[: (places - free) // 2] for _ in range(2))]
    order = draw(st.permutations(indices))
    result, start = [], 0
    for name in names:
        result.append((name, "".join(order[start : start + ranks[name]])))
        start += ranks[name]
    return result, "ijk"[:free]


def expression(factors) -> Expression:
    make = {
        "δ": delta,
        "ε": epsilon,
        "A": lambda indices: stf("A", indices),
        "B": lambda indices: stf("B", indices),
        "S": lambda indices: symmetric("S", indices),
        "n": direction,
    }
    result = Expression.number(1)
    for name, indices in factors:
        result = result * make[name](indices)
    return result


@settings(max_examples=60)
@given(st.data(), products())
def test_a_product_has_the_components_of_the_sum_written_out(data, drawn):
    factors, free = drawn
    stf2, stf3 = trace_free(data.draw, 2), trace_free(data.draw, 3)
    matrix = exact(data.draw(st.lists(small, min_size=9, max_size=9))).reshape(3, 3)
    values = {"A": stf2, "B": stf3, "S": matrix + matrix.transpose(), "n": exact([3, 0, 4]) / 5}
    arrays = {"δ": np.eye(3), "ε": EPSILON, **{name: value.numpy() for name, value in values.items()}}
    formula = ",".join(indices for _, indices in factors) + "->" + free
    expected = np.einsum(formula, *(arrays[name] for name, _ in factors))
    made = expression(factors)
    assert made.indices == tuple(free) or made.is_zero
    used = {name: values[name] for name in made.symbols}
    np.testing.assert_allclose(
        made.evaluate(**used).numpy(), expected, atol=1e-12 * (1 + abs(expected).max())
    )


@given(st.data(), products())
def test_neither_the_order_of_factors_nor_names_of_summed_indices_matter(data, drawn):
    factors, _ = drawn
    names = str.maketrans("pqrstuv", "".join(data.draw(st.permutations("pqrstuv"))))
    shuffled = [(name, indices.translate(names)) for name, indices in data.draw(st.permutations(factors))]
    assert expression(shuffled) == expression(factors)
    assert hash(expression(shuffled)) == hash(expression(factors))
    assert (expression(shuffled) - expression(factors)).is_zero


@pytest.mark.parametrize(
    "zero",
    [
        stf("A", "ii"),
        epsilon("ijk") * stf("A", "jk"),
        epsilon("ijk") * direction("jk"),
        epsilon("ijk") * stf("A", "j") * stf("A", "k"),
        epsilon("iij"),
        delta("ij") - delta("ji"),
        epsilon("ijk") + epsilon("jik"),
        direction("ijj") - direction("i"),
    ],
)
def test_symmetry_makes_it_vanish(zero):
    assert zero.is_zero
    assert zero == Expression((), zero.indices)


def test_contractions_of_epsilon_by_hand():
    assert epsilon("ijk") * epsilon("ijk") == 6
    assert epsilon("ikl") * epsilon("jkl") == 2 * delta("ij")
    assert epsilon("ij", 2) * epsilon("ij", 2) == 2
    assert delta("ii", 5) == 5
    assert (symmetric("S", "ii") * delta("jk")).text == "δ_jk S_ii"


@given(st.permutations("ijkl"))
def test_a_bracket_is_the_mean_over_permutations(order):
    plain = epsilon("ijm") * stf("A", "m") * delta("kl") + direction("ij") * delta("kl")
    shuffled = plain.transpose("".join(order))
    assert shuffled.indices == tuple(order)
    mean = direction("ij") * delta("kl")
    assert plain.symmetrise("ijkl") == mean.symmetrise("ijkl")
    assert mean.symmetrise("ij").symmetrise("kl") == mean
    pairs = (delta("ik") * delta("jl") + delta("il") * delta("jk")) / 2
    assert (delta("ik") * delta("jl")).symmetrise("ij").symmetrise("kl") == pairs


def test_tensors_of_expressions_are_like_other_exact_tensors():
    expression = delta("ij") * delta("kl") * Fraction(1, 2) - delta("ik") * delta("jl") * sqrt(2)
    expected = np.einsum("ij,kl->ijkl", np.eye(3), np.eye(3)) / 2
    expected -= np.sqrt(2) * np.einsum("ik,jl->ijkl", np.eye(3), np.eye(3))
    np.testing.assert_allclose(expression.numpy(), expected, atol=1e-15)
    assert expression.nnz == np.count_nonzero(expected)
    assert expression.sympy().shape == (3, 3, 3, 3)
    assert expression.transpose("ikjl").tensor == expression.tensor.transpose(0, 2, 1, 3)


def test_torch_renders_an_expression():
    torch = pytest.importorskip("torch")
    assert delta("ij").torch(dtype=torch.float32).dtype == torch.float32


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"δ has 2 indices, not 3"):
        delta("ijk")
    with pytest.raises(ValueError, match=r"as many indices as dimensions, 3, not 2"):
        epsilon("ij")
    with pytest.raises(ValueError, match=r"at most twice"):
        stf("A", "iii")
    with pytest.raises(ValueError, match=r"free indices \(i, j\) and \(i, k\)"):
        delta("ij") + delta("ik")
    with pytest.raises(ValueError, match=r"in 3 and 2 dimensions"):
        delta("ij") * delta("kl", 2)
    with pytest.raises(ValueError, match=r"ASCII letter"):
        delta("ιj")
    with pytest.raises(ValueError, match=r"A have no components of their own"):
        _ = stf("A", "ij").tensor
    with pytest.raises(ValueError, match=r"the symbols are \['A'\]; values were given for \['B'\]"):
        stf("A", "i").evaluate(B=exact([1, 0, 0]))
    with pytest.raises(ValueError, match=r"A has 2 indices here, its tensor 1 axes"):
        stf("A", "ij").evaluate(A=exact([1, 0, 0]))
    with pytest.raises(ValueError, match=r"distinct free indices"):
        delta("ij").symmetrise("ik")
    with pytest.raises(ValueError, match=r"already belongs to a symmetric group"):
        delta("ij").symmetrise("ij").symmetrise("ij")
    with pytest.raises(ValueError, match=r"not an order of the free indices"):
        delta("ij").transpose("ik")
    with pytest.raises(ValueError, match=r"more than 10000000; use its formula"):
        _ = projector(8).formula.tensor
