from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cartesian.spec import Irrep
from cartesian.spec.symmetry import IndexSymmetry
from cartesian.symbolic.decomposition import decomposition, embedding
from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import ExactTensor, exact, sqrt
from cartesian.symbolic.harmonics import frame
from cartesian.testing.strategies import index_symmetries

LETTERS = "abcdefgh"


def parts(symmetry):
    return [(irrep, s) for count, irrep in symmetry.irreps for s in range(1, count + 1)]


def identity(n: int) -> ExactTensor:
    return exact([[int(i == j) for j in range(n)] for i in range(n)])


@settings(max_examples=25)
@given(index_symmetries(max_rank=4))
def test_embeddings_are_orthonormal_and_complete(symmetry):
    n = symmetry.rank
    matrices = [embedding(symmetry, irrep, s).numpy().reshape(3**n, -1) for irrep, s in parts(symmetry)]
    basis = np.concatenate([np.zeros((3**n, 0)), *matrices], 1)
    np.testing.assert_allclose(basis.T @ basis, np.eye(symmetry.dim), atol=1e-13)
    unit = np.eye(3**n).reshape((3,) * n + (-1,))
    group = [(p, s) for p in permutations(range(n)) if (s := symmetry.group.sign(p))]
    projector = np.mean([s * unit.transpose(*p, n) for p, s in group], 0).reshape(3**n, -1)
    np.testing.assert_allclose(basis @ basis.T, projector, atol=1e-13)


@pytest.mark.parametrize("symbol", ["[[V2]2]", "V[V2]", "{[V2]2}", "V3"])
def test_embeddings_are_orthonormal_in_exact_arithmetic(symbol):
    symmetry = IndexSymmetry.jahn(symbol)
    indices = LETTERS[: symmetry.rank]
    for irrep, s in parts(symmetry):
        for other, t in parts(symmetry):
            left, right = embedding(symmetry, irrep, s), embedding(symmetry, other, t)
            product = einsum(f"{indices}x,{indices}y->xy", left, right)
            if (irrep, s) == (other, t):
                assert product == identity(irrep.dim)
            else:
                assert product.is_zero


@pytest.mark.parametrize("formula", ["abcde=bcdea", "abcd=-bcda", "abcde=edcba", "abcd=cbad=adcb=badc"])
def test_symmetries_of_long_reach(formula):
    symmetry = IndexSymmetry.parse(formula)
    chain = decomposition(symmetry)
    counts = {degree: len(norms) for degree, norms in chain.levels[-1].norms.items()}
    assert counts == {irrep.degree: count for count, irrep in symmetry.irreps}
    for irrep, s in parts(symmetry)[:3]:
        tensor = embedding(symmetry, irrep, s)
        for permutation, sign in symmetry.generators:
            assert tensor.transpose(*permutation, symmetry.rank) == sign * tensor


@pytest.mark.parametrize("symbol", ["V9", "[V9]", "[V12]", "[[V2]3]", "[[V2]4]", "{[V3]2}", "[V2]V5"])
def test_the_chain_has_as_many_parts_as_the_characters_say(symbol):
    symmetry = IndexSymmetry.jahn(symbol)
    levels = decomposition(symmetry).levels
    counts = {degree: len(norms) for degree, norms in levels[-1].norms.items()}
    assert counts == {irrep.degree: count for count, irrep in symmetry.irreps}


@pytest.mark.parametrize("degree", range(1, 5))
def test_the_part_of_highest_degree_is_the_frame(degree):
    found = embedding("abcd"[:degree], Irrep.natural(degree))
    assert found == frame(degree).transpose(*range(1, degree + 1), 0)


def test_the_antisymmetric_part_is_the_axial_vector():
    tensor = embedding("ij=-ji", "1e")
    assert tensor[0, 1, 2] == sqrt(Fraction(1, 2))
    assert tensor[1, 0, 2] == -sqrt(Fraction(1, 2))


@pytest.mark.parametrize(
    "formula", ["ijkl=jikl=klij", "ijk=ikj", "ijk=jik", "ijkl=jikl", "abcdef=badcef=cdabef=abefcd"]
)
def test_the_totally_symmetric_part_comes_first_and_points_along_its_harmonic(formula):
    symmetry = IndexSymmetry.parse(formula)
    n = symmetry.rank
    rng = np.random.default_rng(0)
    unit = rng.normal(size=3)
    for count, irrep in symmetry.irreps:
        values = []
        for s in range(1, count + 1):
            tensor = embedding(symmetry, irrep, s)
            numbers = tensor.numpy()
            for _ in range(n):
                numbers = np.tensordot(unit, numbers, (0, 0))
            values.append(numbers)
            if s == 1 and (n - irrep.degree) % 2 == 0:
                swaps = [((*range(k), k + 1, k, *range(k + 2, n + 1))) for k in range(n - 1)]
                assert all(tensor.transpose(*p) == tensor for p in swaps)
        if (n - irrep.degree) % 2 == 0:
            harmonic = frame(irrep.degree).numpy()
            for _ in range(irrep.degree):
                harmonic = harmonic @ unit
            scale = values[0] @ harmonic / (harmonic @ harmonic)
            assert scale > 0
            np.testing.assert_allclose(values[0], scale * harmonic, atol=1e-12)
            np.testing.assert_allclose(values[1:], 0 * np.array(values[1:]), atol=1e-12)


def test_elasticity_has_the_isotropic_parts_of_backus():
    delta = identity(3)

    def pairing(formula):
        return einsum(formula, delta, delta)

    straight, crossed = pairing("ij,kl->ijkl"), pairing("ik,jl->ijkl") + pairing("il,jk->ijkl")
    symmetric, asymmetric = straight + crossed, 2 * straight - crossed
    for seniority, expected in ((1, symmetric), (2, asymmetric)):
        found = embedding("ijkl=jikl=klij", "0e", seniority).reshape(3, 3, 3, 3)
        assert einsum("ijkl,ijkl->", found, expected) ** 2 == expected.norm_squared()


@settings(max_examples=20)
@given(index_symmetries(max_rank=4), st.data())
def test_a_part_that_does_not_exist(symmetry, data):
    irrep = data.draw(st.builds(Irrep, st.integers(0, 6), st.sampled_from([1, -1])))
    missing = symmetry.irreps.count(irrep) + 1
    with pytest.raises(ValueError, match=rf"have no part {irrep} of seniority {missing}: their parts are"):
        embedding(symmetry, irrep, missing)
