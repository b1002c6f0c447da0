"""Every kernel gives the answer of the reference, for every order of derivative."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.fx.experimental.proxy_tensor import make_fx

from cartesian.kernels import compiler, direct, native, operators, reference
from cartesian.kernels.edges import Edges, sort_edges
from cartesian.kernels.run import run
from cartesian.programs.build import convolution, paired, product
from cartesian.programs.derivative import derivative, without

# A few programs, so that few kernels are compiled; 3 and 17 channels leave registers partly filled.
CONVOLUTIONS = [
    convolution("3x0e + 3x1o + 3x2e", 2, "0e + 1o + 2e"),
    convolution("17x0e + 17x1o", 1, "17x0e + 17x1o + 17x1e", kind="summed"),
    convolution("2x1o + 5x1o + 1x2e", 1),
]
PRODUCTS = [product("3x0e + 3x1o", "3x0e + 3x1o + 2x2e"), product("9x2e", "9x1o + 9x1e")]


@st.composite
def graphs(draw) -> Edges:
    nodes, senders = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    pairs = draw(st.lists(st.tuples(st.integers(0, senders - 1), st.integers(0, nodes - 1)), max_size=12))
    index = np.array(pairs, dtype=int).reshape(-1, 2)
    return sort_edges(index[:, 0], index[:, 1], nodes, senders)


@st.composite
def paired_graphs(draw) -> Edges:
    """Every edge beside its opposite, in any order."""
    nodes = draw(st.integers(1, 5))
    ends = draw(st.lists(st.tuples(*[st.integers(0, nodes - 1)] * 2), max_size=9))
    ends = np.array(ends, dtype=int).reshape(-1, 2)
    index = np.concatenate([ends, ends[:, ::-1]])
    order = np.array(draw(st.permutations(range(len(index)))), dtype=int)
    pair = np.tile(np.arange(len(ends)), 2)[order]
    first = np.array([int(np.flatnonzero(pair == p)[0]) for p in range(len(ends))], dtype=int)
    edges = sort_edges(index[order, 0], index[order, 1], nodes)
    return edges._replace(pair=pair, first=first)


def torch_edges(edges: Edges) -> Edges:
    return Edges(*[torch.from_numpy(x) if isinstance(x, np.ndarray) else x for x in edges])


def random_operands(program, edges, seed) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    sizes = {"edge": 4} if edges is None else {"edge": len(edges.senders)}
    if edges is not None:
        sizes |= {"sender": edges.nodes, "receiver": len(edges.starts) - 1}
        sizes |= {} if edges.first is None else {"pair": len(edges.first)}
    legs = [(program.form.legs[leg], program.row(leg)) for leg in program.operands]
    return [rng.standard_normal((sizes[leg.place], row)) for leg, row in legs]


def derivatives(program):
    """The program, its gradients, and the gradients of those."""
    first = derivative(program, (0, 1, 2))
    second = derivative(first, (0, 1, 2, 3))
    return [program, first, second, without(second, {5})]


def assert_close(actual, expected, dtype="float64"):
    scale = max((np.abs(array).max() for array in expected if array.size), default=1.0)
    tolerance = {"float64": 1e-13, "float32": 1e-5}[dtype] * max(scale, 1.0)
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(np.asarray(a), b, rtol=0, atol=tolerance)


@settings(max_examples=30)
@given(graphs(), st.sampled_from(CONVOLUTIONS), st.integers(0, 99))
def test_every_kernel_computes_every_derivative_of_a_convolution(edges, base, seed):
    for program in derivatives(base):
        operands = random_operands(program, edges, seed)
        expected = reference.run(program, operands, edges)
        assert_close(run(program, operands, edges), expected)
        tensors = [torch.from_numpy(array) for array in operands]
        for kernel in ("eager", "native", None):
            assert_close(run(program, tensors, torch_edges(edges), kernel), expected)


@settings(max_examples=30)
@given(paired_graphs(), st.sampled_from(CONVOLUTIONS[:2]), st.integers(0, 99))
def test_opposite_edges_share_a_row_of_weights(edges, base, seed):
    for program in derivatives(paired(base)):
        operands = random_operands(program, edges, seed)
        expected = reference.run(program, operands, edges)
        assert_close(run(program, operands, edges), expected)
        tensors = [torch.from_numpy(array) for array in operands]
        for kernel in ("eager", "native", None):
            assert_close(run(program, tensors, torch_edges(edges), kernel), expected)
    # The reference sums what each edge gives by itself.
    weights, left, right = random_operands(paired(base), edges, seed)
    of_edges = [weights[edges.pair], left, right]
    assert_close(
        reference.run(paired(base), [weights, left, right], edges), reference.run(base, of_edges, edges)
    )


@settings(max_examples=10)
@given(st.sampled_from(PRODUCTS), st.integers(0, 99))
def test_every_kernel_computes_every_derivative_of_a_product(base, seed):
    for program in derivatives(base):
        operands = random_operands(program, None, seed)
        expected = reference.run(program, operands, None)
        assert_close(run(program, operands), expected)
        assert_close(run(program, [torch.from_numpy(array) for array in operands], kernel="eager"), expected)


@pytest.mark.parametrize("program", CONVOLUTIONS)
def test_the_reference_is_the_sum_written_out(program):
    edges = sort_edges(np.array([1, 0, 1]), np.array([0, 0, 1]), 2)
    weights, left, right = random_operands(program, edges, 0)
    expected = np.zeros((2, program.row(3)))
    for e in range(3):
        for term in program.form.terms:
            w, x, y, z = term.slots
            for (a, b, o), value in np.ndenumerate(term.table):
                for c in range(term.channels):
                    factor = value * weights[e, w.start + c] * right[e, y.start + b]
                    factor *= left[edges.senders[e], x.start + a * x.width + x.first + c]
                    expected[edges.receivers[e], z.start + o * z.width + z.first + c] += factor
    assert_close(reference.run(program, [weights, left, right], edges), [expected])


@pytest.mark.parametrize("program", [*derivatives(CONVOLUTIONS[0])[:3], *PRODUCTS])
def test_float32_differs_by_rounding_only(program):
    edges = None if program in PRODUCTS else sort_edges(np.array([1, 0, 1, 1]), np.array([0, 2, 1, 0]), 3)
    operands = random_operands(program, edges, 1)
    single = [array.astype(np.float32) for array in operands]
    result = native.run(program, single, edges)
    assert all(array.dtype == np.float32 for array in result)
    assert_close(result, reference.run(program, [array.astype(float) for array in single], edges), "float32")


def test_other_dtypes_run_in_plain_numpy_and_torch():
    program, edges = CONVOLUTIONS[0], sort_edges(np.array([1, 0]), np.array([0, 1]), 2)
    operands = [array.astype(np.float16) for array in random_operands(program, edges, 1)]
    expected = reference.run(program, operands, edges)[0]
    assert run(program, operands, edges)[0].dtype == np.float16
    tensors = [torch.from_numpy(array).bfloat16() for array in operands]
    result = run(program, tensors, torch_edges(edges))[0]
    assert result.dtype == torch.bfloat16
    np.testing.assert_allclose(result.float(), expected, atol=0.2)


def test_rows_may_be_expanded_or_lie_apart():
    program, edges = CONVOLUTIONS[0], sort_edges(np.array([1, 0, 1]), np.array([0, 2, 1]), 3)
    weights, left, right = random_operands(program, edges, 2)
    weights = np.broadcast_to(weights[:1], weights.shape)
    left = np.concatenate([left, left], axis=1)[:, : left.shape[1]]
    right = np.asfortranarray(right)
    expected = reference.run(program, [weights, left, right], edges)
    assert_close(native.run(program, [weights, left, right], edges), expected)


def test_results_are_the_same_bit_by_bit_for_any_number_of_threads():
    rng = np.random.default_rng(3)
    index = torch.from_numpy(rng.integers(0, 30, (2, 400)))
    edges = sort_edges(index[0], index[1], 30)
    threads = torch.get_num_threads()
    ends = torch.cat([index, index.flip(0)], dim=1)
    opposite = sort_edges(ends[0], ends[1], 30)._replace(
        pair=torch.arange(400).repeat(2), first=torch.arange(400)
    )
    cases = [(program, edges) for program in derivatives(CONVOLUTIONS[0])[:3]]
    cases += [(program, opposite) for program in derivatives(paired(CONVOLUTIONS[0]))[:3]]
    for program, edges in cases:
        operands = [torch.from_numpy(a.astype(np.float32)) for a in random_operands(program, edges, 4)]
        try:
            results = []
            for count in (1, 2, 3):
                torch.set_num_threads(count)
                results.append(native.run(program, operands, edges))
        finally:
            torch.set_num_threads(threads)
        for other in results[1:]:
            assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def assert_differentiable(function, operands):
    torch.autograd.gradcheck(lambda *given: function(*given)[0], operands)
    torch.autograd.gradgradcheck(lambda *given: function(*given)[0], operands)


def test_gradients_of_any_order_agree_with_finite_differences():
    program = convolution("2x0e + 2x1o", 1, "0e + 1o")
    edges = sort_edges(torch.tensor([1, 0, 1]), torch.tensor([0, 0, 2]), 3)
    operands = [torch.from_numpy(a).requires_grad_() for a in random_operands(program, edges, 5)]

    assert_differentiable(lambda *given: run(program, given, edges), operands)


def test_third_derivatives_agree_with_plain_torch():
    program = CONVOLUTIONS[0]
    edges = sort_edges(torch.tensor([1, 0, 1]), torch.tensor([0, 0, 2]), 3)
    operands = [torch.from_numpy(a).requires_grad_() for a in random_operands(program, edges, 6)]

    def third(kernel):
        out = run(program, operands, edges, kernel)[0]
        first = torch.autograd.grad(out.square().sum(), operands, create_graph=True)
        second = torch.autograd.grad(sum(g.square().sum() for g in first), operands, create_graph=True)
        return torch.autograd.grad(sum(g.sin().sum() for g in second), operands)

    for actual, expected in zip(third(None), third("eager"), strict=True):
        torch.testing.assert_close(actual, expected)


def test_the_operator_passes_the_checks_of_torch():
    program = CONVOLUTIONS[0]
    edges = sort_edges(torch.tensor([1, 0, 1]), torch.tensor([0, 0, 2]), 3)
    operands = [torch.from_numpy(a).requires_grad_() for a in random_operands(program, edges, 7)]
    indices = list(edges[:4]), 3
    torch.library.opcheck(operators.contract, (program.text, operands, *indices))
    assert_differentiable(lambda *given: operators.contract(program.text, given, *indices), operands)
    backward = derivative(program, (0, 2))
    operands += [torch.ones(3, program.row(3), dtype=torch.float64, requires_grad=True)]
    torch.library.opcheck(operators.contract, (backward.text, operands, *indices))


def test_compile_and_export_accept_it():
    program = CONVOLUTIONS[0]
    edges = sort_edges(torch.tensor([1, 0, 1]), torch.tensor([0, 0, 2]), 3)
    weights, left, right = (torch.from_numpy(a) for a in random_operands(program, edges, 8))

    class Layer(torch.nn.Module):
        def forward(self, weights, left, right, edges):
            return run(program, [weights, left.sin(), right], edges)[0].cos()

    expected = Layer()(weights, left, right, edges)
    compiled = torch.compile(Layer(), fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(weights, left.requires_grad_(), right, edges), expected)
    exported = torch.export.export(Layer(), (weights, left.detach(), right, edges))
    torch.testing.assert_close(exported.module()(weights, left, right, edges), expected)


def test_a_machine_without_a_compiler_says_so_once_and_uses_torch():
    code = """
