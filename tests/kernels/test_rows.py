"""Generated C for rows without channels, against the same program instruction by instruction."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cartesian.kernels import row_operators, rows
from cartesian.ops.harmonics import harmonics, recursion
from cartesian.programs.harmonics import Harmonics, lanes

# Values, gradient, and gradients of the gradient with respect to vectors and cotangents.
ORDERS = ("", "|0,", "|0,|0 1,")
programs = st.builds(
    Harmonics, st.integers(0, 4), st.sampled_from(["component", "norm", "stf"]), st.booleans()
)


def operands(text, count, seed, dtype=np.float64):
    """Normal numbers; every third vector is zero."""
    generator = np.random.default_rng(seed)
    arrays = [generator.normal(size=(count, leg.length)).astype(dtype) for leg in lanes(text).operands]
    arrays[0][::3] = 0
    return arrays


def agree(text, arrays, tolerance):
    results = rows.run_native(text, arrays)
    expected = rows.run_plain(lanes(text), [array.astype(np.float64) for array in arrays])
    for actual, right in zip(results, expected, strict=True):
        assert actual.dtype == arrays[0].dtype
        np.testing.assert_allclose(actual, right, atol=tolerance * (1 + np.abs(right).max(initial=0)))


@settings(max_examples=15)
@given(programs, st.sampled_from(ORDERS), st.integers(0, 40), st.integers(0, 99))
def test_any_number_of_rows_gives_what_the_instructions_say(program, order, count, seed):
    text = program.text + order
    agree(text, operands(text, count, seed), 1e-13)
    agree(text, operands(text, count, seed, np.float32), 1e-4)


@given(programs, st.integers(0, 99))
def test_values_are_those_of_the_recursion(program, seed):
    (vectors,) = operands(program.text, 11, seed)
    (actual,) = rows.run_native(program.text, [vectors])
    np.testing.assert_allclose(actual, recursion(program, vectors), rtol=1e-13, atol=1e-14)


@given(st.integers(0, 99), st.sampled_from([1e-306, 1e-200, 1e-30, 1e30, 1e300]))
def test_lengths_may_be_tiny_or_huge(seed, scale):
    (vectors,) = operands(Harmonics(3).text, 9, seed)
    (expected,) = rows.run_native(Harmonics(3).text, [vectors])
    vectors[1::2] *= scale  # some rows of a tile only
    (actual,) = rows.run_native(Harmonics(3).text, [vectors])
    np.testing.assert_allclose(actual, expected, atol=1e-13)


def test_rows_that_are_not_contiguous_are_read_where_they_are():
    wide = np.random.default_rng(0).normal(size=(20, 7))
    expected = harmonics(wide[:, 1:4].copy(), 2)
    np.testing.assert_array_equal(harmonics(wide[:, 1:4], 2), expected)
    np.testing.assert_array_equal(harmonics(torch.from_numpy(wide)[:, 1:4], 2), expected)
    np.testing.assert_array_equal(harmonics(np.broadcast_to(wide[0, 1:4], (20, 3)), 2)[7], expected[0])


def test_digits_do_not_depend_on_threads():
    vectors, cotangents = (torch.from_numpy(x) for x in operands("harmonics 3 norm 1|0,", 9000, 0))
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append(rows.run_native("harmonics 3 norm 1|0,", [vectors, cotangents])[0])
    finally:
        torch.set_num_threads(before)
    assert results[0].equal(results[1])
    assert results[0].equal(results[2])


@pytest.mark.parametrize("program", [Harmonics(2), Harmonics(2, "stf", normalize=False)])
def test_the_operator_passes_the_checks_of_torch(program):
    vectors, cotangents = (torch.from_numpy(x).requires_grad_() for x in operands(program.text + "|0,", 4, 0))
    torch.library.opcheck(row_operators.rows, (program.text, [vectors]))
    torch.library.opcheck(row_operators.rows, (program.text + "|0,", [vectors, cotangents]))


@settings(max_examples=4)
@given(programs.filter(lambda program: program.max_degree), st.integers(0, 99))
def test_both_ways_have_the_derivatives_of_the_recursion(program, seed):
    vectors = torch.from_numpy(operands(program.text, 7, seed)[0][1:]).requires_grad_()
    results = []
    for way in (row_operators.run, row_operators.rows, None):
        out = recursion(program, vectors) if way is None else way(program.text, [vectors])[0]
        (force,) = torch.autograd.grad((out**3).sum() + vectors.sum(), vectors, create_graph=True)
        (second,) = torch.autograd.grad((force**3).sum(), vectors, create_graph=True)
        (third,) = torch.autograd.grad((second**2).sum(), vectors)
        results.append((force.detach(), second.detach(), third))
    for actual in results[:2]:
        for a, b in zip(actual, results[2], strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9 * float(b.abs().max()))


def test_it_compiles_and_exports():
    class Sum(torch.nn.Module):
        def forward(self, vectors):
            return harmonics(vectors, 3).sin()

    vectors = torch.from_numpy(operands(Harmonics(3).text, 5, 0)[0])
    expected = Sum()(vectors)
    exported = torch.export.export(Sum(), (vectors,), dynamic_shapes=({0: torch.export.Dim("n", min=2)},))
    assert "cartesian.rows" in str(exported.graph)
    torch.testing.assert_close(exported.module()(vectors[:4]), expected[:4])
    leaf = vectors[1:3].clone().requires_grad_()
    (actual,) = torch.autograd.grad(
        torch.compile(Sum(), fullgraph=True, backend="aot_eager")(leaf).sum(), leaf
    )
    (right,) = torch.autograd.grad(Sum()(leaf).sum(), leaf)
    torch.testing.assert_close(actual, right)


@pytest.mark.filterwarnings("ignore:.*jit.script.*:DeprecationWarning")
@pytest.mark.parametrize("jacobian", [torch.func.jacrev, torch.func.jacfwd])
def test_transformations_of_functions_see_through(jacobian):
    vectors = torch.from_numpy(operands(Harmonics(2).text, 3, 1)[0])

    def values(r):
        return harmonics(r, 2)

    expected = torch.stack([torch.autograd.functional.jacobian(values, r) for r in vectors])
    torch.testing.assert_close(torch.func.vmap(jacobian(values))(vectors), expected)
    actual = torch.func.vmap(torch.func.hessian(lambda r: values(r).pow(3).sum()))(vectors)
    hessians = [torch.autograd.functional.hessian(lambda r: values(r).pow(3).sum(), r) for r in vectors]
    torch.testing.assert_close(actual, torch.stack(hessians))


def test_without_a_compiler_the_instructions_are_run(monkeypatch):
    vectors = operands(Harmonics(3).text, 6, 2)[0]
    expected = harmonics(vectors, 3)
    monkeypatch.setattr("cartesian.kernels.native.available", lambda: False)
    np.testing.assert_allclose(harmonics(vectors, 3), expected, atol=1e-14)
    np.testing.assert_allclose(harmonics(torch.from_numpy(vectors), 3), expected, atol=1e-14)
    half = harmonics(torch.from_numpy(vectors).bfloat16(), 3)
    assert half.dtype == torch.bfloat16
    np.testing.assert_allclose(half.double(), expected, atol=0.1)
