"""Linear maps of features against their law and against e3nn."""

import numpy as np
import pytest
import torch
from e3nn import o3

from cartesian.ops.linear import linear
from cartesian.programs.mixing import mixings
from cartesian.spec import Irreps

IRREPS, OUT = Irreps("3x0e + 2x1o + 1x1o + 2x2e"), Irreps("2x1o + 4x0e + 1x1e")


def draw(*shape):
    return np.random.default_rng(0).standard_normal(shape)


def to_e3nn(features, irreps):
    """Channels outside, components inside."""
    blocks = [
        features[..., part].reshape(-1, block.irrep.dim, block.channels).swapaxes(1, 2).reshape(-1, block.dim)
        for block, part in zip(irreps, irreps.slices, strict=True)
    ]
    return np.concatenate(blocks, axis=1)


def test_it_is_the_linear_map_of_e3nn():
    weights = draw(mixings(IRREPS, OUT)[-1].weights.stop)
    x = draw(5, IRREPS.dim)
    module = o3.Linear(
        str(IRREPS), str(OUT), internal_weights=False, shared_weights=True, path_normalization="path"
    )
    parts = {(part.source, part.target): weights[part.weights] for part in mixings(IRREPS, OUT)}
    flat = [parts[path.i_in, path.i_out] / path.path_weight for path in module.instructions]
    expected = module.double()(torch.from_numpy(to_e3nn(x, IRREPS)), torch.from_numpy(np.concatenate(flat)))
    np.testing.assert_allclose(to_e3nn(linear(x, weights, IRREPS, OUT), OUT), expected, atol=1e-13)


def test_numpy_and_torch_agree_over_leading_axes():
    weights, x = draw(mixings(IRREPS, OUT)[-1].weights.stop), draw(2, 3, IRREPS.dim)
    expected = np.stack([linear(row, weights, IRREPS, OUT) for row in x])
    actual = linear(torch.from_numpy(x), torch.from_numpy(weights), str(IRREPS), str(OUT))
    np.testing.assert_allclose(actual, expected, atol=1e-13)


def test_what_has_no_source_is_zero():
    assert linear(np.ones(3), np.ones(0), "1o", "2x0e").tolist() == [0, 0]
    assert linear(np.ones(3), np.ones(0), "1o", "").shape == (0,)


def test_wrong_lengths_are_named():
    with pytest.raises(ValueError, match="features of 1x1o have length 3, not 4"):
        linear(np.ones(4), np.ones(1), "1o", "1o")
    with pytest.raises(ValueError, match=r"from 1x1o to 2x1o has 2 weights, not \(3,\)"):
        linear(np.ones(3), np.ones(3), "1o", "2x1o")


def test_it_compiles_and_exports():
    class Map(torch.nn.Module):
        def forward(self, features, weights):
            return linear(features, weights, "3x0e + 2x1o", OUT).sin()

    x, w = torch.from_numpy(draw(5, 9)), torch.from_numpy(draw(16))
    expected = Map()(x, w)
    torch.testing.assert_close(torch.compile(Map(), fullgraph=True, backend="aot_eager")(x, w), expected)
    torch.testing.assert_close(torch.export.export(Map(), (x, w)).module()(x, w), expected)