import warnings, numpy as np, torch
from cartesian.kernels.run import run
from cartesian.kernels.edges import sort_edges
from cartesian.programs.build import convolution
program = convolution("2x1o", 1, "0e")
edges = sort_edges(torch.tensor([0]), torch.tensor([0]), 1)
arrays = [torch.ones(1, program.row(leg)) for leg in program.operands]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    results = [run(program, arrays, edges)[0] for _ in range(3)]
assert torch.equal(results[0], run(program, arrays, edges, "eager")[0])
print([str(w.message) for w in caught if "compiler" in str(w.message)])
"""
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "CC": "no-such-compiler"},
        capture_output=True,
        check=False,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("no C compiler found") == 1


def test_a_compiler_error_shows_what_the_compiler_says():
    with pytest.raises(compiler.CompilerError, match="error"):
        compiler.load("this is not C")


def test_what_does_not_fit_is_named():
    program = CONVOLUTIONS[0]
    edges = sort_edges(np.array([1, 0, 1]), np.array([0, 2, 1]), 3)
    weights, left, right = random_operands(program, edges, 9)
    with pytest.raises(ValueError, match=r"left has shape \(2, 27\), not \(3, 27\): one row per sender"):
        run(program, [weights, left[:2], right], edges)
    with pytest.raises(TypeError, match="right has dtype float32, but weights has float64"):
        run(program, [weights, left, right.astype(np.float32)], edges)
    with pytest.raises(TypeError, match="a ndarray among arrays of torch"):
        run(program, [weights, torch.from_numpy(left), right], edges)
    tensors = [torch.from_numpy(array) for array in (weights, left, right)]
    with pytest.raises(TypeError, match="left is on meta, but weights on cpu"):
        run(program, [tensors[0], tensors[1].to("meta"), tensors[2]], torch_edges(edges))
    with pytest.raises(TypeError, match="edges are a ndarray among arrays of torch"):
        run(program, tensors, edges)
    with pytest.raises(TypeError, match="native kernels take float32 and float64 on the CPU, not float16"):
        run(program, [array.astype(np.float16) for array in (weights, left, right)], edges, "native")
    with pytest.raises(TypeError, match="features are floating-point"):
        run(program, [array.astype(int) for array in (weights, left, right)], edges)
    with pytest.raises(ValueError, match="takes 3 operands, not 2"):
        run(program, [weights, left], edges)
    with pytest.raises(ValueError, match="runs over edges"):
        run(program, [weights, left, right])
    with pytest.raises(TypeError, match="no kernel 'eager' for arrays of numpy"):
        run(program, [weights, left, right], edges, "eager")


def test_traces_and_transforms_see_the_operator():
    program = CONVOLUTIONS[0]
    edges = sort_edges(torch.tensor([1, 0, 1]), torch.tensor([0, 0, 2]), 3)
    weights, left, right = (torch.from_numpy(a) for a in random_operands(program, edges, 9))

    def convolve(x):
        return run(program, [weights, x, right], edges)[0]

    assert "cartesian.contract" in make_fx(convolve)(left).code
    assert not direct.is_transformed()
    torch.autograd.forward_ad.enter_dual_level()
    try:
        assert direct.is_transformed()
    finally:
        torch.autograd.forward_ad.exit_dual_level()
    with pytest.raises(RuntimeError, match=r"functorch|transform"):  # not a silent zero
        torch.func.grad(lambda x: convolve(x).sum())(left)
