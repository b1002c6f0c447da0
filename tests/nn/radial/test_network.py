import pytest
import torch
from e3nn.nn import FullyConnectedNet
from hypothesis import given
from hypothesis import strategies as st

from cartesian.nn.radial import Bessel, CosineEnvelope, Perceptron, PolynomialEnvelope, Radial, RadialNetwork

CUTOFF = 5.0


def network(**options):
    torch.manual_seed(0)
    made = RadialNetwork(Bessel(8, CUTOFF), PolynomialEnvelope(CUTOFF), 3, **options).double()
    for bias in made.perceptron.biases:
        torch.nn.init.normal_(bias)
    return made


def jump(function, at=CUTOFF, step=1e-5):
    """Largest change of value and slope from just before to just behind the cutoff."""
    d = torch.tensor([at - step, at + step], dtype=torch.float64, requires_grad=True)
    values = function(d)
    slopes = [
        torch.autograd.grad(values[:, k].sum(), d, retain_graph=True)[0] for k in range(values.shape[1])
    ]
    return max(float((v[0] - v[1]).abs().detach()) for v in (*values.T, *slopes))


@pytest.mark.parametrize(
    "options",
    [{}, {"bias": True}, {"bias": True, "activate_last": True}, {"envelope_first": True}],
    ids=str,
)
def test_weights_and_slopes_vanish_at_the_cutoff(options):
    made = network(**options)
    assert jump(made) < 1e-6
    assert made(torch.tensor([CUTOFF], dtype=torch.float64)).abs().max() < 1e-12


def test_biases_behind_the_envelope_jump_at_the_cutoff():
    made = network(bias=True, envelope_first=True)
    assert made(torch.tensor([CUTOFF, 9.0], dtype=torch.float64)).abs().min() > 1e-3


@given(st.integers(0, 2**32 - 1))
def test_perceptrons_are_those_of_e3nn(seed):
    torch.manual_seed(seed)
    ours = Perceptron([4, 6, 5, 2])
    theirs = FullyConnectedNet([4, 6, 5, 2], torch.nn.functional.silu)
    for weight, layer in zip(ours.weights, theirs, strict=True):
        layer.weight.data = weight.data
        if layer.act is not None:
            layer.act.cst = ours.activation.factor  # theirs is drawn, ours integrated
    x = torch.randn(7, 4)
    assert torch.allclose(ours(x), theirs(x), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("widths", [(64, 64), (64, 64, 64, 64, 32), (3, 256, 256, 128)])
def test_perceptrons_keep_second_moments(widths):
    torch.manual_seed(0)
    moments = [Perceptron(widths)(torch.randn(500, widths[0])).square().mean() for _ in range(20)]
    assert 0.7 < torch.stack(moments).mean() < 1.4


def test_further_inputs_reach_the_weights():
    made = network(extra=2)
    d, extra = torch.tensor([1.0, 5.0]).double(), torch.ones(2, 2).double()
    assert (made(d, extra)[0] - made(d, -extra)[0]).abs().min() > 1e-3
    assert made(d, extra)[1].abs().max() == 0
    with pytest.raises(ValueError, match=r"2 further inputs do not vanish at the cutoff.* envelope last"):
        network(extra=2, envelope_first=True)


def test_a_description_shares_its_basis():
    radial = Radial(basis=Bessel(8, CUTOFF, trainable=True), envelope=CosineEnvelope(CUTOFF), bias=True)
    first, second = radial.network(3), radial.network(7)
    assert first.basis is second.basis
    assert len(first.perceptron.biases) == 4
    names = [
        name for name, _ in torch.nn.ModuleList([first, second]).named_parameters() if "frequencies" in name
    ]
    assert names == ["0.basis.frequencies"]


def test_a_perceptron_without_outputs_is_refused():
    with pytest.raises(ValueError, match=r"two positive widths, inputs first, not \[8\]"):
        Perceptron([8])
