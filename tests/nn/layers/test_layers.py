"""Laws that every layer obeys: equivariance with reflections, gradients, second moments, any dtype."""

import pytest
import torch

from cartesian.nn.layers import (
    Dropout,
    Gate,
    LayerNorm,
    Linear,
    NormGate,
    Readout,
    Residual,
    RMSNorm,
    SelfConnection,
    SpeciesLinear,
)
from cartesian.nn.layers.blocks import to_blocks
from cartesian.nn.layers.gate import step, tanh_ratio
from cartesian.spec import Irreps
from cartesian.testing.laws import assert_equivariant, assert_gradients

# Both parities, repeated and unsorted blocks.
IRREPS = Irreps("5x0e + 4x1o + 3x0o + 2x2e + 3x1e + 2x0e + 1x2o + 2x3o")
SIMPLE = Irreps("5x0e + 3x0o + 4x1o + 3x1e + 2x2e")
SPECIES = torch.tensor([2, 0, 1])


class OfSpecies(torch.nn.Module):
    """A layer with the species of three atoms filled in."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, *features):
        return self.layer(*features, SPECIES.repeat(len(features[0]) // 3 + 1)[: len(features[0])])


def wider(irreps, times=32):
    return Irreps(irreps) * times


# Each layer with its irreps in and out, for `times` as many channels.
LAYERS = {
    "linear": lambda n: (Linear(wider(IRREPS, n), wider("3x1o + 4x0e + 2x3o", n)), [wider(IRREPS, n)]),
    "biased": lambda n: (Linear(wider(IRREPS, n), wider("4x0e + 1x0o", n), bias=True), [wider(IRREPS, n)]),
    "species": lambda n: (
        OfSpecies(SpeciesLinear(wider(IRREPS, n), wider("3x1o + 4x0e", n), 3)),
        [wider(IRREPS, n)],
    ),
    "gate": lambda n: (Gate(wider(IRREPS, n)), [Gate(wider(IRREPS, n)).irreps]),
    "norm gate": lambda n: (NormGate(wider(IRREPS, n)), [wider(IRREPS, n)]),
    "jilu": lambda n: (NormGate(wider(IRREPS, n), torch.tanh), [wider(IRREPS, n)]),
    "tanh": lambda n: (NormGate(wider(IRREPS, n), tanh_ratio), [wider(IRREPS, n)]),
    "relu": lambda n: (NormGate(wider(IRREPS, n), step, torch.relu), [wider(IRREPS, n)]),
    "layer norm": lambda n: (LayerNorm(wider(IRREPS, n)), [wider(IRREPS, n)]),
    "rms norm": lambda n: (RMSNorm(wider(IRREPS, n)), [wider(IRREPS, n)]),
    "dropout": lambda n: (Dropout(wider(IRREPS, n), 0.5).eval(), [wider(IRREPS, n)]),
    "residual": lambda n: (
        Residual(wider("5x0e + 4x1o", n), wider(SIMPLE, n)),
        [wider("5x0e + 4x1o", n), wider(SIMPLE, n)],
    ),
    "self connection": lambda n: (
        OfSpecies(SelfConnection(wider(IRREPS, n), wider("4x0e + 3x2o", n), 3)),
        [wider(IRREPS, n), wider("4x0e + 3x2o", n)],
    ),
    "readout": lambda n: (Readout(wider(IRREPS, n), wider("0e + 2e + 1e", n)), [wider(IRREPS, n)]),
    "deep readout": lambda n: (
        Readout(wider(IRREPS, n), wider("0e + 2e + 0o", n), hidden=wider(SIMPLE, n)),
        [wider(IRREPS, n)],
    ),
}
each = pytest.mark.parametrize("name", LAYERS)


def result_irreps(layer):
    layer = getattr(layer, "layer", layer)
    layer = getattr(layer, "linear", layer)
    return layer.out if hasattr(layer, "out") else layer.irreps


@each
def test_layers_commute_with_rotations_and_reflections(name):
    torch.manual_seed(0)
    layer, irreps = LAYERS[name](1)
    # Away from the start, where norm gates and biases could hide a mistake.
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    assert_equivariant(layer.double(), irreps, result_irreps(layer), examples=25)


@pytest.mark.parametrize("name", sorted(LAYERS.keys() - {"relu"}))  # a step has no slope to compare
def test_derivatives_are_right(name):
    layer, irreps = LAYERS[name](1)
    assert_gradients(layer.double().forward, irreps, batch=3, examples=2)


@each
def test_derivatives_are_finite_for_features_that_vanish(name):
    layer, irreps = LAYERS[name](1)
    zeros = [torch.zeros(3, part.dim, dtype=torch.float64, requires_grad=True) for part in irreps]
    first = torch.autograd.grad(layer.double()(*zeros).square().sum(), zeros, create_graph=True)
    second = torch.autograd.grad(sum(x.sum() + x.square().sum() for x in first), zeros, allow_unused=True)
    assert all(torch.isfinite(x).all() for x in (*first, *second) if x is not None)


@each
def test_second_moments_are_one_at_first(name):
    torch.manual_seed(0)
    layer, irreps = LAYERS[name](24)
    result = layer(*(torch.randn(300, part.dim) for part in irreps))
    for block, values in zip(result_irreps(layer), to_blocks(result, result_irreps(layer)), strict=True):
        moment = float(values.square().mean().detach())
        # A residual leaves what only the message has as it is; a mean of an activation stays in readouts.
        assert 0.8 < moment < 1.25, (block, moment)


@each
def test_no_atoms_give_no_features(name):
    layer, irreps = LAYERS[name](1)
    assert layer(*(torch.zeros(0, part.dim) for part in irreps)).shape == (0, result_irreps(layer).dim)


@each
def test_layers_compile_into_one_graph(name):
    layer, irreps = LAYERS[name](1)
    inputs = [torch.randn(3, part.dim) for part in irreps]
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    assert torch.allclose(compiled(*inputs), layer(*inputs), atol=1e-6)
