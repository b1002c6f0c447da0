"""Splines against those of SciPy, and their derivatives."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline

from cartesian.ops.splines import spline, spline_coefficients


def slope(values):
    """At the first point, of the polynomial through five."""
    return np.array([-25, 48, -36, 16, -3]) @ values[:5] / 12


@given(st.integers(6, 30), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_it_is_the_spline_of_scipy(points, functions, seed):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((points, functions))
    places = rng.uniform(0, points - 1, 40)
    found = spline(spline_coefficients(values), places)
    other = CubicSpline(np.arange(points), values, bc_type=((1, slope(values)), (1, np.zeros(functions))))
    np.testing.assert_allclose(found, other(places), rtol=0, atol=1e-12)
    given = torch.from_numpy(values), torch.from_numpy(places)
    also = spline(spline_coefficients(given[0]), given[1])
    np.testing.assert_allclose(also.numpy(), found, rtol=0, atol=1e-12)


def test_behind_the_last_point_it_is_constant():
    values = np.random.default_rng(0).standard_normal((7, 3))
    found = spline(spline_coefficients(values), np.array([6.0, 6.5, 100.0]))
    np.testing.assert_allclose(found, np.tile(values[-1], (3, 1)), rtol=0, atol=1e-14)


def test_values_and_places_have_derivatives_of_any_order():
    torch.manual_seed(0)
    values = torch.randn(6, 3, dtype=torch.float64).requires_grad_()
    places = torch.tensor([0.3, 4.2, 1.7, 4.9], dtype=torch.float64).requires_grad_()

    def function(v, x):
        return spline(spline_coefficients(v), x)

    assert torch.autograd.gradcheck(function, (values, places))
    assert torch.autograd.gradgradcheck(function, (values, places))


def test_twice_the_points_have_a_sixteenth_of_the_error():
    places = np.linspace(0.3, 1, 1001)  # the slope taken at the first point has an error of its own
    errors = []
    for intervals in (64, 128):
        knots = np.linspace(0, 1, intervals + 1)[:, None]
        found = spline(spline_coefficients(np.cos(5 * np.pi * knots)), places * intervals)
        errors.append(np.abs(found[:, 0] - np.cos(5 * np.pi * places)).max())
    assert 14 < errors[0] / errors[1] < 18


def test_no_points_give_no_values():
    coefficients = spline_coefficients(torch.ones(6, 2, requires_grad=True))
    assert spline(coefficients, torch.zeros(0)).shape == (0, 2)


def test_too_few_points_are_refused():
    with pytest.raises(ValueError, match=r"at least six points, \(points, functions\), not \(5, 2\)"):
        spline_coefficients(np.zeros((5, 2)))
