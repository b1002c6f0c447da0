import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartesian.spec import Irreps, Path, paths


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 12))
def test_a_path_exists_exactly_inside_the_triangle(left, right, out):
    if abs(left - right) <= out <= left + right:
        path = Path(left, right, out)
        assert path.degrees == (left, right, out)
        assert left + right - 2 * path.pairs - (not path.is_contraction) == out
        assert path.is_contraction == path.out.is_natural
    else:
        with pytest.raises(ValueError, match="the triangle rule allows degrees"):
            Path(left, right, out)


# Reference values: "paths", "δ-only", "with ε", for all degrees up to L.
@pytest.mark.parametrize(
    ("degree", "total", "contractions"),
    [
        (0, 1, 1),
        (1, 5, 4),
        (2, 15, 11),
        (3, 34, 23),
        (4, 65, 42),
        (5, 111, 69),
        (6, 175, 106),
        (7, 260, 154),
        (8, 369, 215),
    ],
)
def test_the_number_of_paths_is_the_counted_one(degree, total, contractions):
    natural = Irreps.harmonics(degree)
    both = natural + Irreps((1, type(i)(i.degree, -i.parity)) for _, i in natural)
    found = list(paths(natural, natural, both))
    assert len(found) == total
    assert sum(path.is_contraction for path in found) == contractions


def test_parities_multiply():
    assert str(Path("1o", "1e", 2)) == "1o x 1e -> 2o"
    with pytest.raises(ValueError, match="parities multiply, which gives 1e"):
        Path("1o", "1o", "1o")


def test_paths_of_both_parities_of_degree_three_number_68():
    both = "0e+0o+1e+1o+2e+2o+3e+3o"
    assert len(list(paths(both, Irreps.harmonics(3), both))) == 68
