"""The STF projector against its defining laws and against the frame."""

from fractions import Fraction
from math import factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import exact
from cartesian.symbolic.factors import direction
from cartesian.symbolic.harmonics import frame
from cartesian.symbolic.projector import Projector, projector
from cartesian.symbolic.traces import stf_norm_squared

LETTERS = "abcdef"
cases = st.sampled_from([(degree, d) for d in (2, 3, 4) for degree in range(5) if d**degree <= 81])


def matrix(projector: Projector) -> np.ndarray:
    size = projector.dimension**projector.degree
    return projector.numpy().reshape(size, size)


@pytest.mark.parametrize(("degree", "dimension"), [(l, 3) for l in range(4)] + [(3, 2), (2, 5), (4, 2)])
def test_the_formula_has_the_components_of_the_tensor(degree, dimension):
    assert projector(degree, dimension).formula.tensor == projector(degree, dimension).tensor


@pytest.mark.parametrize("degree", range(5))
def test_it_is_the_sum_over_the_frame(degree):
    rows = frame(degree)
    left, right = LETTERS[:degree], LETTERS[:degree].upper()
    assert projector(degree).tensor == einsum(f"m{left},m{right}->{left}{right}", rows, rows)


@pytest.mark.parametrize("degree", range(4))
def test_it_is_idempotent_symmetric_and_of_right_trace_exactly(degree):
    tensor = projector(degree).tensor
    a, b, c = (LETTERS[:degree], LETTERS[:degree].upper(), "uvwxyz"[:degree])
    assert einsum(f"{a}{b},{b}{c}->{a}{c}", tensor, tensor) == tensor
    assert einsum(f"{a}{b}->{b}{a}", tensor) == tensor
    assert einsum(f"{a}{a}->", tensor) == projector(degree).trace == 2 * degree + 1


@given(st.data(), cases)
def test_apply_is_the_dense_projector(data, case):
    degree, dimension = case
    batch = data.draw(arrays(np.float64, (2, *[dimension] * degree), elements=st.floats(-1, 1)))
    P = projector(degree, dimension)
    expected = (batch.reshape(2, -1) @ matrix(P)).reshape(batch.shape)
    np.testing.assert_allclose(P.apply(batch), expected, atol=1e-14)
    np.testing.assert_allclose(P.apply(P.apply(batch)), expected, atol=1e-14)
    np.testing.assert_allclose(np.trace(matrix(P)), P.trace, atol=1e-12)
    if degree > 1:
        np.testing.assert_allclose(np.trace(P.apply(batch), axis1=1, axis2=degree), 0, atol=1e-14)


@pytest.mark.parametrize("degree", [6, 9])
def test_high_degrees_act_without_the_full_tensor(degree):
    vector = np.array([0.6, 0.0, 0.8])
    power = np.array(1.0)
    for _ in range(degree):
        power = np.multiply.outer(power, vector)
    image = projector(degree).apply(power)
    np.testing.assert_allclose((image**2).sum(), float(stf_norm_squared(degree)), rtol=1e-12)
    np.testing.assert_allclose(np.trace(image), 0, atol=1e-14)


def test_torch_tensors_keep_their_dtype_and_gradient():
    torch = pytest.importorskip("torch")
    values = torch.arange(18.0).reshape(2, 3, 3).requires_grad_()
    image = projector(2).apply(values)
    assert image.dtype == torch.float32
    np.testing.assert_allclose(image.detach().numpy(), projector(2).apply(values.detach().numpy()), atol=1e-6)
    image[0, 0, 1].backward()
    np.testing.assert_allclose(values.grad[0].numpy(), projector(2).numpy()[0, 1], atol=1e-7)
    assert projector(2).apply(torch.eye(3, dtype=torch.int64)).dtype == torch.float64


@pytest.mark.parametrize("degree", range(6))
def test_nonzero_components_are_counted_without_making_them(degree):
    assert projector(degree).nnz == projector(degree).tensor.nnz


def test_the_action_on_a_power_of_a_direction():
    power = exact([Fraction(1, 3), Fraction(2, 3), Fraction(2, 3)])
    squared = einsum("i,j,k->ijk", power, power, power)
    image = projector(3).action.evaluate(S=squared)
    assert image.norm_squared() == Fraction(factorial(3), 15)
    assert image == einsum("abcijk,ijk->abc", projector(3).tensor, squared)
    contracted = projector(2).formula * direction("kl")
    assert contracted.text == "n_i n_j - 1/3 δ_ij"


def test_the_formulas_of_low_and_high_degree():
    assert projector(0).text == "1"
    assert projector(1).latex() == r"\delta_{i j}"
    assert projector(3).text == "1/6 {δ_il δ_jm δ_kn} - 1/15 {δ_ij δ_kl δ_mn}"
    assert projector(2, dimension=2).text == "1/2 (δ_ik δ_jl + δ_il δ_jk) - 1/2 δ_ij δ_kl"
    assert "δ_i1i11" in projector(10).text


def test_bad_input_says_what_would_be_right():
    with pytest.raises(ValueError, match=r"integer degree >= 0, not -1"):
        projector(-1)
    with pytest.raises(ValueError, match=r"at least 2 dimensions, not 1"):
        projector(2, 1)
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 3, 3\), not \(3, 2\)"):
        projector(2).apply(np.zeros((3, 2)))
    with pytest.raises(TypeError, match=r"real numbers, got dtype complex128"):
        projector(1).apply(np.zeros(3, dtype=complex))
    with pytest.raises(ValueError, match=r"nonzero components, more than 10000000"):
        _ = projector(8).tensor


def test_components_of_a_huge_projector_are_refused_at_once():
    with pytest.raises(ValueError, match=r"degree 1000 in 3 dimensions has 501501 classes of equal indices"):
        _ = projector(1000).nnz
