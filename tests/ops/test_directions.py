"""Convolutions along directions: the chain against coupling tables, to any order of derivative."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cartesian.kernels import reference
from cartesian.kernels.edge_lanes import edge_lanes, run_native
from cartesian.kernels.edges import sort_edges
from cartesian.ops.directions import chain_weights, convolve_directions
from cartesian.ops.harmonics import harmonics as component_harmonics
from cartesian.programs.build import convolution
from cartesian.programs.chain import Chain

# 3 channels leave registers partly filled; 11 fill one and a half of the widest in float64.
PROGRAMS = [
    convolution("3x0e + 3x1o + 3x2e", 4, "3x0e + 3x1o + 3x2e", kind="summed"),
    convolution("3x0e + 3x1o + 3x2e", 2, "3x1o + 3x2e", kind="summed", normalization="natural"),
    convolution("11x0e + 11x0o + 11x1o + 11x1e", 2, "11x0e + 11x1o + 11x1e + 11x2o", kind="summed"),
    convolution("3x1o + 3x1o + 3x0e", "0e + 2e", "3x1o + 3x2e", kind="summed"),
]
SMALL = convolution("1x0e + 1x1o", 2, "1x0e + 1x1o + 1x1e", kind="summed")


def draw(program, edges, nodes, seed):
    rng = np.random.default_rng(seed)
    u = rng.standard_normal((edges, 3))
    features, weights = (
        rng.standard_normal((nodes, program.row(1))),
        rng.standard_normal((edges, program.row(0))),
    )
    return features, u / np.linalg.norm(u, axis=1, keepdims=True), weights


def index(seed, edges, nodes):
    return np.random.default_rng(seed).integers(0, nodes, (2, edges))


@settings(max_examples=20)
@given(st.sampled_from(PROGRAMS), st.integers(0, 9), st.integers(1, 4), st.integers(0, 99))
def test_both_methods_are_one_function(program, count, nodes, seed):
    features, directions, weights = draw(program, count, nodes, seed)
    senders, receivers = index(seed, count, nodes)
    expected = convolve_directions(program, features, directions, weights, (senders, receivers), "coupling")
    chain = Chain(program, "chain")
    edges = tuple(map(torch.from_numpy, (senders, receivers)))
    tensors = [torch.from_numpy(array) for array in (features, directions, weights)]
    results = [
        convolve_directions(program, features, directions, weights, (senders, receivers), "chain"),
        convolve_directions(program, *tensors, edges, "chain").numpy(),
        convolve_directions(chain, *tensors[:2], chain_weights(chain, tensors[2]), edges).numpy(),
    ]
    for result in results:
        np.testing.assert_allclose(result, expected, atol=1e-12)


@pytest.mark.parametrize("degree", range(9))
def test_degrees_up_to_8_agree_with_the_couplings(degree):
    left = f"1x0e + 1x{degree}{'eo'[degree % 2]} + 1x{degree}{'oe'[degree % 2]}" if degree else "1x0e + 1x0o"
    program = convolution(left, 2 * degree, left, kind="summed")
    features, directions, weights = draw(program, 3, 2, degree)
    edges = sort_edges(*index(degree, 3, 2), 2)
    harmonics = component_harmonics(directions, 2 * degree)
    (expected,) = reference.run(program, [weights, features, harmonics], edges)
    result = convolve_directions(program, features, directions, weights, edges, "chain")
    np.testing.assert_allclose(result, expected, atol=1e-12 * np.abs(expected).max())


def test_derivatives_along_vectors_agree():
    program = SMALL
    features, vectors, weights = (torch.from_numpy(a).requires_grad_() for a in draw(program, 6, 3, 0))
    edges = tuple(map(torch.from_numpy, index(0, 6, 3)))

    def third(method):
        directions = vectors / vectors.norm(dim=1, keepdim=True)
        out = 0.1 * convolve_directions(program, features, directions, weights, edges, method)
        leaves = (features, vectors, weights)
        first = torch.autograd.grad(out.square().sum(), leaves, create_graph=True)
        second = torch.autograd.grad(sum(g.square().sum() for g in first), leaves, create_graph=True)
        return *first, *second, *torch.autograd.grad(sum(g.sin().sum() for g in second), leaves)

    for actual, expected in zip(third("chain"), third("coupling"), strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("basis", ["paths", "chain"])
def test_gradients_of_any_order_agree_with_finite_differences(basis):
    chain = Chain(SMALL, basis)
    features, directions, weights = draw(SMALL, 3, 2, 1)
    if basis == "chain":
        weights = chain_weights(chain, weights)
    leaves = [torch.from_numpy(array).requires_grad_() for array in (features, directions, weights)]
    edges = sort_edges(torch.tensor([1, 0, 1]), torch.tensor([0, 0, 1]), 2)

    def forward(x, u, w):
        return convolve_directions(chain, x, u, w, edges, "chain")

    torch.autograd.gradcheck(forward, leaves)
    torch.autograd.gradgradcheck(forward, leaves)


def test_the_operator_passes_the_checks_of_torch():
    chain = Chain(SMALL)
    operands = [torch.from_numpy(array).requires_grad_() for array in draw(SMALL, 3, 2, 2)]
    edges = sort_edges(torch.tensor([1, 0, 1]), torch.tensor([0, 0, 1]), 2)
    given = [operands[2], operands[0], operands[1]]
    indices = list(edges[:4]), edges.nodes
    torch.library.opcheck(edge_lanes, (chain.text, given, *indices))
    torch.autograd.gradcheck(lambda *given: edge_lanes(chain.text, given, *indices)[0], given)


def test_results_are_the_same_bit_by_bit_for_any_number_of_threads():
    chain = Chain(PROGRAMS[2])
    features, directions, weights = draw(chain.program, 200, 20, 3)
    edges = sort_edges(*map(torch.from_numpy, index(3, 200, 20)), 20)
    cotangent = np.random.default_rng(4).standard_normal((20, chain.program.row(3)))
    operands = [torch.from_numpy(a.astype(np.float32)) for a in (weights, features, directions, cotangent)]
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            forward = run_native(chain.text, operands[:3], edges)
            results.append([*forward, *run_native(f"{chain.text}|0 1 2,", operands, edges)])
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_weights_may_be_converted_in_the_last_matrix_of_a_network():
    program = PROGRAMS[0]
    chain, rng = Chain(program, "chain"), np.random.default_rng(5)
    radial, matrix = rng.standard_normal((6, 4)), rng.standard_normal((4, program.row(0)))
    np.testing.assert_allclose(
        radial @ chain_weights(chain, matrix), chain_weights(chain, radial @ matrix), atol=1e-12
    )


def test_auto_takes_the_cheaper_method():
    edges = (np.array([0, 1]), np.array([1, 0]))
    for program in (PROGRAMS[0], convolution("3x0e", 2, "3x0e + 3x1o + 3x2e", kind="summed")):
        arguments = draw(program, 2, 2, 6)
        results = [convolve_directions(program, *arguments, edges, method) for method in ("auto", "coupling")]
        np.testing.assert_allclose(*results, atol=1e-13)


def test_what_does_not_fit_is_named():
    program, edges = PROGRAMS[0], (np.array([0, 1]), np.array([1, 0]))
    features, directions, weights = draw(program, 2, 2, 7)
    with pytest.raises(ValueError, match=r"directions have shape \(2, 4\), not \(edges, 3\)"):
        convolve_directions(program, features, np.ones((2, 4)), weights, edges)
    with pytest.raises(ValueError, match=r"weights have shape \(2, 41\), not \(2, 42\)"):
        convolve_directions(program, features, directions, weights[:, 1:], edges, "chain")
    with pytest.raises(TypeError, match="directions have dtype float32, but features have float64"):
        convolve_directions(program, features, directions.astype("f"), weights, edges, "chain")
    with pytest.raises(TypeError, match="belong to one library"):
        convolve_directions(program, features, torch.from_numpy(directions), weights, edges, "chain")
    with pytest.raises(ValueError, match="'auto', 'chain' or 'coupling', not 'fast'"):
        convolve_directions(program, features, directions, weights, edges, "fast")
    with pytest.raises(ValueError, match="couplings take the weights of paths"):
        convolve_directions(Chain(program, "chain"), features, directions, weights, edges, "coupling")
    with pytest.raises(ValueError, match="weights of 14 paths and 3 channels are 42 numbers, not 41"):
        chain_weights(Chain(program), weights[:, 1:])
