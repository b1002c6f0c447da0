from itertools import permutations, product
from math import comb

import numpy as np
import pytest
from hypothesis import given

from cartesian.spec import Irrep
from cartesian.spec.symmetry import IndexSymmetry
from cartesian.testing.strategies import index_symmetries


def projector(symmetry: IndexSymmetry) -> np.ndarray:
    """Mean over the group of signed permutations, as a dense matrix."""
    n = symmetry.rank
    identity = np.eye(3**n).reshape((3,) * n + (-1,))
    terms = [s * identity.transpose(*p, n) for p in permutations(range(n)) if (s := symmetry.group.sign(p))]
    return np.mean(terms, 0).reshape(3**n, -1)


def axial_character(symmetry: IndexSymmetry, angle: float) -> float:
    """Trace of a rotation about z on the space."""
    c, s = np.cos(angle), np.sin(angle)
    rotation = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    power = np.ones((1, 1))
    for _ in range(symmetry.rank):
        power = np.kron(power, rotation)
    return np.trace(projector(symmetry) @ power)


@given(index_symmetries(max_rank=4))
def test_dimension_and_irreps_are_those_of_the_dense_projector(symmetry):
    assert symmetry.dim == symmetry.irreps.dim == round(np.trace(projector(symmetry)))
    for angle in (0.7, 2.0):
        terms = [n * np.sin((irrep.degree + 0.5) * angle) / np.sin(angle / 2) for n, irrep in symmetry.irreps]
        assert axial_character(symmetry, angle) == pytest.approx(sum(terms), abs=1e-9)


@given(index_symmetries(max_rank=4))
def test_orbits_span_the_space(symmetry):
    orbits = symmetry.orbits()
    assert len(orbits) == symmetry.dim
    basis = np.zeros((len(orbits), *[3] * symmetry.rank))
    for row, orbit in zip(basis, orbits, strict=True):
        assert orbit[0] == (min(index for index, _ in orbit), 1)
        for index, sign in orbit:
            row[index] = sign
    flat = basis.reshape(len(orbits), -1)
    np.testing.assert_allclose(flat @ projector(symmetry), flat, atol=1e-12)


@given(index_symmetries(max_rank=4))
def test_a_formula_reads_back(symmetry):
    again = IndexSymmetry.parse(symmetry.formula, symmetry.axial, symmetry.time_odd)
    assert again == symmetry
    assert again.parity == (-1) ** symmetry.rank * (-1 if symmetry.axial else 1)
    assert {block.irrep.parity for block in again.irreps} == {again.parity}


# Columns: Jahn symbol, components, parts as degrees, number of parts.
MATERIAL = [
    ("V", 3, {1: 1}),
    ("[V2]", 6, {0: 1, 2: 1}),
    ("V2", 9, {0: 1, 1: 1, 2: 1}),
    ("V[V2]", 18, {1: 2, 2: 1, 3: 1}),
    ("[V3]", 10, {1: 1, 3: 1}),
    ("V3", 27, {0: 1, 1: 3, 2: 2, 3: 1}),
    ("[[V2]2]", 21, {0: 2, 2: 2, 4: 1}),
    ("[V2]2", 36, {0: 2, 1: 1, 2: 3, 3: 1, 4: 1}),
    ("{[V2]2}", 15, {1: 1, 2: 1, 3: 1}),
    ("V2[V2]", 54, {0: 2, 1: 3, 2: 4, 3: 2, 4: 1}),
    ("V[V3]", 30, {0: 1, 1: 1, 2: 2, 3: 1, 4: 1}),
    ("[V4]", 15, {0: 1, 2: 1, 4: 1}),
    ("V4", 81, {0: 3, 1: 6, 2: 6, 3: 3, 4: 1}),
    ("[[V2]3]", 56, {0: 3, 2: 3, 3: 1, 4: 2, 6: 1}),
]


@pytest.mark.parametrize("mark", ["", "e"])
@pytest.mark.parametrize(("symbol", "dim", "degrees"), MATERIAL)
def test_material_tensors(symbol, dim, degrees, mark):
    symmetry = IndexSymmetry.jahn(mark + symbol)
    assert symmetry.dim == dim
    assert {irrep.degree: count for count, irrep in symmetry.irreps} == degrees
    polar = (-1) ** symmetry.rank
    assert all(irrep.parity == (-polar if mark else polar) for _, irrep in symmetry.irreps)


MULTIPLICITIES = [
    (1, [0, 1]),
    (2, [1, 1, 1]),
    (3, [1, 3, 2, 1]),
    (4, [3, 6, 6, 3, 1]),
    (5, [6, 15, 15, 10, 4, 1]),
    (6, [15, 36, 40, 29, 15, 5, 1]),
    (7, [36, 91, 105, 84, 49, 21, 6, 1]),
    (8, [91, 232, 280, 238, 154, 76, 28, 7, 1]),
]


