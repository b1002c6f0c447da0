"""Triton kernels, run in Triton's interpreter, against the reference."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cartesian.kernels import fused, fused_lanes, lanes, reference
from cartesian.kernels.edges import Edges, sort_edges
from cartesian.kernels.fused_source import kernels
from cartesian.kernels.groups import sort_groups
from cartesian.programs.build import convolution
from cartesian.programs.derivative import derivative
from cartesian.programs.powers import lanes as powers
from cartesian.programs.powers import power_program
from tests.kernels.test_run import (
    CONVOLUTIONS,
    PRODUCTS,
    assert_close,
    derivatives,
    graphs,
    random_operands,
    torch_edges,
)

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
pytestmark = pytest.mark.skipif(not fused.available(DEVICE), reason="no Triton for this machine")


def run(program, operands, edges, dtype=torch.float64):
    tensors = [torch.from_numpy(array).to(DEVICE, dtype) for array in operands]
    if edges is not None:
        edges = torch_edges(edges)
        edges = type(edges)(*(index.to(DEVICE) for index in edges[:4]), edges.nodes)
    return [array.double().cpu().numpy() for array in fused.run(program, tensors, edges)]


@settings(max_examples=8)
@given(graphs(), st.sampled_from(CONVOLUTIONS), st.integers(0, 3), st.integers(0, 99))
def test_every_derivative_of_a_convolution_is_that_of_the_reference(edges, base, order, seed):
    program = derivatives(base)[order]
    operands = random_operands(program, edges, seed)
    assert_close(run(program, operands, edges), reference.run(program, operands, edges))


@settings(max_examples=4)
@given(st.sampled_from(PRODUCTS), st.integers(0, 2), st.integers(0, 99))
def test_every_derivative_of_a_product_is_that_of_the_reference(base, order, seed):
    program = derivatives(base)[order]
    operands = random_operands(program, None, seed)
    assert_close(run(program, operands, None), reference.run(program, operands, None))


def test_kernels_are_cut_where_registers_end_and_still_add_up():
    base = convolution("3x0e + 3x1o + 3x2e + 3x3o", 3, "0e + 1o + 2e + 3o")
    graph = np.random.default_rng(0).integers(0, 3, (2, 6))
    edges = sort_edges(graph[0], graph[1], 3)
    for program in (base, derivative(base, (0, 1, 2))):
        assert len(kernels(program)) > 1
        operands = random_operands(program, edges, 0)
        assert_close(run(program, operands, edges), reference.run(program, operands, edges))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_half_precision_is_storage_only(dtype):
    program = CONVOLUTIONS[0]
    rng = np.random.default_rng(1)
    edges = sort_edges(rng.integers(0, 3, 40), rng.integers(0, 2, 40), 2, 3)
    tensors = [torch.from_numpy(array).to(dtype) for array in random_operands(program, edges, 1)]
    exact = reference.run(program, [tensor.double().numpy() for tensor in tensors], edges)
    found = run(program, [tensor.double().numpy() for tensor in tensors], edges, dtype)
    for a, b in zip(found, exact, strict=True):
        # One rounding of the result; sums of 20 edges in bfloat16 would lose several times that.
        assert (
            np.abs(a - b).max()
            <= torch.finfo(dtype).eps * (1 if dtype == torch.bfloat16 else 20) * np.abs(b).max()
        )


def test_edges_of_another_graph_are_sorted_anew():
    program = derivative(CONVOLUTIONS[2], (1,))
    rng = np.random.default_rng(2)
    edges = sort_edges(rng.integers(0, 4, 12), rng.integers(0, 4, 12), 4)
    operands = random_operands(program, edges, 2)
    kept = torch_edges(edges)
    tensors = [torch.from_numpy(array) for array in operands]
    first = fused.run(program, tensors, kept)
    assert torch.equal(first[0], fused.run(program, tensors, kept)[0])
    kept.senders.copy_(kept.senders.flip(0))
    changed = Edges(kept.senders.numpy(), edges.receivers, edges.order, edges.starts, 4)
    assert_close(fused.run(program, tensors, kept), reference.run(program, operands, changed))


def test_what_cannot_run_is_refused(monkeypatch):
    with pytest.raises(TypeError, match=r"fused kernels take torch.bfloat16, .*, not torch.complex64"):
        fused.run(PRODUCTS[0], [torch.zeros(1, 3, dtype=torch.complex64)], None)
    monkeypatch.delenv("TRITON_INTERPRET")
    with pytest.raises(RuntimeError, match="need Triton and a GPU, not cpu"):
        fused.run(PRODUCTS[0], [torch.zeros(1, 3)], None)


@settings(max_examples=4)
@given(st.integers(0, 9), st.integers(0, 2), st.sampled_from([1, 5, 40]), st.integers(0, 99))
def test_powers_are_those_of_plain_torch(rows, order, channels, seed):
    text = power_program("0e + 1o + 2e", 2, "0e + 1o").text + ["", "|0 1,", "|0 1,|0 2,"][order]
    program = powers(text)
    rng = np.random.default_rng(seed)
    groups = sort_groups(torch.from_numpy(rng.integers(0, 3, rows)).to(DEVICE), 4)
    sizes = {"row": rows, "group": 4}
    operands = [
        torch.from_numpy(rng.standard_normal((sizes[leg.place], leg.length, channels))).to(DEVICE)
        for leg in program.operands
    ]
    found = fused_lanes.run(program, operands, groups.order, groups.starts)
    for a, b in zip(found, lanes.run_eager(program, operands, groups), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-12)


COMPILE = """
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile

from cartesian.kernels.fused import compiled
from cartesian.kernels.fused_source import kernels
from cartesian.programs.build import convolution
from cartesian.programs.derivative import derivative

forward = convolution("64x0e + 64x1o", 1, "64x0e + 64x1o + 64x1e")
for program in (forward, derivative(forward, (0, 1, 2))):
    for kernel in kernels(program):
        function, names = compiled(kernel.text)
        types = {"o": "*fp32", "i": "*fp32", "s": "i64"}
        signature = {
            name: "*i64" if len(name) > 3 else types[name[0]] for name in names
        } | {"A": "constexpr", "B": "constexpr"}
        source = ASTSource(fn=function, signature=signature, constexprs={"A": tl.float32, "B": 64})
        print(len(compile(source, target=GPUTarget("cuda", 90, 32)).asm["ptx"]) > 1000)
"""


def test_the_compiler_accepts_kernels_for_a_gpu_that_is_not_there():
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["True", "True"], done.stderr
