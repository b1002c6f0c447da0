"""The layer against e3nn's tensor product with the same weights, and against the laws it promises."""

import pytest
import torch
from e3nn import o3

from cartesian.nn.layers.tensor_product import TensorProduct
from cartesian.spec import Irreps
from cartesian.testing import assert_equivariant

LEFT, RIGHT, OUT = Irreps("4x0e + 4x1o + 4x2e"), Irreps("4x0o + 4x1o"), Irreps("3x0e + 2x1o + 3x1e + 2x2o")
MODES = ["uuu", "uvu", "uuw", "uvw"]


def to_e3nn(features, irreps):
    """Channels outside, components inside."""
    parts = [
        features[:, part].reshape(-1, block.irrep.dim, block.channels).transpose(1, 2).flatten(1)
        for part, block in zip(irreps.slices, irreps, strict=True)
    ]
    return torch.cat(parts, 1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("mode", MODES)
def test_it_is_the_tensor_product_of_e3nn(mode):
    torch.manual_seed(0)
    ours = TensorProduct(LEFT, RIGHT, OUT, mode).double()
    paths = [
        (i, j, k)
        for k, c in enumerate(OUT)
        for i, a in enumerate(LEFT)
        for j, b in enumerate(RIGHT)
        if c.irrep in a.irrep * b.irrep
    ]
    own = mode in ("uuu", "uvu")  # every path has an output of its own
    out = [(4, str(OUT[k].irrep)) for _, _, k in paths] if own else str(OUT)
    instructions = [(i, j, n if own else k, mode, True) for n, (i, j, k) in enumerate(paths)]
    theirs = o3.TensorProduct(
        str(LEFT), str(RIGHT), out, instructions, internal_weights=False, shared_weights=True
    ).double()
    weights = ours.weight.detach()
    if mode == "uvu":
        weights = weights.reshape(-1, 4, 4).transpose(1, 2).flatten()
    x, y = (torch.randn(5, irreps.dim, dtype=torch.float64) for irreps in (LEFT, RIGHT))
    expected = theirs(to_e3nn(x, LEFT), to_e3nn(y, RIGHT), weights)
    torch.testing.assert_close(to_e3nn(ours(x, y), ours.out), expected)


@pytest.mark.parametrize("mode", MODES)
def test_it_commutes_with_o3(mode):
    layer = TensorProduct("2x0e + 2x1o", "2x1e + 2x2e", "1x0o + 2x1o + 1x2e", mode).double()
    assert_equivariant(layer, [layer.left, layer.right], layer.out, examples=5)


@pytest.mark.parametrize("mode", MODES)
def test_the_second_moment_stays_one(mode):
    torch.manual_seed(1)
    moments = 0.0
    for _ in range(8):
        layer = TensorProduct("16x0e + 16x1o + 16x2e", "16x0e + 16x1o", "16x0e + 16x1o + 16x2e", mode)
        x, y = (torch.randn(400, irreps.dim) for irreps in (layer.left, layer.right))
        moments += layer(x, y).square().mean().item() / 8
    assert moments == pytest.approx(1, abs=0.1)


def test_it_prints_and_keeps_float64_through_float32():
    layer = TensorProduct("2x1o", "1o", "2x0e").double()
    assert "2x1o x 1x1o -> 2x0e, uvw" in repr(layer)
    x, y = torch.randn(3, 6, dtype=torch.float64), torch.randn(3, 3, dtype=torch.float64)
    layer.weight.data = layer.weight.data.float().double()
    before = layer(x, y)
    torch.testing.assert_close(layer.float().double()(x, y), before, rtol=0, atol=0)
