import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cartesian.spec.symmetry import IndexSymmetry
from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import sqrt
from cartesian.symbolic.maps import equivariant_maps
from cartesian.symbolic.rotation import cayley
from cartesian.testing.strategies import index_symmetries, orthogonals

rationals = st.fractions(min_value=-2, max_value=2, max_denominator=4)


def act(matrix: np.ndarray, tensor: np.ndarray, rank: int, axial: bool) -> np.ndarray:
    """An orthogonal matrix on the first `rank` axes."""
    for axis in range(rank):
        tensor = np.moveaxis(np.tensordot(matrix, tensor, (1, axis)), 0, axis)
    return tensor * (np.linalg.det(matrix) if axial else 1)


@settings(max_examples=20)
@given(index_symmetries(max_rank=3), index_symmetries(max_rank=2), orthogonals())
def test_maps_commute_with_o3_and_are_as_many_as_pairs_of_equal_parts(source, target, matrix):
    maps = equivariant_maps(source, target)
    assert len(maps) == sum(count * source.irreps.count(irrep) for count, irrep in target.irreps)
    for found in maps:
        numbers = found.numpy()
        turned = act(matrix, numbers, numbers.ndim, source.axial != target.axial)
        np.testing.assert_allclose(turned, numbers, atol=1e-12)


@settings(max_examples=20)
@given(index_symmetries(max_rank=2), index_symmetries(max_rank=2))
def test_maps_are_orthogonal(source, target):
    maps = [found.reshape(found.size) for found in equivariant_maps(source, target)]
    for i, left in enumerate(maps):
        assert all(einsum("i,i->", left, right).is_zero for right in maps[:i])


def test_maps_from_a_space_to_itself_contain_its_projectors():
    trace, deviator = (m.reshape(9, 9) for m in equivariant_maps("ij=ji", "kl=lk"))
    assert einsum("ij,jk->ik", trace, trace) == trace
    assert einsum("ij,jk->ik", deviator, deviator) == deviator
    assert einsum("ij,jk->ik", trace, deviator).is_zero
    assert [einsum("ii->", trace), einsum("ii->", deviator)] == [1, 5]


def test_a_matrix_has_one_axial_vector():
    (found,) = equivariant_maps("ij", IndexSymmetry.parse("k", axial=True))
    assert found[2, 0, 1] * sqrt(2) == 1
    assert equivariant_maps("ij", "k") == ()


@settings(max_examples=10)
@given(st.tuples(rationals, rationals, rationals), st.sampled_from([1, -1]))
def test_maps_commute_with_a_rational_rotation_or_reflection_exactly(vector, sign):
    matrix = sign * cayley(*vector)
    for found in equivariant_maps("ijk=ikj", "l"):
        assert einsum("ai,bj,ck,dl,ijkl->abcd", matrix, matrix, matrix, matrix, found) == found


@pytest.mark.parametrize(("rank", "count"), [(1, 1), (2, 3), (3, 15)])
def test_general_tensors_have_as_many_maps_as_isotropic_tensors_of_twice_the_rank(rank, count):
    letters = "ijk"[:rank]
    assert len(equivariant_maps(letters, letters)) == count


def test_time_reversal_separates_spaces():
    odd = IndexSymmetry.parse("i", time_odd=True)
    assert equivariant_maps("i", odd) == ()
    assert len(equivariant_maps(odd, odd)) == 1
