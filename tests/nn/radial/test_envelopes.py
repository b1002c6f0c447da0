import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cartesian.nn.radial.envelopes import (
    CosineEnvelope,
    CosineSquaredEnvelope,
    FlatCosineEnvelope,
    PolynomialEnvelope,
)

CUTOFF = 4.3
# How many derivatives vanish at the cutoff, the value counted as the zeroth.
ENVELOPES = {
    "p=2": (PolynomialEnvelope(CUTOFF, 2), 2),
    "p=5": (PolynomialEnvelope(CUTOFF, 5), 2),
    "p=6": (PolynomialEnvelope(CUTOFF, 6), 2),
    "cosine": (CosineEnvelope(CUTOFF), 1),
    "cosine squared": (CosineSquaredEnvelope(CUTOFF), 3),
    "flat cosine": (FlatCosineEnvelope(CUTOFF, 1.2), 1),
}
each = pytest.mark.parametrize("name", ENVELOPES)


def derivatives(function, lengths, count):
    values = [function(lengths)]
    for _ in range(count):
        values.append(torch.autograd.grad(values[-1].sum(), lengths, create_graph=True)[0])
    return values


@each
def test_value_and_derivatives_vanish_at_the_cutoff_and_beyond(name):
    envelope, smooth = ENVELOPES[name]
    lengths = torch.tensor([CUTOFF - 1e-9, CUTOFF, CUTOFF + 1e-9, 3 * CUTOFF], dtype=torch.float64)
    for value in derivatives(envelope, lengths.requires_grad_(), smooth):
        assert value.abs().max() < 1e-7
        assert value[2:].tolist() == [0, 0]


@each
def test_envelopes_fall_from_one_to_zero(name):
    values = ENVELOPES[name][0](torch.linspace(0, 1.5 * CUTOFF, 1001, dtype=torch.float64))
    assert values[0] == 1
    assert (values[1:] <= values[:-1] + 1e-15).all()
    assert (values >= 0).all()


@each
def test_derivatives_are_finite_at_zero(name):
    zero = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    assert all(torch.isfinite(value).all() for value in derivatives(ENVELOPES[name][0], zero, 3))


@given(st.integers(1, 12), st.floats(0, 1))
def test_the_polynomial_is_the_published_one(p, x):
    wanted = 1 - (p + 1) * (p + 2) / 2 * x**p + p * (p + 2) * x ** (p + 1) - p * (p + 1) / 2 * x ** (p + 2)
    found = PolynomialEnvelope(1.0, p)(torch.tensor([x], dtype=torch.float64))
    assert float(found) == pytest.approx(wanted, abs=1e-13)


def test_impossible_envelopes_are_refused():
    with pytest.raises(ValueError, match="a cutoff is a positive length in Å, not -1"):
        CosineEnvelope(-1)
    with pytest.raises(ValueError, match="between 0 and the cutoff 2 Å, not at 3"):
        FlatCosineEnvelope(2, start=3)
    with pytest.raises(ValueError, match="an integer >= 1, not 0"):
        PolynomialEnvelope(2, power=0)
