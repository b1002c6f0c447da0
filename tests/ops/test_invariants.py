import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cartesian.ops.invariants import invariant_basis, invariant_part
from cartesian.spec.symmetry import IndexSymmetry
from cartesian.symbolic.point_groups import CRYSTAL_CLASSES, PointGroup
from cartesian.testing.strategies import orthogonals

unit = st.floats(-1, 1, width=32)
groups = st.sampled_from([*CRYSTAL_CLASSES, "112", "312", "-62m", "-4m2"]).map(PointGroup)
symmetries = st.sampled_from(["V", "[V2]", "e[V2]", "V[V2]", "{V2}V", "[[V2]2]"]).map(IndexSymmetry.jahn)


def applied(matrix, tensor, rank, axial):
    for axis in range(-rank, 0):
        tensor = np.moveaxis(np.tensordot(tensor, matrix, ([axis], [1])), -1, axis)
    return tensor * np.linalg.det(matrix) if axial else tensor


@given(st.data(), symmetries, groups, orthogonals())
@settings(max_examples=20)
def test_the_invariant_part_is_the_mean_over_the_group(data, symmetry, group, orientation):
    shape = (2, *[3] * symmetry.rank)
    tensor = data.draw(arrays(np.float64, shape, elements=unit))
    symmetric = np.zeros(shape)
    for orbit in symmetry.orbits():
        mean = sum(sign * tensor[:, *i] for i, sign in orbit) / len(orbit)
        for i, sign in orbit:
            symmetric[:, *i] = sign * mean
    matrices = [orientation @ g.numpy() @ orientation.T for g in group.elements]
    mean = sum(applied(g, symmetric, symmetry.rank, symmetry.axial) for g in matrices) / len(matrices)
    found = invariant_part(tensor, symmetry, group, orientation)
    np.testing.assert_allclose(found, mean, atol=1e-12)


@given(symmetries, groups, orthogonals())
@settings(max_examples=40)
def test_the_basis_is_orthonormal_in_any_orientation(symmetry, group, orientation):
    basis = invariant_basis(symmetry, group, orientation)
    flat = basis.reshape(len(basis), 3**symmetry.rank)
    np.testing.assert_allclose(flat @ flat.T, np.eye(len(basis)), atol=1e-12)


def test_the_standard_basis_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        invariant_basis("ij=ji", "mmm")[0, 0, 0] = 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torch_agrees_with_numpy_and_keeps_dtype_and_gradient(dtype):
    tensor = torch.linspace(-1, 1, 54, dtype=dtype).reshape(2, 3, 3, 3).requires_grad_()
    part = invariant_part(tensor, "ijk=ikj", "3m")
    part.square().sum().backward()
    expected = invariant_part(tensor.detach().numpy(), "ijk=ikj", "3m")
    assert part.dtype == dtype
    assert expected.dtype == tensor.detach().numpy().dtype
    np.testing.assert_allclose(part.detach().numpy(), expected, atol=1e-6)
    # The projection is symmetric and idempotent: the gradient of its squared norm is twice itself.
    torch.testing.assert_close(tensor.grad, 2 * part.detach())


def test_a_group_without_invariants_leaves_zero():
    assert not invariant_part(np.ones((4, 3)), "i", "-1").any()
    assert invariant_basis("i", "-1").shape == (0, 3)
    assert invariant_part(np.ones((0, 3)), "i", "4").shape == (0, 3)


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match=r"shape \(2, 3\) does not have the symmetry ij=ji: the last 2 axes"):
        invariant_part(np.zeros((2, 3)), "ij=ji", "4")
    with pytest.raises(ValueError, match="must hold for an orthogonal matrix"):
        invariant_basis("ij", "4", [[1, 0, 0], [0, 1, 0], [0, 0, 2]])
    with pytest.raises(ValueError, match="'7' is not a crystallographic point group"):
        invariant_basis("ij", "7")
