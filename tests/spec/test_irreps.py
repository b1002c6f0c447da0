import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartesian.spec import Irrep, Irreps

irrep = st.builds(Irrep, st.integers(0, 5), st.sampled_from([1, -1]))
irreps = st.lists(st.tuples(st.integers(0, 4), irrep), max_size=5).map(Irreps)


@given(irreps)
def test_text_and_blocks_name_the_same_sum(sum_):
    assert Irreps(str(sum_)) == sum_ == Irreps(list(sum_))


@given(irreps, irreps)
def test_dimensions_add_and_multiply(a, b):
    assert (a + b).dim == a.dim + b.dim
    assert a.product(b).dim == a.dim * b.dim
    assert (3 * a).dim == 3 * a.dim


@given(irreps)
def test_slices_tile_the_flat_vector(sum_):
    ends = [0, *(s.stop for s in sum_.slices)]
    assert [s.start for s in sum_.slices] == ends[:-1]
    assert ends[-1] == sum_.dim


@given(irreps)
def test_simplifying_keeps_the_count_of_every_irrep(sum_):
    simple = sum_.simplify()
    assert all(simple.count(i) == sum_.count(i) for _, i in sum_)
    assert [i for _, i in simple] == sorted({i for n, i in sum_ if sum_.count(i)})


def test_a_sum_reads_as_in_the_papers():
    assert Irreps("16x0e + 8x1o + 4x2e").dim == 60
    assert str(Irreps.harmonics(3)) == "1x0e+1x1o+1x2e+1x3o"
    assert str(Irreps("2x1o").product("1e")) == "2x0o+2x1o+2x2o"
    assert Irreps("0e+3x2e").max_degree == 2
    assert "2e" in Irreps("0e+2e")
    assert "2o" not in Irreps("0e+2e")


@pytest.mark.parametrize(
    "text", ["1x", "x1o", "-1x0e", "2*1o", "1.5x0e", "0e,1o", "1o+", "٣x1o", "9999999999x0e"]
)
def test_what_is_no_sum_of_irreps_is_refused(text):
    with pytest.raises(ValueError, match=r"cannot read|is not an irrep"):
        Irreps(text)


@pytest.mark.parametrize("terms", [[(1.5, "0e")], [(-1, "0e")], [("0e", 1)], [(1, 2, 3)], [7]])
def test_wrong_blocks_are_refused(terms):
    with pytest.raises(ValueError, match=r"number of channels|not a term"):
        Irreps(terms)


def test_an_empty_sum_has_no_largest_degree():
    with pytest.raises(ValueError, match="no largest degree"):
        _ = Irreps("").max_degree
