import pytest
import torch
from e3nn import nn as e3nn_nn

from cartesian.nn.layers.gate import Gate, NormGate, tanh_ratio
from cartesian.ops import storage


def test_gates_are_those_of_e3nn():
    gate = Gate("5x0e + 3x0o + 4x1o + 2x2e")
    theirs = e3nn_nn.Gate(
        "5x0e+3x0o", [torch.nn.functional.silu, torch.tanh], "6x0e", [torch.nn.functional.silu], "4x1o+2x2e"
    )
    x = torch.randn(7, gate.irreps.dim)
    # Theirs sorts its input, ours keeps scalars, gates, gated.
    order = [*range(5, 8), *range(5), *range(8, 36)]
    ours = storage.to_e3nn(gate(x), gate.out)
    wanted = theirs(storage.to_e3nn(x, gate.irreps)[:, order])
    assert torch.allclose(ours, wanted, rtol=1e-2, atol=1e-2)  # their constants are drawn


def test_gates_keep_the_order_of_blocks():
    gate = Gate("1o + 2x0e + 0o + 2x1e")
    assert str(gate.irreps) == "2x0e+1x0o+3x0e+1x1o+2x1e"
    x = torch.zeros(1, gate.irreps.dim)
    x[0, 3] = 1.0  # the gate of 1o
    x[0, 6:9] = torch.tensor([1.0, 2.0, 3.0])
    result = gate(x)[0]
    assert torch.allclose(result[:3], gate.gate(torch.tensor(1.0)) * torch.tensor([1.0, 2.0, 3.0]))
    assert result[3:].abs().max() == 0


@pytest.mark.parametrize("out", ["3x0e + 2x0o", "2x1o", ""])
def test_gates_without_scalars_or_without_tensors(out):
    gate = Gate(out)
    assert gate(torch.ones(2, gate.irreps.dim)).shape == (2, gate.out.dim)


def test_pseudoscalars_need_an_odd_activation():
    with pytest.raises(ValueError, match=r"change sign under inversion.* must be an odd function"):
        Gate("1x0o", odd=torch.nn.SiLU())


def test_norm_gates_in_their_published_form():
    gate = NormGate("2x0e + 2x1o", normalize=False)
    torch.nn.init.normal_(gate.weight)
    torch.nn.init.normal_(gate.bias)
    x = torch.randn(1, 8)
    T = x[0, 2:].reshape(3, 2)
    wanted = torch.sigmoid(gate.weight * T.square().sum(0) + gate.bias) * T
    result = gate(x)[0]
    assert torch.allclose(result[:2], torch.nn.functional.silu(x[0, :2]))
    assert torch.allclose(result[2:].reshape(3, 2), wanted)


def test_tanh_ratio_is_smooth_at_zero_and_where_its_formulas_meet():
    x = torch.tensor([0.0, 1e-5, 0.01, 0.03, 0.5, -2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(tanh_ratio, (x,))
    assert torch.autograd.gradgradcheck(tanh_ratio, (x,))
    away = x.detach()[1:]
    assert torch.allclose(tanh_ratio(away), away.tanh() / away, rtol=1e-14)
