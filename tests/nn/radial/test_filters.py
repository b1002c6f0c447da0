"""Filters with biases, against a network written out, and at the cutoff."""

import pytest
import torch
from torch.nn.functional import silu

from cartesian.nn.radial import Bessel, PolynomialEnvelope
from cartesian.nn.radial.filters import RadialFilters


def made(hidden=(7, 6, 5), **options):
    torch.manual_seed(0)
    filters = RadialFilters(Bessel(4, 3.0), PolynomialEnvelope(3.0, 5), 9, hidden, **options).double()
    for parameter in filters.parameters():
        parameter.data = torch.randn_like(parameter)
    return filters


@pytest.mark.parametrize("hidden", [(7, 6, 5), (5,), (7, 5)])
@pytest.mark.parametrize("envelope_first", [False, True])
def test_filters_are_a_perceptron_whose_last_hidden_layer_is_linear(hidden, envelope_first):
    filters, d = (
        made(hidden, envelope_first=envelope_first),
        torch.linspace(0.1, 3.2, 11, dtype=torch.float64),
    )
    envelope = filters.envelope(d)[:, None]
    x = filters.basis(d) * (envelope if envelope_first else 1)
    if len(hidden) > 1:
        for weight, bias in zip(filters.inner.weights, filters.inner.biases, strict=True):
            x = 1.6765324703310907 * silu(x @ weight / len(weight) ** 0.5 + bias)
    for layer in (filters.last, filters.filters):
        x = x @ layer.weights[0] / len(layer.weights[0]) ** 0.5 + layer.biases[0]
    wanted = x if envelope_first else x * envelope
    assert torch.allclose(filters(d), wanted, rtol=1e-12, atol=1e-12)


def test_only_with_the_envelope_last_they_vanish_at_the_cutoff():
    d = torch.tensor([3.0, 3.5], dtype=torch.float64)
    assert not made()(d).any()
    assert (made(envelope_first=True)(d).abs() > 1e-3).all()
