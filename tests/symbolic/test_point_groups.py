from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import exact
from cartesian.symbolic.point_groups import (
    CRYSTAL_CLASSES,
    LIMIT_GROUPS,
    PointGroup,
    determinant,
    rotation,
)

IDENTITY = exact([[1, 0, 0], [0, 1, 0], [0, 0, 1]])

SETTINGS = {
    "2": ["112", "211"],
    "m": ["11m", "m11"],
    "2/m": ["112/m", "2/m11"],
    "mm2": ["2mm", "m2m"],
    "-42m": ["-4m2"],
    "32": ["312"],
    "3m": ["31m"],
    "-3m": ["-31m"],
    "-6m2": ["-62m"],
}
FINITE = [*CRYSTAL_CLASSES, *(setting for settings in SETTINGS.values() for setting in settings)]

# Orders: International Tables for Crystallography A, Table 3.2.1.4, through the Schoenflies symbols.
ORDERS = {
    **{"C1": 1, "Ci": 2, "C2": 2, "Cs": 2, "C2h": 4, "D2": 4, "C2v": 4, "D2h": 8},
    **{"C4": 4, "S4": 4, "C4h": 8, "D4": 8, "C4v": 8, "D2d": 8, "D4h": 16},
    **{"C3": 3, "S6": 6, "D3": 6, "C3v": 6, "D3d": 12},
    **{"C6": 6, "C3h": 6, "C6h": 12, "D6": 12, "C6v": 12, "D3h": 12, "D6h": 24},
    **{"T": 12, "Th": 24, "O": 24, "Td": 24, "Oh": 48},
}

# The operations of x, y, z in the general position of the class, International Tables A.
FACTS = {
    # mirror across x, twofold axis along x
    "m11": ("mirror", (1, 0, 0)),
    "3m": ("mirror", (1, 0, 0)),
    "-6m2": ("mirror", (1, 0, 0)),
    "-4m2": ("mirror", (1, 0, 0)),
    "31m": ("mirror", (0, 1, 0)),
    "m": ("mirror", (0, 1, 0)),
    "11m": ("mirror", (0, 0, 1)),
    "32": ("twofold", (1, 0, 0)),
    "-62m": ("twofold", (1, 0, 0)),
    "-42m": ("twofold", (1, 0, 0)),
    "312": ("twofold", (0, 1, 0)),
    "2": ("twofold", (0, 1, 0)),
    "112": ("twofold", (0, 0, 1)),
    "2mm": ("twofold", (1, 0, 0)),
    "mm2": ("twofold", (0, 0, 1)),
    "422": ("twofold", (1, -1, 0)),
    "-43m": ("mirror", (1, 1, 0)),
}


def product(a, b):
    return einsum("ij,jk->ik", a, b)


def characters(group):
    """How often each pair of determinant and trace occurs: equal for conjugate groups."""
    return sorted(
        (determinant(g).fraction(), einsum("ii->", g).fraction()) for g in PointGroup(group).elements
    )


@given(st.sampled_from(FINITE), st.data())
def test_the_elements_are_a_group_of_orthogonal_matrices(symbol, data):
    group = PointGroup(symbol)
    a, b = (data.draw(st.sampled_from(group.elements)) for _ in range(2))
    assert product(a, a.transpose()) == IDENTITY
    assert determinant(a) in (1, -1)
    assert product(a, b.transpose()) in group
    assert group.elements[0] == IDENTITY
    assert len(set(group.elements)) == group.order


def test_there_are_32_classes_of_known_order():
    assert {PointGroup(symbol).schoenflies: PointGroup(symbol).order for symbol in CRYSTAL_CLASSES} == ORDERS


def test_eleven_classes_are_chiral_and_eleven_centrosymmetric():
    groups = [PointGroup(symbol) for symbol in CRYSTAL_CLASSES]
    assert sum(group.is_chiral for group in groups) == 11
    assert sum(group.is_centrosymmetric for group in groups) == 11
    assert len({group.laue_class for group in groups}) == 11
    assert all(group.is_chiral == all(determinant(g) == 1 for g in group.elements) for group in groups)


def test_no_two_classes_have_equal_characters_but_all_settings_of_one_do():
    assert len({tuple(characters(symbol)) for symbol in CRYSTAL_CLASSES}) == 32
    for symbol, settings in SETTINGS.items():
        for setting in settings:
            assert characters(setting) == characters(symbol)
            assert PointGroup(setting).crystal_class == symbol
            assert set(PointGroup(setting).elements) != set(PointGroup(symbol).elements)


@pytest.mark.parametrize("symbol", FACTS)
def test_operations_lie_along_the_conventional_axes(symbol):
    kind, axis = FACTS[symbol]
    twofold = rotation(2, axis)
    assert (-twofold if kind == "mirror" else twofold) in PointGroup(symbol)
    assert (twofold if kind == "mirror" else -twofold) not in PointGroup(symbol)


