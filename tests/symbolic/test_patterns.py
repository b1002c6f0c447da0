from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartesian.spec.symmetry import IndexSymmetry
from cartesian.symbolic.component_names import VOIGT_PAIRS
from cartesian.symbolic.invariants import invariants
from cartesian.symbolic.patterns import ComponentPattern
from cartesian.symbolic.point_groups import CRYSTAL_CLASSES, LIMIT_GROUPS

# Copied from the printed tables of J. F. Nye, Physical Properties of Crystals, Appendix B.
CLASS_3 = """
 d11 -d11   0 d14  d15 -2d22
-d22  d22   0 d15 -d14 -2d11
 d31  d31 d33   0    0     0
"""
COMPLIANCE_32 = """
s11  s12 s13  s14    0    0
s12  s11 s13 -s14    0    0
s13  s13 s33    0    0    0
s14 -s14   0  s44    0    0
  0    0   0    0  s44 2s14
  0    0   0    0 2s14  s66
s66 = 2s11 - 2s12
"""
STIFFNESS_3 = """
C11  C12 C13  C14  C15    0
C12  C11 C13 -C14 -C15    0
C13  C13 C33    0    0    0
C14 -C14   0  C44    0 -C15
C15 -C15   0    0  C44  C14
  0    0   0 -C15  C14  C66
C66 = (C11 - C12)/2
"""


@pytest.mark.parametrize(
    ("formula", "group", "symbol", "factor", "text"),
    [
        ("ijk=ikj", "3", "d", 2, CLASS_3),
        ("ijkl=jikl=klij", "32", "s", 2, COMPLIANCE_32),
        ("ijkl=jikl=klij", "-3", "C", 1, STIFFNESS_3),
        ("ij", "6/m", "k", 1, " k11 k12   0\n-k12 k11   0\n   0   0 k33"),
        ("i", "∞m", "P", 1, "0 0 P3"),
        ("ij=ji", "O(3)", "e", 1, "e1 e1 e1 0 0 0"),
        ("ij", "-43m", "e", 1, "e11   0   0\n  0 e11   0\n  0   0 e11"),
    ],
)
def test_printed_tables(formula, group, symbol, factor, text):
    assert str(ComponentPattern(invariants(formula, group), symbol, shear_factor=factor)) == text.strip("\n")


@given(
    st.sampled_from(["V2", "[V2]", "V[V2]", "[V2]V", "[V3]", "[[V2]2]", "[V2]2", "V2[V2]"]),
    st.sampled_from([*CRYSTAL_CLASSES, *LIMIT_GROUPS]),
    st.booleans(),
)
def test_cells_and_relations_give_back_every_component(jahn, group, voigt):
    symmetry = IndexSymmetry.jahn(jahn)
    found = invariants(symmetry, group)
    pattern = ComponentPattern(found, voigt=voigt)
    values: dict[tuple, tuple] = {}
    for cell_label, index in labels(symmetry, voigt):
        values.setdefault(cell_label, index)
    cells = [cell for row in pattern.cells for cell in row]
    relations = dict(pattern.relations)
    assert len(cells) == len(values)
    for cell, index in zip(cells, values.values(), strict=True):
        total = {}
        for weight, label in cell:
            for factor, name in relations.get(label, ((Fraction(1), label),)):
                total[values[name]] = weight * factor
        component = {values[l]: w for l, w in named(found, index, values)}
        assert total == component


def labels(symmetry, voigt):
    """Label and one index tuple of every cell, in the order of the printed matrix, by hand."""
    pairs = {"[V2]": ["p"], "V[V2]": ["s", "p"], "[V2]V": ["p", "s"], "[V3]": ["s", "p"]}
    kinds = {
        **{IndexSymmetry.jahn(jahn): kind for jahn, kind in pairs.items()},
        **{IndexSymmetry.jahn(jahn): ["p", "p"] for jahn in ("[[V2]2]", "[V2]2")},
        IndexSymmetry.jahn("V2[V2]"): ["s", "s", "p"],
    }
    slots = kinds.get(symmetry, ["s"] * symmetry.rank) if voigt else ["s"] * symmetry.rank
    singles = [(0,), (1,), (2,)]
    for parts in product(*(VOIGT_PAIRS if slot == "p" else singles for slot in slots)):
        label = tuple(
            (VOIGT_PAIRS if slot == "p" else singles).index(part) + 1
            for slot, part in zip(slots, parts, strict=True)
        )
        yield label, tuple(i for part in parts for i in part)


def named(found, index, values):
    by_index = {i: label for label, i in values.items()}
    for name, weight in found.component(index).items():
        yield by_index[name], weight


def test_the_full_form_counts_every_index_from_1_to_3():
    pattern = ComponentPattern(invariants("ijk=ikj", "-43m"), "d", voigt=False)
    assert str(pattern).splitlines()[0].split() == [*"00000", "d123", "0", "d123", "0"]


def test_latex():
    hexagonal = ComponentPattern(invariants("ijkl=jikl=klij", "6/mmm"), "C").latex()
    assert r"C_{66} = \frac{C_{11} - C_{12}}{2}" in hexagonal
    assert hexagonal.startswith(r"\begin{pmatrix} C_{11} & C_{12} & C_{13} & 0 & 0 & 0 \\ C_{12} & C_{11}")


def test_negative_fractions_have_their_sign_in_front():
    kleinman = ComponentPattern(invariants("ijkl=jikl=jkli", "∞/mm"), "g")
    assert "g11/3" in str(kleinman)
    assert r"\frac{g_{11}}{3}" in kleinman.latex()


def test_high_ranks_do_not_fit_a_matrix():
    with pytest.raises(ValueError, match="rank 5 does not fit a matrix: patterns are for ranks up to 4"):
        ComponentPattern(invariants("ijklm=jklmi=jiklm", "O(3)"))


def test_other_shear_factors_are_refused():
    with pytest.raises(ValueError, match="a factor 1 or 2, not 3"):
        ComponentPattern(invariants("ij=ji", "1"), shear_factor=3)
