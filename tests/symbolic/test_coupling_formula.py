"""Printed couplings against the exact arrays they stand for."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartesian.spec import Irrep, Path
from cartesian.symbolic.coupling_formula import Coupling, coupling
from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.factors import epsilon
from cartesian.symbolic.harmonics import frame
from cartesian.symbolic.projector import projector

TRIANGLES = [t for t in product(range(5), repeat=3) if abs(t[0] - t[1]) <= t[2] <= t[0] + t[1]]


@pytest.mark.parametrize("degrees", TRIANGLES)
def test_the_formula_evaluates_to_the_compact_coupling(degrees):
    left, right, out = degrees
    # One pair of frame members per path; others are drawn below.
    a, b = (3 * left) // 2, (2 * right) // 3
    letters = "ijkl"[:out]
    row = einsum(f"o,o{letters}->{letters}", coupling(*degrees).compact[a, b], frame(out))
    assert coupling(*degrees).formula.evaluate(A=frame(left)[a], B=frame(right)[b]) == row


@given(st.sampled_from([t for t in TRIANGLES if sum(t) <= 7]), st.data())
def test_the_formula_holds_for_any_members_of_the_frames(degrees, data):
    left, right, out = degrees
    a, b = data.draw(st.integers(0, 2 * left)), data.draw(st.integers(0, 2 * right))
    letters = "ijkl"[:out]
    row = einsum(f"o,o{letters}->{letters}", coupling(*degrees).compact[a, b], frame(out))
    assert coupling(*degrees).formula.evaluate(A=frame(left)[a], B=frame(right)[b]) == row


@pytest.mark.parametrize("degrees", [t for t in TRIANGLES if sum(t) <= 6])
def test_the_full_coupling_is_the_compact_one_between_frames(degrees):
    legs = [letters[:n] for letters, n in zip(("abcd", "efgh", "ijkl"), degrees, strict=True)]
    formula = f"xyz,x{legs[0]},y{legs[1]},z{legs[2]}->{''.join(legs)}"
    value = coupling(*degrees)
    assert value.full == einsum(formula, value.compact, *(frame(degree) for degree in degrees))
    assert value.full.nnz == value.nnz_full
    assert value.full.norm_squared() == value.norm_squared == value.norm**2


@pytest.mark.parametrize("degrees", [(2, 2, 2), (2, 2, 3), (1, 3, 3), (3, 3, 4)])
def test_every_leg_of_the_full_coupling_is_stf(degrees):
    array, start = coupling(*degrees).numpy(kind="full"), 0
    for degree in degrees:
        moved = np.moveaxis(array, range(start, start + degree), range(array.ndim - degree, array.ndim))
        np.testing.assert_allclose(projector(degree).apply(moved), moved, atol=1e-14)
        start += degree


@pytest.mark.parametrize("degrees", [(4, 4, 8), (6, 5, 7), (5, 5, 10)])
def test_high_degrees_print_in_brackets_without_expanding(degrees):
    left, right, out = degrees
    pairs, odd = divmod(left + right - out, 2)
    terms = coupling(*degrees).formula.terms
    assert len(terms) == min(left, right) - pairs - odd + 1
    assert coupling(*degrees).text.count("{") == coupling(*degrees).text.count("}") > 0


@pytest.mark.parametrize(
    ("degrees", "text"),
    [
        ((0, 0, 0), "A B"),
        ((1, 1, 0), "A_i B_i"),
        ((1, 1, 1), "ε_ijk A_j B_k"),
        ((1, 1, 2), "1/2 (A_i B_j + A_j B_i) - 1/3 δ_ij A_k B_k"),
        ((1, 2, 1), "A_j B_ij"),
        ((2, 2, 2), "1/2 (A_ik B_jk + A_jk B_ik) - 1/3 δ_ij A_kl B_kl"),
        (
            (1, 2, 3),
            "1/3 (A_i B_jk + A_j B_ik + A_k B_ij) - 2/15 (δ_ij A_l B_kl + δ_ik A_l B_jl + δ_jk A_l B_il)",
        ),
        ((2, 2, 4), "1/6 {A_ij B_kl} - 1/21 {δ_ij A_km B_lm} + 2/105 {δ_ij δ_kl A_mn B_mn}"),
    ],
)
def test_formulas_to_read(degrees, text):
    assert coupling(*degrees).text == str(coupling(*degrees)) == text


def test_the_latex_of_two_vectors():
    assert coupling(1, 1, 1).latex() == r"\varepsilon_{i j k} A_{j} B_{k}"
    assert coupling(1, 1, 2).latex() == (
        r"\frac{1}{2} \left( A_{i} B_{j} + A_{j} B_{i} \right) - \frac{1}{3} \delta_{i j} A_{k} B_{k}"
    )


def test_the_cross_product_has_the_order_out_left_right():
    assert coupling(1, 1, 1).full == epsilon("ijk").tensor
    assert coupling(1, 1, 1).nnz == 6


def test_a_path_is_given_whole_or_in_three():
    path = Path("1o", "1e", "2o")
    assert coupling(path) == coupling("1o", "1e", "2o") == coupling(Irrep("1o"), "1e", 2) == Coupling(path)
    assert coupling(path).compact == coupling(1, 1, 2).compact
    assert coupling(2, 2, 2).norm_squared == Fraction(35, 12)


def test_bad_input_says_what_would_be_right():
    with pytest.raises(ValueError, match=r"triangle rule allows degrees 0 to 2, not 3"):
        coupling(1, 1, 3)
    with pytest.raises(ValueError, match=r"parities multiply, which gives 1e"):
        coupling("1o", "1o", "1o")
    with pytest.raises(TypeError, match=r"a path or by three irreps, not by 1, 1, None"):
        coupling(1, 1)
    with pytest.raises(ValueError, match=r"a 'compact' and a 'full' form, not 'dense'"):
        coupling(1, 1, 1).numpy(kind="dense")


def test_torch_has_both_forms():
    torch = pytest.importorskip("torch")
    assert coupling(2, 1, 2).torch(dtype=torch.float32).shape == (5, 3, 5)
    assert coupling(2, 1, 2).torch(kind="full").shape == (3,) * 5
