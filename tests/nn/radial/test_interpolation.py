"""Radial networks by interpolation: near the networks themselves, smooth, trainable, and as tables."""

import pytest
import torch
from torch import nn

from cartesian.nn import Potential, to_graph
from cartesian.nn.models import TensorNet, TensorNetConfig
from cartesian.nn.radial import Bessel, PolynomialEnvelope, RadialNetwork
from cartesian.nn.radial.filters import RadialFilters
from cartesian.nn.radial.interpolation import Interpolated, Tabulated, tabulate


def made(cutoff=5.0, outputs=16, **options):
    torch.manual_seed(0)
    return RadialFilters(Bessel(8, cutoff), PolynomialEnvelope(cutoff, 5), outputs, (64, 64), **options)


@pytest.mark.parametrize(
    ("intervals", "error", "slope"), [(128, 5e-6, 3e-4), (256, 3e-7, 3e-5), (512, 2e-8, 4e-6)]
)
def test_the_error_is_what_we_say(intervals, error, slope):
    filters = made().double()
    d = torch.linspace(0.4, 5.5, 501, dtype=torch.float64).requires_grad_()
    exact, close = filters(d), Interpolated(filters, 5.0, intervals)(d)
    slopes = [torch.autograd.grad(values.sum(), d, retain_graph=True)[0] for values in (exact, close)]
    exact, close = exact.detach(), close.detach()
    assert float((close - exact).abs().max() / exact.abs().max()) < error
    assert float((slopes[0] - slopes[1]).abs().max() / slopes[0].abs().max()) < slope
    assert not close[d >= 5].any()


def test_float32_adds_its_own_rounding_only():
    d = torch.linspace(0.4, 5.0, 301, dtype=torch.float64)
    filters = made()
    slopes = {}
    for dtype in (torch.float32, torch.float64):
        lengths = d.to(dtype).requires_grad_()
        values = Interpolated(filters.to(dtype), 5.0)(lengths)
        assert values.dtype == dtype
        slopes[dtype] = torch.autograd.grad(values.sum(), lengths)[0].double()
    difference = (slopes[torch.float32] - slopes[torch.float64]).abs().max()
    assert difference < 1e-5 * slopes[torch.float64].abs().max()


def test_parameters_are_trained_through_the_spline():
    filters, d = made().double(), torch.linspace(0.5, 4.9, 40, dtype=torch.float64)
    gradients = []
    for function in (filters, Interpolated(filters, 5.0, 256)):
        loss = function(d).square().sum()
        gradients.append(torch.autograd.grad(loss, list(filters.parameters())))
    for exact, close in zip(*gradients, strict=True):
        assert torch.allclose(exact, close, rtol=1e-4, atol=1e-5 * float(exact.abs().max()))


def test_a_model_is_tabulated_wherever_a_network_knows_lengths_only():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            basis, envelope = Bessel(8, 5.0), PolynomialEnvelope(5.0)
            self.plain = nn.ModuleList([RadialNetwork(basis, envelope, 3, (16,)), made(outputs=3)])
            self.interpolated = Interpolated(made(outputs=3), 5.0, 64)
            self.charged = RadialNetwork(basis, envelope, 3, (16,), extra=2)

        def forward(self, d):
            return sum(part(d) for part in self.plain) + self.interpolated(d)

    torch.manual_seed(1)
    model = Model().double()
    table = tabulate(model, 512)
    assert [type(part) for part in table.plain] == [Tabulated, Tabulated]
    assert isinstance(table.interpolated, Tabulated)
    assert isinstance(table.charged, RadialNetwork)
    assert isinstance(model.plain[0], RadialNetwork)
    d = torch.linspace(0.5, 5.2, 50, dtype=torch.float64)
    assert torch.allclose(table(d), model(d), rtol=1e-6, atol=1e-6)
    assert {name.split(".")[0] for name, _ in table.named_parameters()} == {"charged"}
    assert "512 intervals" not in str(table)
    assert "513 points, 3 functions" in str(table)


@pytest.mark.parametrize("group", ["O(3)", "SO(3)"])
def test_all_filters_of_tensornet_become_one_table(group):
    torch.manual_seed(0)
    config = TensorNetConfig(("H", "O"), cutoff=3.0, channels=4, radial_functions=8, group=group)
    model = TensorNet(config).double().eval()
    table = tabulate(model, 256)
    assert model.table is None
    assert "257 points, 36 functions" in str(table)
    positions = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    graph = to_graph(positions.numpy(), [8, 1, 1, 8, 1, 1], 3.5, dtype=torch.float64)
    exact, close = Potential(model)(graph), Potential(table)(graph)
    for name, error in (("energies", 1e-6), ("forces", 1e-5)):
        scale = exact[name].abs().max()
        assert 0 < (exact[name] - close[name]).abs().max() < error * scale
    # With one atom there is only the filter of an atom on itself, which is a point of the spline.
    alone = to_graph(positions[:1].numpy(), [8], 3.0, dtype=torch.float64)
    assert torch.allclose(table(alone)["energy"], model(alone)["energy"], rtol=1e-13, atol=1e-13)


def test_what_cannot_be_interpolated_is_refused():
    with pytest.raises(ValueError, match="at least five intervals, not 4"):
        Interpolated(made(), 5.0, 4)
    filters = made(envelope_first=True)
    with pytest.raises(
        ValueError, match="does not vanish at the cutoff, where the spline ends: put the envelope last"
    ):
        tabulate(nn.Sequential(filters))
