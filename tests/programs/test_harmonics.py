"""Straight-line programs of harmonics against exact polynomials."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartesian.kernels.rows import run_plain
from cartesian.programs.harmonics import Harmonics, lanes
from cartesian.symbolic.multipoles import harmonic

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(0, 5))
def test_values_are_the_exact_polynomials(seed, max_degree):
    vectors = np.random.default_rng(seed).normal(size=(4, 3))
    (values,) = run_plain(lanes(Harmonics(max_degree, "stf", normalize=False).text), [vectors])
    for degree in range(max_degree + 1):
        exact = harmonic(degree).evaluate(vectors)
        np.testing.assert_allclose(values[:, degree**2 : (degree + 1) ** 2], exact, rtol=1e-10, atol=1e-11)


@given(seeds, st.integers(1, 5))
def test_the_gradient_of_directions_is_tangent_and_exact(seed, degree):
    vectors = np.random.default_rng(seed).normal(size=(4, 3))
    lengths = np.linalg.norm(vectors, axis=1)[:, None]
    cotangents = np.zeros((4, (degree + 1) ** 2))
    cotangents[:, degree**2] = 1
    (gradient,) = run_plain(lanes(Harmonics(degree, "stf").text + "|0,"), [vectors, cotangents])
    np.testing.assert_allclose((gradient * vectors).sum(1), 0, atol=1e-12)
    units = vectors / lengths
    exact = harmonic(degree).gradient().evaluate(units)[:, 0]
    exact = (exact - (exact * units).sum(1, keepdims=True) * units) / lengths
    np.testing.assert_allclose(gradient, exact, rtol=1e-10, atol=1e-10 * np.abs(exact).max())


def test_the_zero_vector_has_no_direction():
    for order, count in (("", 1), ("|0,", 2), ("|0,|0 1,", 3)):
        program = lanes(Harmonics(4).text + order)
        operands = [np.zeros((1, 3)), np.ones((1, 25)), np.ones((1, 3))][:count]
        values = np.concatenate([np.ravel(x) for x in run_plain(program, operands)])
        assert values.tolist() == ([1.0] if order == "" else [0.0]) + [0.0] * (len(values) - 1)


@pytest.mark.parametrize("normalize", [True, False])
def test_programs_are_equal_if_their_texts_are(normalize):
    text = Harmonics(3, "norm", normalize).text
    assert lanes(text) == lanes(text)
    assert lanes(text) != lanes(Harmonics(3, "norm", not normalize).text)
    assert hash(lanes(text + "|0,")) != hash(lanes(text))
