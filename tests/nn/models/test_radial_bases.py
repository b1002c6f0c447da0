"""The radial bases that the settings of a model can name."""

from dataclasses import replace
from typing import get_args

import pytest
import torch

from cartesian.nn import testing
from cartesian.nn.heads import Potential
from cartesian.nn.models import BOTNetConfig, HotPPConfig, ICTPConfig, MACEConfig, NequIPConfig, registry
from cartesian.nn.radial import BasisName
from cartesian.nn.radial.bases import Basis, ExpNormal, named_basis

ELEMENTS = ("H", "O")
CUTOFF = 3.0
CONFIGS = {
    "BOTNet": BOTNetConfig(ELEMENTS, CUTOFF, layers=2, hidden="2x0e + 2x1o", max_degree=1),
    "HotPP": HotPPConfig(ELEMENTS, CUTOFF, layers=2, channels=2, rank=1, edge_rank=1, radial=(4,)),
    "ICTP": ICTPConfig(ELEMENTS, CUTOFF, channels=2, max_degree=1, edge_degree=1, radial=(4,)),
    "MACE": MACEConfig(ELEMENTS, CUTOFF, hidden="2x0e + 2x1o", max_degree=1, radial=(4,)),
    "NequIP": NequIPConfig(ELEMENTS, CUTOFF, layers=2, hidden="2x0e + 2x1o", max_degree=1, radial=(4,)),
}


def bases(config):
    torch.manual_seed(0)
    model = registry.find(type(config).__name__.removesuffix("Config"))(config)
    return model, [module for module in model.modules() if isinstance(module, Basis)]


@pytest.mark.parametrize("name", get_args(BasisName))
def test_every_name_is_that_of_a_basis(name):
    basis = named_basis(name, 5, CUTOFF)
    assert (basis.count, basis.cutoff) == (5, CUTOFF)
    assert type(basis).__name__.lower() == name.replace(" ", "")
    assert not [*basis.parameters()]


@pytest.mark.parametrize("name", ["bessel", "sinc", "exp normal"])
def test_a_basis_can_be_trained(name):
    assert [*named_basis(name, 5, CUTOFF, trainable=True).parameters()]


def test_names_that_there_are_not_are_refused():
    with pytest.raises(ValueError, match=r"one of 'bessel', .*, not 'fourier'"):
        named_basis("fourier", 5, CUTOFF)
    with pytest.raises(ValueError, match="'gaussian' has nothing to train: set trainable_basis"):
        named_basis("gaussian", 5, CUTOFF, trainable=True)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_model_has_the_basis_that_it_is_given(config):
    _, found = bases(config)
    assert found
    assert not any(isinstance(basis, ExpNormal) for basis in found)
    model, found = bases(replace(config, basis="exp normal", functions=5))
    assert found
    assert all(isinstance(basis, ExpNormal) and basis.count == 5 for basis in found)
    potential = Potential(model).double().eval()
    testing.assert_smooth(potential, (1, 8), CUTOFF, examples=2)
    testing.assert_conservative(potential, (1, 8), CUTOFF, examples=2)
