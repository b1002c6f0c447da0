import numpy as np
import pytest
import torch
from e3nn.math import soft_one_hot_linspace
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from cartesian.nn.radial.bases import Bessel, Chebyshev, ExpNormal, Gaussian, GaussianOrbitals, Sinc, sinc
from cartesian.nn.radial.envelopes import PolynomialEnvelope

CUTOFF = 4.3
BASES = {
    "bessel": Bessel(8, CUTOFF),
    "trainable": Bessel(8, CUTOFF, trainable=True),
    "hotpp": Sinc(8, CUTOFF, trainable=True),
    "hotpp, older": Bessel(8, CUTOFF, trainable=True, prefactor=1.0),
    "chebyshev": Chebyshev(8, CUTOFF),
    "gaussian": Gaussian(8, CUTOFF),
    "exponential": ExpNormal(8, CUTOFF, trainable=True),
}
each = pytest.mark.parametrize("name", BASES)
lengths = st.lists(st.floats(0.5, CUTOFF), min_size=1, max_size=4).map(
    lambda x: torch.tensor(x, dtype=torch.float64)
)


@each
def test_values_and_derivatives_are_finite_from_zero_to_beyond_the_cutoff(name):
    basis = BASES[name].double()
    d = torch.tensor([0, 1e-300, 1e-8, 1e-3, 1, CUTOFF, 100], dtype=torch.float64, requires_grad=True)
    value = basis(d)
    assert value.shape == (7, 8)
    for _ in range(3):
        assert torch.isfinite(value).all()
        (value,) = torch.autograd.grad(value.sum(), d, create_graph=True)


@each
def test_derivatives_are_right_near_the_centre(name):
    d = torch.tensor([0.0, 1e-6, 0.003, 0.01, 0.03, 0.1, 1.0], dtype=torch.float64, requires_grad=True)
    if name == "chebyshev":
        d = (d.detach() + 1e-3).requires_grad_()  # it is flat below its start
    assert torch.autograd.gradcheck(BASES[name].double(), (d,), eps=1e-7, atol=1e-6)
    assert torch.autograd.gradgradcheck(BASES[name].double(), (d,), eps=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["bessel", "chebyshev", "gaussian"])
def test_the_digits_of_fixed_numbers_survive_float32(name):
    d = torch.linspace(0.1, 4, 7, dtype=torch.float64)
    before = BASES[name](d)
    assert torch.equal(BASES[name].float().double()(d), before)


def test_bessel_functions_are_orthonormal_on_the_ball():
    basis = Bessel(4, CUTOFF)

    def product(d, n, m):
        values = basis(torch.tensor([d], dtype=torch.float64))[0]
        return float(values[n] * values[m]) * d**2

    gram = [[quad(product, 0, CUTOFF, args=(n, m))[0] for m in range(4)] for n in range(4)]
    assert np.allclose(gram, np.eye(4), atol=1e-12)


@given(lengths)
def test_bessel_functions_are_those_of_e3nn(d):
    inside = d[d < CUTOFF * 0.999]
    wanted = soft_one_hot_linspace(inside, 0.0, CUTOFF, 8, basis="bessel", cutoff=True)
    assert torch.allclose(Bessel(8, CUTOFF)(inside), wanted, atol=1e-12)


@given(lengths)
def test_published_forms(d):
    n = torch.arange(1, 9) * np.pi / CUTOFF
    x = d[:, None]
    assert torch.allclose(BASES["hotpp"].double()(d), torch.sin(n * x) / (n * x), atol=1e-6)
    assert torch.allclose(BASES["hotpp, older"].double()(d), torch.sin(n * x) / x, atol=1e-5)
    angle = torch.arccos((2 * x / CUTOFF - 1).clamp(-1, 1))
    assert torch.allclose(Chebyshev(8, CUTOFF)(d), torch.cos(torch.arange(8) * angle), atol=1e-12)
    centres = torch.linspace(np.exp(-CUTOFF), 1, 8, dtype=torch.float64)
    beta = (2 / 8 * (1 - np.exp(-CUTOFF))) ** -2
    wanted = torch.exp(-beta * (torch.exp(-5 / CUTOFF * x) - centres) ** 2)
    assert torch.allclose(ExpNormal(8, CUTOFF)(d), wanted, atol=1e-12)


def test_orbitals_belong_to_the_species_of_the_sender():
    basis = GaussianOrbitals(5, CUTOFF, species=3)
    assert ((basis.exponents >= 0.2) & (basis.exponents <= 1.2)).all()
    values = basis(torch.tensor([1.0, 1.0]), torch.tensor([2, 0]))
    for row, z in zip(values, (2, 0), strict=True):
        wanted = torch.exp(-basis.exponents[z] * (1 - basis.centres[z]) ** 2)
        assert torch.allclose(row, wanted)


def test_one_chebyshev_polynomial_is_one():
    assert Chebyshev(1, 2.0)(torch.rand(3)).tolist() == [[1.0]] * 3


def test_trained_frequencies_get_gradients():
    basis = Bessel(8, CUTOFF, trainable=True)
    basis(torch.tensor([0.0, 1.0])).sum().backward()
    (frequencies,) = basis.parameters()
    assert frequencies.grad is not None
    assert frequencies.grad.abs().min() > 0


def test_sinc_is_smooth_where_its_formulas_meet():
    x = torch.tensor([0.03 - 1e-12, 0.03 + 1e-12], dtype=torch.float64, requires_grad=True)
    value = sinc(x)
    for tolerance in (1e-13, 1e-11, 1e-10):
        assert abs(value[0] - value[1]) < tolerance
        (value,) = torch.autograd.grad(value.sum(), x, create_graph=True)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Bessel(0, 5.0), "at least one function, not 0"),
        (lambda: Bessel(8, 0.0), r"a positive length in Å, not 0\.0"),
        (lambda: Gaussian(1, 5.0), "at least two, not 1"),
        (lambda: Chebyshev(3, 5.0, start=5.0), r"between 0 and the cutoff 5\.0 Å, not at 5\.0"),
        (lambda: ExpNormal(1, 5.0), "at least two functions .* not 1"),
    ],
)
def test_impossible_bases_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("function", [Sinc(3, CUTOFF), PolynomialEnvelope(CUTOFF, 5)])
def test_slopes_forwards_and_backwards_agree(function):
    d = torch.tensor([1e-3, 0.3, 1.0, 4.0], dtype=torch.float64)
    function = function.double()

    def single(x):
        return function(x[None]).sum()

    (slopes,) = torch.autograd.grad(function(leaf := d.clone().requires_grad_()).sum(), leaf)
    for transformed in (torch.func.jacfwd, torch.func.grad):
        torch.testing.assert_close(torch.func.vmap(transformed(single))(d), slopes, rtol=1e-12, atol=1e-12)
