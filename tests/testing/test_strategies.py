import numpy as np
import pytest
import torch
from hypothesis import find, given
from hypothesis import strategies as st

from cartesian.spec import Irreps, Path
from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import exact
from cartesian.testing import strategies

IDENTITY = exact([[1, 0, 0], [0, 1, 0], [0, 0, 1]])


@given(strategies.orthogonals())
def test_drawn_matrices_are_orthogonal(matrix):
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-14)


@pytest.mark.parametrize("sign", [1, -1])
def test_rotations_and_reflections_in_general_position_are_drawn(sign):
    find(strategies.orthogonals(), lambda q: np.linalg.det(q) * sign > 0 and (abs(q) > 0.01).all())


@given(strategies.orthogonals(reflections=False), strategies.exact_orthogonals(reflections=False))
def test_without_reflections_every_determinant_is_positive(matrix, exact_matrix):
    assert np.linalg.det(matrix) > 0
    assert np.linalg.det(exact_matrix.numpy()) > 0


def test_the_signed_permutations_are_the_cubic_group():
    matrices = {tuple(q.astype(int).ravel()) for q in strategies.signed_permutations()}
    assert len(matrices) == 48
    assert len(strategies.signed_permutations(reflections=False)) == 24
    products = {
        tuple((np.reshape(a, (3, 3)) @ np.reshape(b, (3, 3))).ravel()) for a in matrices for b in matrices
    }
    assert products == matrices
    np.testing.assert_array_equal(strategies.signed_permutations()[0], np.eye(3))
    np.testing.assert_array_equal(strategies.signed_permutations()[1], -np.eye(3))


@given(strategies.exact_orthogonals())
def test_exact_matrices_are_orthogonal_without_rounding(matrix):
    assert einsum("ij,kj->ik", matrix, matrix) == IDENTITY
    assert matrix.radicands == (1,)
    assert abs(np.linalg.det(matrix.numpy())) == pytest.approx(1)


def test_exact_matrices_in_general_position_and_reflections_are_drawn():
    find(strategies.exact_orthogonals(), lambda q: q.nnz == 9 and np.linalg.det(q.numpy()) < 0)


@given(strategies.paths())
def test_drawn_paths_are_allowed(path):
    assert Path(path.left, path.right, path.out) == path


@given(strategies.irreps(max_degree=2, max_channels=3, max_blocks=2))
def test_drawn_irreps_keep_their_bounds(irreps):
    assert 0 < irreps.dim <= 30
    assert irreps.max_degree <= 2


@pytest.mark.parametrize(
    "wanted", [lambda x: x != x.sort(), lambda x: any(not block.channels for block in x)]
)
def test_unsorted_and_empty_blocks_are_drawn(wanted):
    find(strategies.irreps(), wanted)


@given(st.data(), strategies.irreps(), st.integers(0, 3), st.sampled_from(["float32", torch.float64]))
def test_features_have_the_shape_and_dtype_asked_for(data, irreps, nodes, dtype):
    features = data.draw(strategies.features(irreps, nodes, dtype=dtype))
    assert tuple(features.shape) == (nodes, irreps.dim)
    assert str(features.dtype) == str(dtype)


IRREPS = Irreps("2x0e+1x1o")


@pytest.mark.parametrize(
    "wanted",
    [
        lambda x: not x.any(),
        lambda x: x.all() and (x[0] == x[1]).all(),
        lambda x: x[0].all() and not x[1].any(),
        lambda x: x[:, :2].all() and not x[:, 2:].any(),
        lambda x: abs(x).min() > 10,
        lambda x: x.all() and abs(x).max() < 0.01,
        lambda x: len(set(x.ravel())) == x.size,
    ],
    ids=["zero", "equal rows", "zero row", "zero block", "large", "small", "general"],
)
def test_special_and_general_features_are_drawn(wanted):
    find(strategies.features(IRREPS, 2), wanted)


@given(strategies.index_symmetries(max_rank=4))
def test_drawn_index_symmetries_leave_components(symmetry):
    assert symmetry.rank <= 4
    assert symmetry.dim > 0


@given(st.data(), strategies.spaces(max_rank=3))
def test_drawn_spaces_split_their_own_tensors(data, space):
    tensor = space.project(data.draw(strategies.values(*[3] * space.rank)))
    np.testing.assert_allclose(space.join(space.split(tensor)), tensor, atol=1e-9)