@pytest.mark.parametrize(("rank", "counts"), MULTIPLICITIES)
def test_general_tensors_have_the_tabulated_multiplicities(rank, counts):
    irreps = IndexSymmetry.parse("abcdefgh"[:rank]).irreps
    parity = (-1) ** rank
    assert [irreps.count(Irrep(degree, parity)) for degree in range(rank + 1)] == counts


@pytest.mark.parametrize("rank", range(2, 13))
def test_general_tensors_have_the_multiplicities_of_the_closed_form(rank):
    irreps = IndexSymmetry.jahn(f"V{rank}").irreps
    for count, irrep in irreps:
        j = irrep.degree
        tops = [2 * rank - 3 * k - j - 2 for k in range(rank + 1)]
        assert count == sum(
            (-1) ** k * comb(rank, k) * comb(top, rank - 2) for k, top in enumerate(tops) if top >= 0
        )
    assert sum((2 * irrep.degree + 1) * count for count, irrep in irreps) == 3**rank


@pytest.mark.parametrize("rank", [9, 12])
def test_totally_symmetric_tensors_have_every_second_degree(rank):
    symmetry = IndexSymmetry.jahn(f"[V{rank}]")
    assert symmetry.dim == comb(rank + 2, 2)
    assert [irrep.degree for _, irrep in symmetry.irreps] == list(range(rank % 2, rank + 1, 2))


@pytest.mark.parametrize(
    ("symbol", "formula"),
    [
        ("[[V2]2]", "ijkl=jikl=ijlk=klij"),
        ("V[V2]", "ijk=ikj"),
        ("{V2}", "ij=-ji"),
        ("{[V2]2}", "ijkl=jikl=ijlk=-klij"),
        ("[{V2}2]", "ijkl=-jikl=-ijlk=klij"),
        ("[V2]2", "ijkl=jikl=ijlk"),
    ],
)
def test_jahn_symbols_and_formulas_agree(symbol, formula):
    left, right = IndexSymmetry.jahn(symbol), IndexSymmetry.parse(formula)
    for permutation in permutations(range(left.rank)):
        assert left.group.sign(permutation) == right.group.sign(permutation)


def test_marks_of_a_jahn_symbol():
    for marks in product(("", "a"), ("", "e", "ε")):
        symmetry = IndexSymmetry.jahn("".join(marks) + "V2")
        assert (symmetry.time_odd, symmetry.axial) == (bool(marks[0]), bool(marks[1]))
    assert str(IndexSymmetry.jahn("aeV[V2]")) == "ijk=ikj, axial, time-odd"


def test_four_antisymmetric_indices_leave_nothing():
    symmetry = IndexSymmetry.jahn("{V4}")
    assert (symmetry.dim, symmetry.orbits(), len(symmetry.irreps)) == (0, (), 0)


@pytest.mark.parametrize("formula", ["ij=-ij", "ijk=jik=-kij", "ij=ji=-ji", "ijk=-jki", "ijkl=-ijkl=jikl"])
def test_contradicting_symmetries_are_refused(formula):
    with pytest.raises(ValueError, match=r"inconsistent.* T = -T"):
        IndexSymmetry.parse(formula)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("", r"cannot read '' .* write ASCII letters"),
        ("ij=", "cannot read ''"),
        ("ïj=jï", "cannot read 'ïj'"),
        ("i1=1i", "cannot read 'i1'"),
        ("ij==ji", "cannot read ''"),
        ("ii", "the index 'i' occurs twice"),
        ("ij=jk", "'jk' in 'ij=jk' is no permutation of 'ij'"),
        ("ij=ijk", "no permutation"),
        ("abcdefghijklmnopqrstuvwxyzA", r"rank 27.* ranks up to 26"),
    ],
)
def test_a_formula_that_cannot_be_read(formula, message):
    with pytest.raises(ValueError, match=message):
        IndexSymmetry.parse(formula)


@pytest.mark.parametrize(
    ("symbol", "message"),
    [
        ("", "it has no vector 'V'"),
        ("W", "'W' is out of place"),
        ("V²", "'²' is out of place"),
        ("V٢", "'٢' is out of place"),
        ("[V2", r"'\[' is never closed"),
        ("V]", r"'\]' is out of place"),
        ("[V2}", "'}' is out of place"),
        ("[V]", "at least two factors, all equal"),
        ("{[V2]V}", "at least two factors, all equal"),
        ("V0", "a power runs from 1 to 99, not 0"),
        ("V100", "a power runs from 1 to 99, not 100"),
        ("eεV", "at most once each"),
        ("V27", "rank 27"),
        ("2V", "'2' is out of place"),
    ],
)
def test_a_jahn_symbol_that_cannot_be_read(symbol, message):
    with pytest.raises(ValueError, match=message):
        IndexSymmetry.jahn(symbol)


def test_generators_must_be_signed_permutations():
    with pytest.raises(ValueError, match=r"\(\(0, 0\), 1\) is no signed permutation of 2 indices"):
        IndexSymmetry("ij", (((0, 0), 1),))
    with pytest.raises(ValueError, match="is no signed permutation"):
        IndexSymmetry("ij", (((1, 0), 2),))
