from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartesian.symbolic.coupling import compact_coupling, coupling_norm_squared
from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import exact
from cartesian.symbolic.harmonics import frame

EPSILON = exact([[[(i - j) * (j - k) * (k - i) // 2 for k in range(3)] for j in range(3)] for i in range(3)])


@st.composite
def triangles(draw, largest):
    left, right = draw(st.integers(0, largest)), draw(st.integers(0, largest))
    return left, right, draw(st.integers(abs(left - right), min(left + right, largest)))


def by_definition(left, right, out):
    """The law written out: contract pairs of the frames, with one ε if odd, onto the frame of the output."""
    pairs, odd = divmod(left + right - out, 2)
    shared, a, b = "pqrstu"[:pairs], "abcdef"[: left - pairs - odd], "ghijkl"[: right - pairs - odd]
    if odd:
        return einsum(
            f"zxy,1x{a}{shared},2y{b}{shared},3z{a}{b}->123", EPSILON, frame(left), frame(right), frame(out)
        )
    return einsum(f"1{a}{shared},2{b}{shared},3{a}{b}->123", frame(left), frame(right), frame(out))


@pytest.mark.parametrize(
    "degrees", [t for t in product(range(4), repeat=3) if abs(t[0] - t[1]) <= t[2] <= t[0] + t[1]]
)
def test_the_coupling_is_what_its_law_says(degrees):
    assert compact_coupling(*degrees) == by_definition(*degrees)


@given(triangles(8))
def test_the_norm_is_the_closed_form(degrees):
    assert compact_coupling(*degrees).norm_squared() == coupling_norm_squared(*degrees)


# Reference values: "Coupling of two STF tensors".
@pytest.mark.parametrize(
    ("degrees", "norm_squared"),
    [
        ((1, 1, 0), 3),
        ((1, 1, 1), 6),
        ((1, 1, 2), 5),
        ((2, 2, 0), 5),
        ((2, 2, 1), Fraction(15, 2)),
        ((2, 2, 2), Fraction(35, 12)),
        ((2, 2, 3), 7),
        ((2, 2, 4), 9),
        ((3, 3, 2), Fraction(14, 5)),
    ],
)
def test_the_norms_are_the_published_ones(degrees, norm_squared):
    assert coupling_norm_squared(*degrees) == norm_squared


@given(triangles(6))
def test_the_phase_is_that_of_e3nn(degrees):
    e3nn = pytest.importorskip("e3nn.o3")
    torch = pytest.importorskip("torch")
    ours = compact_coupling(*degrees).numpy()
    theirs = e3nn.wigner_3j(*degrees, dtype=torch.float64).numpy()
    np.testing.assert_allclose(ours / np.linalg.norm(ours), theirs, atol=1e-12)


@given(triangles(7), triangles(7))
def test_couplings_to_one_output_are_orthogonal(first, second):
    left, right, out = first
    gram = einsum("abx,aby->xy", compact_coupling(left, right, out), compact_coupling(left, right, out))
    expected = coupling_norm_squared(left, right, out) / (2 * out + 1)
    assert gram == exact([[expected * (x == y) for y in range(2 * out + 1)] for x in range(2 * out + 1)])
    other = second[2]
    if abs(left - right) <= other <= left + right and other != out:
        assert einsum(
            "abx,aby->xy", compact_coupling(left, right, out), compact_coupling(left, right, other)
        ).is_zero


@given(triangles(6))
def test_exchanging_the_factors_changes_the_sign_of_odd_couplings_only(degrees):
    left, right, out = degrees
    sign = (-1) ** (sum(degrees) % 2)
    assert compact_coupling(right, left, out) == sign * compact_coupling(left, right, out).transpose(1, 0, 2)


def test_degrees_outside_the_triangle_are_refused():
    with pytest.raises(ValueError, match="the triangle rule allows degrees 1 to 3, not 4"):
        compact_coupling(1, 2, 4)
