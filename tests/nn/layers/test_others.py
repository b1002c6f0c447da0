import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cartesian.nn.layers import Dropout, LayerNorm, NormGate, Readout, Residual, RMSNorm
from cartesian.nn.layers.blocks import from_blocks, to_blocks
from cartesian.spec import Irreps
from cartesian.testing.strategies import irreps


@given(irreps())
def test_blocks_come_back_flat(drawn):
    x = torch.randn(2, 3, drawn.dim)
    assert torch.equal(from_blocks(to_blocks(x, drawn)), x)


def test_norms_of_scalars_are_those_of_torch():
    x = torch.randn(5, 8)
    assert torch.allclose(LayerNorm("8x0e")(x), torch.nn.functional.layer_norm(x, (8,)), atol=1e-6)
    assert torch.allclose(RMSNorm("8x0e")(x), torch.nn.functional.rms_norm(x, (8,), eps=1e-5), atol=1e-6)


@given(st.floats(0.1, 1e3))
def test_normalised_tensors_forget_their_scale(scale):
    layer, x = LayerNorm("4x0e + 3x1o", epsilon=0.0).double(), torch.randn(2, 13, dtype=torch.float64)
    assert torch.allclose(layer(scale * x), layer(x))


def test_dropped_channels_vanish_with_all_components():
    torch.manual_seed(0)
    layer, x = Dropout("200x0e + 300x2e", 0.4), torch.ones(20, 1700)
    result = layer(x)
    scalars, tensors = to_blocks(result, layer.irreps)
    assert ((tensors == 0).all(1) | (tensors != 0).all(1)).all()
    assert result.unique().tolist() == pytest.approx([0.0, 1 / 0.6])
    assert (scalars == 0).float().mean() == pytest.approx(0.4, abs=0.05)
    assert torch.equal(layer.eval()(x), x)
    with pytest.raises(ValueError, match=r"from 0 to below 1, not 1\.0"):
        Dropout("1o", 1.0)


def test_residuals_create_what_is_missing_and_leave_out_what_is_not_asked_for():
    layer = Residual("2x0e + 1x2e", "2x0e + 1o", scale=1.0)
    x, m = torch.arange(7.0), torch.arange(10.0, 15.0)
    assert layer(x, m).tolist() == [10, 12, 12, 13, 14]
    with pytest.raises(ValueError, match=r"2 and 3 channels of 0e cannot be added: mix them"):
        Residual("2x0e", "3x0e")
    with pytest.raises(ValueError, match=r"1x0e\+1x0e has an irrep twice"):
        Residual("0e + 0e", "2x0e")


def test_readouts_refuse_what_cannot_be_read():
    with pytest.raises(ValueError, match="a readout of 4x0e cannot give 1o: linear maps"):
        Readout("4x0e", "1o")
    with pytest.raises(ValueError, match="cannot give 1o through 4x0e"):
        Readout("4x0e + 2x1o", "1o", hidden="4x0e")


def test_the_readout_of_hotpp_has_its_number_of_parameters():
    def gate(hidden: Irreps) -> NormGate:
        return NormGate(hidden, normalize=False)

    scalar = Readout("64x0e", "0e", hidden="64x0e", gate=gate, bias=True)
    assert sum(p.numel() for p in scalar.parameters()) == 64 * 64 + 64 + 64 + 1
    vector = Readout("64x1o", "1o", hidden="64x1o", gate=gate)
    assert sum(p.numel() for p in vector.parameters()) == 64 * 64 + 64 + 2 * 64
