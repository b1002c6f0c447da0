"""Weights formed inside a convolution: the same function, derivatives and all, in little memory."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cartesian.kernels import forming, native, operators, reference
from cartesian.kernels.edges import sort_edges
from cartesian.kernels.run import run
from cartesian.ops.convolution import convolution
from cartesian.programs.build import convolution as build
from cartesian.programs.build import product
from cartesian.programs.derivative import derivative
from cartesian.programs.forming import formed
from cartesian.programs.program import Program

PROGRAM = build("1x0e + 1x1o", 1, "0e + 1o")
RADIAL = 2


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """A few edges at a time, so that small graphs have many blocks."""
    monkeypatch.setattr(forming, "_NUMBERS", 4 * PROGRAM.row(0))


def draw(edges, nodes, seed):
    rng = np.random.default_rng(seed)
    sizes = (nodes, PROGRAM.row(1)), (edges, PROGRAM.row(2)), (edges, RADIAL), (RADIAL, PROGRAM.row(0))
    return [rng.standard_normal(size) for size in sizes], rng.integers(0, nodes, (2, edges))


@settings(max_examples=25)
@given(st.integers(0, 20), st.integers(1, 5), st.integers(0, 99))
def test_it_is_the_convolution_with_the_product_as_weights(count, nodes, seed):
    (x, y, radial, matrix), index = draw(count, nodes, seed)
    edges = sort_edges(*index, nodes)
    (expected,) = reference.run(PROGRAM, [radial @ matrix, x, y], edges)
    for kernel in (None, "reference"):
        result = convolution(PROGRAM, x, y, (radial, matrix), edges, kernel)
        np.testing.assert_allclose(result, expected, atol=1e-13)
    tensors = [torch.from_numpy(array) for array in (x, y, radial, matrix)]
    for kernel in (None, "eager"):
        result = convolution(
            PROGRAM, *tensors[:2], tuple(tensors[2:]), tuple(torch.from_numpy(index)), kernel
        )
        np.testing.assert_allclose(result, expected, atol=1e-13)


# Radial numbers that fill less than a register, some registers, and whole panels; odd numbers of weights.
SIZES = [("1x0e + 1x1o", 1), ("3x0e + 5x1o", 5), ("3x0e + 5x1o", 16), ("8x0e + 8x1o", 35)]


@settings(max_examples=6)
@given(st.sampled_from(SIZES), st.integers(0, 2), st.sampled_from([0, 1, 70, 1500]), st.integers(0, 99))
def test_generated_c_computes_every_derivative(size, order, count, seed):
    irreps, radial = size
    program = formed(build(irreps, 1, "0e + 1o"), radial)
    for k in range(order):
        program = derivative(program, range(4 + k))
    rng, nodes = np.random.default_rng(seed), 7
    senders, receivers = rng.integers(0, nodes, (2, count))
    edges = sort_edges(senders, np.minimum(receivers, 4), nodes)  # receivers without edges are there too
    rows = {"edge": count, "sender": nodes, "receiver": nodes, "radial": radial}
    operands = [
        rng.standard_normal((rows[program.form.legs[leg].place], program.row(leg) + 3))[:, 1:-2]
        for leg in program.operands
    ]
    expected = forming.run(program, operands, edges, reference.run)
    for dtype, tolerance in ((np.float64, 1e-14), (np.float32, 1e-5)):
        results = native.run(program, [array.astype(dtype) for array in operands], edges)
        for actual, right in zip(results, expected, strict=True):
            assert actual.dtype == dtype
            scale = np.abs(right).max(initial=0)
            np.testing.assert_allclose(actual, right, rtol=0, atol=tolerance * (1 + scale) * len(operands))


def test_derivatives_to_third_order_are_those_of_stored_weights():
    arrays, index = draw(12, 4, 0)
    leaves = [torch.from_numpy(array).requires_grad_() for array in arrays]
    edges = sort_edges(*map(torch.from_numpy, index), 4)

    def third(inside):
        x, y, radial, matrix = leaves
        out = convolution(PROGRAM, x, y, (radial, matrix) if inside else radial @ matrix, edges)
        first = torch.autograd.grad((0.1 * out).square().sum(), leaves, create_graph=True)
        second = torch.autograd.grad(sum(g.square().sum() for g in first), leaves, create_graph=True)
        return *first, *second, *torch.autograd.grad(sum(g.sin().sum() for g in second), leaves)

    for actual, expected in zip(third(True), third(False), strict=True):
        torch.testing.assert_close(actual, expected)


def test_gradients_of_any_order_agree_with_finite_differences():
    arrays, index = draw(5, 3, 1)
    leaves = [torch.from_numpy(array).requires_grad_() for array in arrays]
    edges = sort_edges(*map(torch.from_numpy, index), 3)

    def forward(x, y, radial, matrix):
        return convolution(PROGRAM, x, y, (radial, matrix), edges)

    torch.autograd.gradcheck(forward, leaves)
    torch.autograd.gradgradcheck(forward, leaves)


def test_the_operator_passes_the_checks_of_torch():
    (x, y, radial, matrix), index = draw(5, 3, 2)
    edges = sort_edges(*map(torch.from_numpy, index), 3)
    operands = [torch.from_numpy(array).requires_grad_() for array in (matrix, x, y, radial)]
    program = formed(PROGRAM, RADIAL)
    torch.library.opcheck(operators.contract, (program.text, operands, list(edges[:4]), 3))


def test_no_array_has_the_weights_of_all_edges():
    _, index = draw(60, 20, 3)
    edges, largest = sort_edges(*index, 20), 0
    rng = np.random.default_rng(4)
    program = formed(PROGRAM, RADIAL)
    first = derivative(program, range(4))
    second = derivative(first, range(5))
    rows = {"edge": 60, "sender": 20, "receiver": 20, "radial": RADIAL}

    def plain(inner, operands, block):
        nonlocal largest
        results = run(inner, operands, block)
        for leg, array in zip((*inner.operands, *inner.outputs), (*operands, *results), strict=True):
            largest = max(largest, len(array) if leg == 0 else 0)
        return results

    for each in (program, first, second):
        operands = [
            rng.standard_normal((rows[each.form.legs[leg].place], each.row(leg))) for leg in each.operands
        ]
        forming.run(each, operands, edges, plain)
    degree = np.bincount(index[1]).max()
    assert 0 < largest <= max(4, degree) < 60


def test_results_are_the_same_bit_by_bit_for_any_number_of_threads():
    arrays, index = draw(2000, 20, 5)  # several chunks
    edges = sort_edges(*map(torch.from_numpy, index), 20)
    threads, results = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            x, y, radial, matrix = (torch.from_numpy(a.astype("f")).requires_grad_() for a in arrays)
            out = convolution(PROGRAM, x, y, (radial, matrix), edges)
            results.append((out, *torch.autograd.grad(out.square().sum(), (x, y, radial, matrix))))
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_a_formed_program_is_a_value_that_text_holds_completely():
    program = derivative(formed(PROGRAM, RADIAL), (0, 3))
    assert Program.parse(program.text) == program


def test_what_does_not_fit_is_named():
    (x, y, radial, matrix), index = draw(3, 2, 6)
    with pytest.raises(ValueError, match=r"matrix has shape \(2, 3\), not \(2, 4\): one row per radial"):
        convolution(PROGRAM, x, y, (radial, matrix[:, 1:]), tuple(index))
    with pytest.raises(ValueError, match=r"radial has shape \(2, 2\), not \(3, 2\)"):
        convolution(PROGRAM, x, y, (radial[1:], matrix), tuple(index))
    with pytest.raises(ValueError, match="weights are formed in a convolution"):
        formed(product("2x0e", "2x0e"), 2)
