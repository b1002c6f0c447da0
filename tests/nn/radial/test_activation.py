import numpy as np
import pytest
import torch
from e3nn.math import normalize2mom
from scipy.integrate import quad
from torch import nn

from cartesian.nn.radial.activation import Normalized, SiLU, activation_parity, second_moment


@pytest.mark.parametrize(
    "activation", [torch.nn.functional.silu, torch.tanh, torch.sigmoid, torch.relu, torch.abs]
)
def test_second_moments_are_those_of_an_adaptive_quadrature(activation):
    def integrand(x):
        value = float(activation(torch.tensor(x, dtype=torch.float64)))
        return value**2 * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)

    wanted = quad(integrand, -40, 0)[0] + quad(integrand, 0, 40)[0]
    assert second_moment(activation) == pytest.approx(wanted, rel=1e-6)


def test_silu_has_the_factor_of_e3nn():
    # e3nn draws a million numbers.
    assert Normalized(nn.SiLU()).factor == pytest.approx(
        normalize2mom(torch.nn.functional.silu).cst, rel=2e-3
    )
    assert Normalized(nn.SiLU()).factor == pytest.approx(1.6765, abs=5e-5)


@pytest.mark.parametrize("degree", range(5))
def test_the_squared_norm_of_a_normal_tensor_is_its_number_of_components(degree):
    assert second_moment(lambda r: r, degree) == pytest.approx(2 * degree + 1, rel=1e-12)


def test_parities_of_activations():
    assert activation_parity(torch.sin) == -1
    assert activation_parity(torch.square) == 1
    assert activation_parity(torch.sigmoid) is None


def test_a_vanishing_activation_cannot_be_normalised():
    with pytest.raises(ValueError, match=r"second moment 0\.0: it cannot be normalised"):
        Normalized(torch.zeros_like)


def test_derivatives_of_silu_are_those_of_torch_to_third_order():
    x = torch.linspace(-30, 30, 301, dtype=torch.float64, requires_grad=True)
    results = []
    for function in (SiLU(), nn.SiLU()):
        values = [function(x)]
        for _ in range(3):
            values += torch.autograd.grad(values[-1].sum(), x, create_graph=True)
        results.append(torch.stack(values))
    torch.testing.assert_close(*results, rtol=0, atol=1e-14)
    assert torch.autograd.gradgradcheck(SiLU(), (torch.randn(9).double().requires_grad_(),))


def test_silu_can_be_exported_and_transformed():
    x = torch.randn(4, dtype=torch.float64)
    slopes = torch.func.vmap(torch.func.grad(SiLU()))(x)
    torch.testing.assert_close(slopes, torch.func.vmap(torch.func.grad(nn.functional.silu))(x))
    exported = torch.export.export(SiLU(), (x,))
    assert torch.equal(exported.module()(x), nn.functional.silu(x))
