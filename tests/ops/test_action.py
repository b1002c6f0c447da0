import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartesian.ops.action import act, act_full, wigner
from cartesian.symbolic import rotation

torch = pytest.importorskip("torch")
o3 = pytest.importorskip("e3nn.o3")

IRREPS = "3x0e + 2x1o + 1x2o + 2x1e + 1x0o"
seeds = st.integers(0, 2**32 - 1)


def general(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def orthogonal(seed, *lead):
    return np.linalg.qr(general(seed, *lead, 3, 3)).Q * (-1) ** seed


@given(st.integers(0, 8), st.sampled_from("eo"), seeds, st.integers(0, 1))
def test_matrices_are_those_of_e3nn(degree, parity, seed, inversion):
    angles = torch.from_numpy(general(seed, 3))
    matrix = o3.angles_to_matrix(*angles).numpy() * (-1) ** inversion
    theirs = o3.Irrep(f"{degree}{parity}").D_from_angles(*angles, k=torch.tensor(inversion)).numpy()
    # e3nn makes the generators in single precision; the exact matrices below are the sharp test.
    np.testing.assert_allclose(wigner(f"{degree}{parity}", matrix), theirs, atol=1e-5)


@given(st.integers(0, 5), st.fractions(-2, 2, max_denominator=4), st.sampled_from([1, -1]))
def test_matrices_are_the_exact_ones(degree, angle, sign):
    matrix = rotation.cayley(angle, 1 - angle, angle / 2) * sign
    expected = rotation.wigner(degree, matrix).numpy()
    np.testing.assert_allclose(wigner(degree, matrix.numpy()), expected, atol=1e-12)


@given(st.integers(0, 6), st.sampled_from("eo"), seeds, seeds)
def test_the_matrices_are_a_representation(degree, parity, first, second):
    irrep, g, h = f"{degree}{parity}", orthogonal(first), orthogonal(second)
    np.testing.assert_allclose(wigner(irrep, g) @ wigner(irrep, h), wigner(irrep, g @ h), atol=1e-12)


def test_matrices_stay_orthogonal_at_high_degree():
    matrix = wigner(20, orthogonal(5, 2))
    np.testing.assert_allclose(
        matrix @ matrix.swapaxes(-1, -2), np.broadcast_to(np.eye(41), (2, 41, 41)), atol=1e-12
    )


@given(seeds)
def test_flat_features_are_blocks_of_components_and_channels(seed):
    matrix, features = orthogonal(seed), general(seed, 2, 21)
    moved, sign = act(matrix, features, IRREPS), np.round(np.linalg.det(matrix))
    np.testing.assert_allclose(moved[:, :3], features[:, :3])
    np.testing.assert_allclose(
        moved[:, 3:9].reshape(2, 3, 2), matrix @ features[:, 3:9].reshape(2, 3, 2), atol=1e-12
    )
    np.testing.assert_allclose(moved[:, -1:], sign * features[:, -1:], atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(moved), np.linalg.norm(features), rtol=1e-12)


@given(seeds)
def test_every_row_may_have_its_matrix(seed):
    matrices, features = orthogonal(seed, 4), general(seed, 4, 20)
    together = act(matrices, features, "2x0e + 1x1e + 3x2e")
    for k in range(4):
        np.testing.assert_allclose(
            together[k], act(matrices[k], features[k], "2x0e + 1x1e + 3x2e"), atol=1e-12
        )


@given(seeds)
def test_numpy_and_torch_agree(seed):
    matrix, features = orthogonal(seed), general(seed, 2, 21)
    expected = act(matrix, features, IRREPS)
    for ours in (matrix, torch.from_numpy(matrix)):
        np.testing.assert_allclose(
            act(ours, torch.from_numpy(features), IRREPS).numpy(), expected, atol=1e-12
        )
    single = act(matrix, torch.from_numpy(features).float(), IRREPS)
    assert single.dtype == torch.float32


@given(st.integers(0, 3), st.booleans(), seeds)
def test_full_axes_are_moved_one_by_one(rank, axial, seed):
    matrix, tensor = orthogonal(seed), general(seed, 2, *[3] * rank)
    rows, columns = "ijk"[:rank], "abc"[:rank]
    factors = ",".join(f"{i}{a}" for i, a in zip(rows, columns, strict=True))
    formula = f"n{columns}{',' + factors if factors else ''}->n{rows}"
    expected = np.einsum(formula, tensor, *[matrix] * rank) * (np.linalg.det(matrix) if axial else 1)
    np.testing.assert_allclose(act_full(matrix, tensor, rank, axial), expected, atol=1e-12)


def test_numpy_matrices_of_any_kind_act_in_torch_without_a_warning():
    # Negative strides and read-only memory, which torch takes up with a warning or not at all.
    matrix = np.eye(3)[::-1]
    matrix.flags.writeable = False
    features = torch.arange(3, dtype=torch.float64)
    assert act(matrix, features, "1o").tolist() == [2.0, 1.0, 0.0]


def test_what_does_not_act_is_refused():
    with pytest.raises(
        ValueError, match=r"R Rᵀ = 1 must hold for an orthogonal matrix; it is off by 3.0e\+00"
    ):
        wigner("1o", 2 * np.eye(3))
    with pytest.raises(ValueError, match=r"R Rᵀ = 1 must hold"):
        wigner("1o", np.full((3, 3), np.nan))
    with pytest.raises(ValueError, match=r"have shape \(\.\.\., 3, 3\), not \(2, 2\)"):
        wigner("1o", np.eye(2))
    with pytest.raises(
        ValueError, match=r"1x1o have 3 components on their last axis; the shape \(4,\) has not"
    ):
        act(np.eye(3), np.zeros(4), "1o")
    with pytest.raises(
        ValueError, match=r"a tensor of rank 2 has 2 last axes of length 3; the shape \(3,\) has not"
    ):
        act_full(np.eye(3), np.zeros(3), 2)
    with pytest.raises(
        ValueError, match=r"expected one matrix of shape \(3, 3\), not an array of shape \(2, 3, 3\)"
    ):
        act_full(np.stack([np.eye(3)] * 2), np.zeros(3), 1)


def test_an_empty_sum_of_irreps_has_nothing_to_move():
    assert act(np.eye(3), np.zeros((2, 0)), "").shape == (2, 0)
