from itertools import product
from math import sqrt

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cartesian.ops.spaces import TensorSpace
from cartesian.ops.voigt import from_voigt, to_voigt
from cartesian.spec.symmetry import IndexSymmetry

PAIRS = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]
STRAIN, STIFFNESS, PIEZO = (TensorSpace(text) for text in ("ij=ji", "ijkl=jikl=klij", "ijk=ikj"))
FORMULAS = ["ij=ji", "ijkl=jikl=klij", "ijk=ikj", "ijk=jik", "ijkl=jikl=ijlk", "ijkl=ijlk"]
KINDS = ["stress", "strain", "stiffness", "compliance", "d", "e"]

unit = st.floats(-1, 1, width=32)
seeds = st.integers(0, 2**32 - 1)


def drawn(space: TensorSpace, seed: int, *batch: int) -> np.ndarray:
    return space.project(np.random.default_rng(seed).normal(size=(*batch, *[3] * space.rank)))


@given(st.sampled_from(FORMULAS), st.sampled_from(KINDS), seeds)
def test_round_trips_are_exact(formula, kind, seed):
    space = TensorSpace(formula)
    symmetric = space.from_voigt(space.to_voigt(drawn(space, seed, 2)))
    form = space.to_voigt(symmetric, kind)
    np.testing.assert_array_equal(space.from_voigt(form, kind), symmetric)
    np.testing.assert_array_equal(space.to_voigt(space.from_voigt(form, kind), kind), form)


@given(st.sampled_from(FORMULAS), seeds)
def test_the_mandel_form_keeps_norms(formula, seed):
    space = TensorSpace(formula)
    tensor = drawn(space, seed, 2)
    form = space.to_mandel(tensor)
    np.testing.assert_allclose((form**2).sum(), (tensor**2).sum(), rtol=1e-12)
    np.testing.assert_allclose(space.from_mandel(form), tensor, atol=1e-14)


@given(seeds)
def test_components_written_out(seed):
    strain, stiffness, piezo = (drawn(space, seed) for space in (STRAIN, STIFFNESS, PIEZO))
    shear = [1, 1, 1, 2, 2, 2]
    for I, (i, j) in enumerate(PAIRS):
        assert STRAIN.to_voigt(strain)[I] == strain[i, j]
        assert STRAIN.to_voigt(strain, "strain")[I] == shear[I] * strain[i, j]
        for a in range(3):
            assert PIEZO.to_voigt(piezo, "e")[a, I] == piezo[a, i, j]
            assert PIEZO.to_voigt(piezo, "d")[a, I] == shear[I] * piezo[a, i, j]
    for (I, ij), (J, kl) in product(enumerate(PAIRS), repeat=2):
        value = stiffness[*ij, *kl]
        assert STIFFNESS.to_voigt(stiffness, "stiffness")[I, J] == value
        assert STIFFNESS.to_voigt(stiffness, "compliance")[I, J] == shear[I] * shear[J] * value
        scale = (sqrt(2) if I > 2 else 1) * (sqrt(2) if J > 2 else 1)
        assert STIFFNESS.to_mandel(stiffness)[I, J] == pytest.approx(scale * value)


@given(seeds)
def test_hookes_law_and_its_inverse_are_matrix_products(seed):
    stiffness, strain = drawn(STIFFNESS, seed), drawn(STRAIN, seed + 1)
    stress = np.einsum("ijkl,kl->ij", stiffness, strain)
    matrix = STIFFNESS.to_voigt(stiffness, "stiffness")
    np.testing.assert_allclose(
        matrix @ STRAIN.to_voigt(strain, "strain"), STRAIN.to_voigt(stress, "stress"), atol=1e-12
    )
    positive = matrix @ matrix.T + np.eye(6)
    compliance = STIFFNESS.from_voigt(np.linalg.inv(positive), "compliance")
    back = np.einsum("ijkl,klmn->ijmn", STIFFNESS.from_voigt(positive), compliance)
    identity = (
        np.einsum("im,jn->ijmn", np.eye(3), np.eye(3)) + np.einsum("in,jm->ijmn", np.eye(3), np.eye(3))
    ) / 2
    np.testing.assert_allclose(back, identity, atol=1e-10)


@given(seeds)
def test_piezo_optic_tensors_mix_both_kinds(seed):
    space = TensorSpace.jahn("[V2]2")
    tensor, stress = drawn(space, seed), drawn(STRAIN, seed + 1)
    found = space.to_voigt(tensor, ["stress", "strain"]) @ STRAIN.to_voigt(stress, "stress")
    np.testing.assert_allclose(found, STRAIN.to_voigt(np.einsum("ijkl,kl->ij", tensor, stress)), atol=1e-12)


@given(arrays(np.float64, (2, 6, 6), elements=unit))
def test_torch_gives_what_numpy_gives_and_gradients(matrix):
    matrix = matrix + matrix.swapaxes(1, 2)
    form = torch.tensor(matrix, requires_grad=True)
    full = STIFFNESS.from_voigt(form, "compliance")
    np.testing.assert_array_equal(full.detach().numpy(), STIFFNESS.from_voigt(matrix, "compliance"))
    again = STIFFNESS.to_voigt(full, "compliance")
    again.sum().backward()
    np.testing.assert_array_equal(again.detach().numpy(), matrix)
    assert form.grad is not None
    np.testing.assert_array_equal(form.grad.numpy(), np.ones((2, 6, 6)))


def test_third_order_elasticity_has_three_pairs():
    space = TensorSpace.jahn("[[V2]3]")
    tensor = drawn(space, 0)
    form = space.to_voigt(tensor)
    assert form.shape == (6, 6, 6)
    np.testing.assert_array_equal(space.from_voigt(form, tolerance=None)[1, 2, 2, 2, 0, 1], form[3, 2, 5])


def test_a_form_that_lacks_the_symmetry_is_refused():
    with pytest.raises(ValueError, match="breaks the symmetry ijkl=klij: components differ by 1"):
        STIFFNESS.from_voigt(np.eye(6)[[1, 0, 2, 3, 4, 5]] * [[1], [2], [1], [1], [1], [1]])


def test_what_has_no_voigt_form():
    with pytest.raises(ValueError, match="'ij' have no Voigt form"):
        to_voigt(np.eye(3), IndexSymmetry.parse("ij"))
    with pytest.raises(ValueError, match="'shear' is no kind of Voigt form"):
        to_voigt(np.eye(3), IndexSymmetry.parse("ij=ji"), "shear")
    with pytest.raises(ValueError, match="a sequence of 2 of them"):
        STIFFNESS.to_voigt(np.zeros([3] * 4), ["stress"])
    with pytest.raises(ValueError, match=r"has shape \(\.\.\., 6, 6\), not \(6, 5\)"):
        from_voigt(np.zeros((6, 5)), STIFFNESS.symmetry)
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 3, 3\), got \(2, 3\)"):
        to_voigt(np.zeros((2, 3)), IndexSymmetry.parse("ij=ji"))
