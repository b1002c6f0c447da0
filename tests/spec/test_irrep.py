import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartesian.spec import Irrep

irreps = st.builds(Irrep, st.integers(0, 9), st.sampled_from([1, -1]))


@given(irreps)
def test_the_label_names_the_irrep(irrep):
    assert Irrep(str(irrep)) == irrep == Irrep(irrep)


@given(irreps, irreps)
def test_the_dimensions_of_a_product_multiply(a, b):
    assert sum(c.dim for c in a * b) == a.dim * b.dim


@given(irreps, irreps)
def test_the_product_of_natural_parities_is_natural_only_for_an_even_sum_of_degrees(a, b):
    natural = a.is_natural == b.is_natural
    assert all(c.is_natural == (natural == ((a.degree + b.degree + c.degree) % 2 == 0)) for c in a * b)


def test_irreps_are_ordered_by_degree_with_natural_parity_first():
    assert [str(i) for i in sorted(Irrep(t) for t in ["1e", "2o", "0o", "1o", "2e", "0e"])] == [
        "0e",
        "0o",
        "1o",
        "1e",
        "2e",
        "2o",
    ]


@pytest.mark.parametrize(
    "text", ["", "1", "e", "1x", "-1o", "+1o", "01o", "1 o", "1O", "²e", "١o", "1oo", "99999e"]
)
def test_what_is_not_a_label_is_refused(text):
    with pytest.raises(ValueError, match=r"is not an irrep: write a degree of at most four ASCII digits"):
        Irrep(text)


@pytest.mark.parametrize(
    ("degree", "parity"), [(-1, 1), (1.0, 1), (True, 1), (1, 0), (1, None), (1, True), (1, 2)]
)
def test_a_wrong_degree_or_parity_is_refused(degree, parity):
    with pytest.raises(ValueError, match="of an irrep is"):
        Irrep(degree, parity)


def test_a_label_with_a_second_parity_is_refused():
    with pytest.raises(ValueError, match="already names a parity"):
        Irrep("1o", -1)
