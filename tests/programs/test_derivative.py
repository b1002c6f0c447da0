"""Derivatives of programs against finite differences of the form, and their laws."""

import numpy as np
import pytest

from cartesian.kernels import reference
from cartesian.kernels.edges import sort_edges
from cartesian.programs.build import convolution
from cartesian.programs.derivative import derivative, without

PROGRAM = convolution("2x0e + 2x1o", 1, "0e + 1o")
EDGES = sort_edges(np.array([1, 0, 1]), np.array([0, 2, 1]), 3)


def operands(program, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((3, program.row(leg))) for leg in program.operands]


@pytest.mark.parametrize("program", [PROGRAM, derivative(PROGRAM, (0, 1, 2))])
def test_gradients_are_directional_derivatives_of_the_paired_outputs(program):
    gradient = derivative(program, tuple(range(len(program.operands))))
    arrays, directions = operands(gradient), operands(program, seed=1)
    inputs, cotangents = arrays[: len(program.operands)], arrays[len(program.operands) :]

    def paired(t):
        moved = [a + t * d for a, d in zip(inputs, directions, strict=True)]
        outputs = reference.run(program, moved, EDGES)
        return sum((out * c).sum() for out, c in zip(outputs, cotangents, strict=True))

    gradients = reference.run(gradient, arrays, EDGES)
    expected = (paired(1e-5) - paired(-1e-5)) / 2e-5
    actual = sum((g * d).sum() for g, d in zip(gradients, directions, strict=True))
    np.testing.assert_allclose(actual, expected, rtol=1e-7)


def test_an_absent_operand_is_a_zero_one():
    program = derivative(derivative(PROGRAM, (0, 1, 2)), (0, 1, 2, 3))
    arrays = operands(program)
    arrays[5][:] = 0
    less = without(program, {5})
    expected = reference.run(program, arrays, EDGES)
    actual = reference.run(less, arrays[:5] + arrays[6:], EDGES)
    assert len(less.contractions) < len(program.contractions)
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-13)


def test_an_unknown_operand_is_refused():
    with pytest.raises(ValueError, match="a program of 3 operands has no operand 3"):
        derivative(PROGRAM, (3,))
