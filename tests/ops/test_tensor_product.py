"""Tensor products in every mode against sums written out, and against each other."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cartesian.ops.tensor_product import tensor_product
from cartesian.programs.tensor_product import tensor_product as build
from cartesian.spec import Irreps
from cartesian.tables import coupling

LEFT, RIGHT, OUT = "2x0e + 2x1o + 2x2e", "2x0o + 2x1o", "3x0e + 2x1o + 3x1e + 2x2o"
LETTERS = {"uuu": "u,au,bu->ou", "uvu": "vu,au,bv->ou", "uuw": "uw,au,bu->ow", "uvw": "uvw,au,bv->ow"}
modes = st.sampled_from(list(LETTERS))
seeds = st.integers(0, 2**32 - 1)


def blocks(row, irreps):
    return [row[part].reshape(block.irrep.dim, -1) for part, block in zip(irreps.slices, irreps, strict=True)]


def written_out(mode, left, right, out, x, y, weights):
    """One row: paths by irrep of the output, then left, then right; weights path by path."""
    left, right, wanted = Irreps(left), Irreps(right), Irreps(out)
    result: dict = {k: [] for k in range(len(wanted))}
    for k, c in enumerate(wanted):
        for a, b in ((a, b) for a in range(len(left)) for b in range(len(right))):
            if c.irrep not in left[a].irrep * right[b].irrep:
                continue
            sizes = {"u": left[a].channels, "v": right[b].channels, "w": c.channels}
            shape = [sizes[letter] for letter in LETTERS[mode].partition(",")[0]]
            w, weights = np.split(weights, [int(np.prod(shape))])
            degrees = left[a].irrep.degree, right[b].irrep.degree, c.irrep.degree
            table = coupling(*degrees)
            table = table * np.sqrt((2 * degrees[2] + 1) / (table**2).sum())
            first, *factors = LETTERS[mode].split(",")
            subscripts = ",".join([first, "abo", *factors])
            terms = w.reshape(shape), table, blocks(x, left)[a], blocks(y, right)[b]
            result[k].append(np.einsum(subscripts, *terms))
    assert not len(weights)
    join = np.hstack if mode in ("uuu", "uvu") else sum
    return np.concatenate([np.ravel(join(parts)) for parts in result.values()])


@settings(max_examples=20)
@given(modes, seeds)
def test_every_mode_is_its_sum(mode, seed):
    program = build(LEFT, RIGHT, OUT, mode)
    draw = np.random.default_rng(seed).normal
    x, y, w = draw(size=(3, program.left.dim)), draw(size=(3, program.right.dim)), draw(size=program.weights)
    expected = [written_out(mode, LEFT, RIGHT, OUT, *rows, w) for rows in zip(x, y, strict=True)]
    np.testing.assert_allclose(tensor_product(program, x, y, w), expected, atol=1e-13)
    in_torch = tensor_product(program, *map(torch.from_numpy, (x, y, w)))
    np.testing.assert_allclose(in_torch, expected, atol=1e-13)


@pytest.mark.parametrize("mode", list(LETTERS))
def test_first_and_second_derivatives(mode):
    program = build("2x0e + 2x1o", "2x1o", "0e + 2x1e + 2x2e", mode)
    sizes = (2, program.left.dim), (2, program.right.dim), (program.weights,)
    operands = [torch.randn(size, dtype=torch.float64, requires_grad=True) for size in sizes]
    assert torch.autograd.gradcheck(lambda *x: tensor_product(program, *x), operands)
    assert torch.autograd.gradgradcheck(lambda *x: tensor_product(program, *x), operands)


def test_one_channel_each_makes_all_modes_one():
    draw = np.random.default_rng(0).normal
    x, y, w = draw(size=(4, 4)), draw(size=(4, 3)), draw(size=5)
    results = [
        tensor_product(build("0e + 1o", "1o", "0e + 1o + 1e + 2e", mode), x, y, w[:4]) for mode in LETTERS
    ]
    for result in results[1:]:
        np.testing.assert_allclose(result, results[0], atol=1e-14)


def test_no_rows():
    program = build(LEFT, RIGHT, OUT)
    shape = tensor_product(program, np.zeros((0, 18)), np.zeros((0, 8)), np.zeros(program.weights)).shape
    assert shape == (0, program.out.dim)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="unknown mode 'uvv': choose 'uuu'"):
        build("1o", "1o", "0e", "uvv")
    with pytest.raises(ValueError, match="mode 'uuw' mixes channels: say which irreps come out"):
        build("1o", "1o", mode="uuw")
    with pytest.raises(ValueError, match=r"each irrep on the right once, not 1x1o\+2x1o; simplify"):
        build("1o", "1o + 2x1o", mode="uvu")
    for mode in LETTERS:
        with pytest.raises(ValueError, match="no path leads from 1x1o times 1x1o to 3o"):
            build("1o", "1o", "0e + 3o", mode)
    with pytest.raises(ValueError, match="normalised as 'natural' or 'component', not 'norm'"):
        build("1o", "1o", "0e", "uvw", "norm")
    program, x = build("1o", "1o", "0e"), np.ones((2, 3))
    with pytest.raises(ValueError, match=r"has 1 weights, not \(2,\)"):
        tensor_product(program, x, x, np.ones(2))
    with pytest.raises(ValueError, match=r"right has shape \(2, 4\), not \(rows, 3\): 1x1o"):
        tensor_product(program, x, np.ones((2, 4)), np.ones(1))
    with pytest.raises(ValueError, match="left has 2 rows, but right has 1"):
        tensor_product(program, x, x[:1], np.ones(1))
    with pytest.raises(TypeError, match="left has dtype float32, but the weights have float64"):
        tensor_product(program, x.astype(np.float32), x, np.ones(1))


@pytest.mark.parametrize("mode", list(LETTERS))
def test_it_compiles(mode):
    program = build(LEFT, RIGHT, OUT, mode)
    draw = np.random.default_rng(0).normal
    shapes = (3, program.left.dim), (3, program.right.dim), (program.weights,)
    operands = [torch.from_numpy(draw(size=shape)) for shape in shapes]
    compiled = torch.compile(lambda *x: tensor_product(program, *x), fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(*operands), tensor_product(program, *operands))