@given(st.sampled_from([1, 2, 3, 4, 6]), st.sampled_from([(0, 0, 1), (1, 1, 1), (1, 1, 0), (2, -1, 3)]))
def test_a_rotation_fixes_its_axis_and_has_its_order(order, axis):
    matrix, power = rotation(order, axis), IDENTITY
    assert einsum("ij,j->i", matrix, exact(list(axis))) == exact(list(axis))
    powers = []
    for _ in range(order):
        power = product(matrix, power)
        powers.append(power)
    assert powers.index(IDENTITY) == order - 1
    # counterclockwise seen from the tip of the axis: a · (b × Rb) > 0 for b across the axis
    b = (-axis[1], axis[0], 0) if axis[:2] != (0, 0) else (1, 0, 0)
    c = einsum("ij,j->i", matrix, exact(list(b)))
    triple = determinant(exact([list(axis), list(b), [c[i] for i in range(3)]]))
    assert float(triple) >= 0


def test_the_laue_class_adds_the_inversion_in_the_same_setting():
    for symbol in [*FINITE, *LIMIT_GROUPS]:
        group = PointGroup(symbol)
        laue = group.laue_class
        assert laue.is_centrosymmetric
        assert group.is_subgroup_of(laue)
        if group.system not in ("cylindrical", "spherical"):
            assert laue.order == group.order * (1 if group.is_centrosymmetric else 2)
    assert PointGroup("-62m").laue_class == PointGroup("6/mmm")
    assert PointGroup("∞2").laue_class == PointGroup("∞/mm")
    assert PointGroup("∞").laue_class == PointGroup("∞/m")


@given(st.sampled_from([*FINITE, *LIMIT_GROUPS]), st.sampled_from([*FINITE, *LIMIT_GROUPS]))
def test_subgroups_hold_only_elements_of_the_group(small, large):
    small, large = PointGroup(small), PointGroup(large)
    inside = small.is_subgroup_of(large)
    if not small.rotation_axes:
        assert inside == all(g in large for g in small.elements)
        if inside and not large.rotation_axes:
            assert large.order % small.order == 0
    elif not large.rotation_axes:
        assert not inside


@pytest.mark.parametrize(
    ("small", "large", "inside"),
    [
        ("2", "112/m", False),
        ("6/mmm", "∞/mm", True),
        ("422", "∞2", True),
        ("422", "∞m", False),
        ("-6", "∞/m", True),
        ("m-3m", "∞/mm", False),
        ("432", "SO(3)", True),
        ("-43m", "SO(3)", False),
        ("∞/mm", "O(3)", True),
        ("∞2", "SO(3)", True),
        ("∞m", "SO(3)", False),
        ("SO(3)", "∞/mm", False),
        ("23", "-43m", True),
        ("-42m", "-43m", True),
        ("-4m2", "-43m", False),
    ],
)
def test_known_subgroups(small, large, inside):
    assert PointGroup(small).is_subgroup_of(large) == inside


def test_a_limit_group_knows_its_elements():
    tilt = exact([[1, 0, 0], [0, Fraction(3, 5), Fraction(-4, 5)], [0, Fraction(4, 5), Fraction(3, 5)]])
    turn = exact([[Fraction(3, 5), Fraction(-4, 5), 0], [Fraction(4, 5), Fraction(3, 5), 0], [0, 0, 1]])
    stretch = exact([[2, 0, 0], [0, 1, 0], [0, 0, 1]])
    assert turn in PointGroup("∞")
    assert tilt not in PointGroup("∞/mm")
    assert tilt in PointGroup("SO(3)")
    assert -tilt in PointGroup("O(3)")
    assert -tilt not in PointGroup("SO(3)")
    assert stretch not in PointGroup("O(3)")


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("Oh", "m-3m"),
        ("D3d", "-3m"),
        ("S6", "-3"),
        ("C3i", "-3"),
        ("4/m -3 2/m", "m-3m"),
        ("m3m", "m-3m"),
        ("4\u03053m", "-43m"),
        ("\u221243m", "-43m"),
        ("-3 1 2/m", "-31m"),
        ("3 2 1", "32"),
        ("1 2/m 1", "2/m"),
        ("inf/mm", "∞/mm"),
        ("Cinfv", "∞m"),
        ("∞∞m", "O(3)"),
    ],
)
def test_other_spellings(text, symbol):
    assert PointGroup(text) == PointGroup(symbol)
    assert hash(PointGroup(text)) == hash(PointGroup(symbol))
    assert str(PointGroup(text)) == symbol


def test_an_unknown_group_is_answered_with_similar_ones():
    with pytest.raises(ValueError, match=r"'4/m3m' is not a crystallographic point group .* 4/mmm"):
        PointGroup("4/m3m")
    with pytest.raises(ValueError, match=r"'٣' is not"):
        PointGroup("٣")
    with pytest.raises(TypeError, match=r"named by its symbol, such as 'm-3m', not by 43"):
        PointGroup(43)


def test_a_limit_group_does_not_list_its_elements():
    with pytest.raises(ValueError, match="∞m has infinitely many elements"):
        _ = PointGroup("∞m").elements


def test_a_rotation_that_no_lattice_has_is_refused():
    with pytest.raises(ValueError, match="order 1, 2, 3, 4 or 6, not 5"):
        rotation(5, (0, 0, 1))
