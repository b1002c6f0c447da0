import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cartesian.ops.action import act, act_full
from cartesian.ops.harmonics import degree_slice, harmonics
from cartesian.ops.storage import from_complex, from_e3nn, from_full, to_complex, to_e3nn, to_full

torch = pytest.importorskip("torch")
o3 = pytest.importorskip("e3nn.o3")

degrees = st.integers(0, 4)
seeds = st.integers(0, 2**32 - 1)
IRREPS = "3x0e + 2x1o + 1x2o + 2x1e + 2x3o"


def general(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def reflection(seed):
    return np.linalg.qr(general(seed, 3, 3)).Q * (-1) ** seed


@given(degrees, seeds, st.sampled_from([-1, -2]))
def test_full_and_back_is_the_identity_and_keeps_norms(degree, seed, axis):
    shape = (2, 2 * degree + 1) if axis == -1 else (2, 2 * degree + 1, 4)
    compact = general(seed, *shape)
    full = to_full(compact, degree, axis)
    assert full.shape == (2, *[3] * degree, *shape[2:])
    np.testing.assert_allclose(from_full(full, degree, axis), compact, atol=1e-12)
    np.testing.assert_allclose((full**2).sum(), (compact**2).sum(), rtol=1e-12)


def test_a_single_scalar_is_its_own_full_form():
    for scalar in (np.array([2.0]), torch.tensor([2.0], dtype=torch.float64)):
        full = to_full(scalar, 0)
        assert full.shape == ()
        assert float(from_full(full, 0)[0]) == float(full) == 2.0


@given(st.integers(2, 4), seeds)
def test_from_full_takes_the_symmetric_trace_free_part(degree, seed):
    tensor = general(seed, *[3] * degree)
    stf = to_full(from_full(tensor, degree), degree)
    np.testing.assert_allclose(stf, stf.swapaxes(0, -1), atol=1e-12)
    np.testing.assert_allclose(np.trace(stf), 0, atol=1e-12)
    # What is left over is orthogonal to every STF tensor.
    np.testing.assert_allclose(from_full(tensor - stf, degree), 0, atol=1e-12)


@given(st.integers(0, 4), seeds)
def test_harmonics_in_full_are_the_trace_free_powers(degree, seed):
    direction = general(seed, 3)
    direction /= np.linalg.norm(direction)
    power = np.ones(())
    for _ in range(degree):
        power = np.multiply.outer(power, direction)
    compact = harmonics(direction, degree, "stf")[degree_slice(degree)]
    np.testing.assert_allclose(compact, from_full(power, degree), atol=1e-12)


@given(degrees, seeds)
def test_compact_and_full_transform_alike(degree, seed):
    matrix, compact = reflection(seed), general(seed, 2, 2 * degree + 1)
    parity = "e" if degree % 2 == 0 else "o"
    moved = to_full(act(matrix, compact, f"{degree}{parity}"), degree)
    np.testing.assert_allclose(moved, act_full(matrix, to_full(compact, degree), degree), atol=1e-12)


@settings(max_examples=30)
@given(seeds, st.integers(0, 1))
def test_the_layout_of_e3nn_transforms_with_its_matrices(seed, inversion):
    angles, features = torch.from_numpy(general(seed, 3)), general(seed, 5, 34)
    matrix = o3.angles_to_matrix(*angles).numpy() * (-1) ** inversion
    theirs = o3.Irreps(IRREPS).D_from_angles(*angles, k=torch.tensor(inversion)).numpy()
    moved = to_e3nn(features, IRREPS) @ theirs.T
    # e3nn makes the generators of its matrices in single precision.
    np.testing.assert_allclose(from_e3nn(moved, IRREPS), act(matrix, features, IRREPS), atol=1e-4)
    np.testing.assert_array_equal(from_e3nn(to_e3nn(features, IRREPS), IRREPS), features)


@given(degrees, seeds)
def test_complex_components_of_harmonics_are_those_of_scipy(degree, seed):
    special = pytest.importorskip("scipy.special")
    point = general(seed, 3)
    theta, phi = np.arccos(point[2] / np.linalg.norm(point)), np.arctan2(point[1], point[0])
    ours = to_complex(harmonics(point, degree)[degree_slice(degree)], degree)
    theirs = [special.sph_harm_y(degree, m, theta, phi) for m in range(-degree, degree + 1)]
    np.testing.assert_allclose(ours, np.sqrt(4 * np.pi) * np.array(theirs), atol=1e-12)


@given(degrees, seeds, st.sampled_from([-1, -2]))
def test_complex_and_back_is_the_identity(degree, seed, axis):
    shape = (2, 2 * degree + 1) if axis == -1 else (2, 2 * degree + 1, 4)
    compact = general(seed, *shape)
    np.testing.assert_allclose(
        from_complex(to_complex(compact, degree, axis), degree, axis), compact, atol=1e-12
    )


@given(degrees, seeds)
def test_numpy_and_torch_agree(degree, seed):
    compact = general(seed, 2, 2 * degree + 1)
    there = torch.from_numpy(compact)
    np.testing.assert_allclose(to_full(there, degree).numpy(), to_full(compact, degree), atol=1e-14)
    np.testing.assert_allclose(to_complex(there, degree).numpy(), to_complex(compact, degree), atol=1e-14)
    np.testing.assert_allclose(from_full(to_full(there, degree), degree).numpy(), compact, atol=1e-12)
    np.testing.assert_allclose(from_complex(to_complex(there, degree), degree).numpy(), compact, atol=1e-12)
    features = general(seed, 5, 34)
    np.testing.assert_array_equal(
        to_e3nn(torch.from_numpy(features), IRREPS).numpy(), to_e3nn(features, IRREPS)
    )


@pytest.mark.parametrize("single", [np.float32, torch.float32])
def test_single_precision_stays(single):
    zeros = np.zeros(5, single) if single is np.float32 else torch.zeros(5, dtype=single)
    assert to_full(zeros, 2).dtype == single
    assert from_complex(to_complex(zeros, 2), 2).dtype == single


def test_the_compiler_takes_tables_for_constants():
    compact = torch.from_numpy(general(3, 4, 5))
    for convert in (to_full, to_complex):
        compiled = torch.compile(lambda x: convert(x, 2), fullgraph=True, backend="aot_eager")  # noqa: B023
        np.testing.assert_allclose(compiled(compact), convert(compact, 2), atol=1e-14)


def test_a_wrong_phase_is_noticed():
    # Without the Condon-Shortley sign the components are those of no real tensor.
    components = to_complex(np.array([1.0, 2.0, 3.0]), 1) * np.array([1, 1, -1])
    with pytest.raises(ValueError, match=r"not those of a real tensor: t_-m must be \(-1\)\^m t_m\*"):
        from_complex(components, 1)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"degree 2 has 5 components along axis -1 .* \(4, 3\) has not"):
        to_full(np.zeros((4, 3)), 2)
    with pytest.raises(ValueError, match=r"5 components along axis 0"):
        to_full(np.zeros((5, 3)), 2, axis=0)
    with pytest.raises(ValueError, match=r"2 axes of length 3 that end at axis -1 .* \(2, 3\) has not"):
        from_full(np.zeros((2, 3)), 2)
    with pytest.raises(
        ValueError, match=r"1x1o have 3 components on their last axis; the shape \(4,\) has not"
    ):
        to_e3nn(np.zeros(4), "1o")
