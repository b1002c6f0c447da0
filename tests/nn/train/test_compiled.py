"""Compiled gradients are those of the operations one by one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import nn

from cartesian.nn import models
from cartesian.nn.data.dataset import Dataset, collate
from cartesian.nn.graph import safe_norm
from cartesian.nn.heads import ZBL, Potential
from cartesian.nn.train import train
from cartesian.nn.train.compiled import CompiledGradient
from cartesian.nn.train.gradient import Gradient
from cartesian.nn.train.loss import Loss
from cartesian.nn.train.processes import Processes
from tests.nn.train.test_resume import assert_same as assert_same_run

# TorchInductor uses what torch warns against.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

HERE = Processes(0, 1, torch.device("cpu"))
LOSS = Loss({"energy": 3.0, "forces": 0.5, "dipole": (2.0, 1.0)}, "L_B", huber={"forces": 0.3})


class Pairs(nn.Module):
    """Energies and dipoles of pairs."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 4), nn.SiLU(), nn.Linear(4, 2))
        # The same once more: a module in two places, and a parameter in two modules.
        self.again, self.bias = self.net, nn.Linear(1, 4)
        self.bias.register_parameter("bias", self.net[0].bias)
        self.frozen = nn.Parameter(torch.tensor(0.7), requires_grad=False)
        self.idle = nn.Parameter(torch.ones(2))

    def forward(self, graph):
        lengths = safe_norm(graph.vectors)[:, None]
        inputs = torch.cat([lengths, lengths.cos()], 1)
        energies, charges = (self.net(inputs) + self.again(inputs.sin())).split(1, 1)
        energies = energies + self.bias(lengths).tanh().sum(1, keepdim=True)
        dipoles = graph.sum_systems(graph.sum_receivers(charges * graph.vectors))
        return {
            "energy": graph.sum_systems(graph.sum_receivers(energies))[:, 0] * self.frozen,
            "dipole": dipoles,
        }


def batch_of(molecule, seed, sizes, missing=()):
    rng = np.random.default_rng(seed)
    frames = [molecule(rng, (8, *[1] * (size - 1))) for size in sizes]
    for number, name in missing:
        frames[number % len(frames)].labels.pop(name, None)
    dataset = Dataset([replace(frame, weight=rng.uniform(0.5, 2)) for frame in frames], 3.0, torch.float64)
    return collate([dataset[i] for i in range(len(frames))])


def assert_same(model, compiled, eager, batch, factor):
    found = []
    for gradient in (compiled, eager):
        model.zero_grad()
        terms = gradient(batch, factor)
        found.append([*terms, *(p.grad for p in model.parameters())])
    for one, other in zip(*found, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


@pytest.fixture(scope="module")
def pairs(molecule):
    torch.manual_seed(0)
    model = Pairs().double()
    potential = Potential(model, stress=False).train()
    example = batch_of(molecule, 0, (3, 2))
    return model, CompiledGradient(potential, LOSS, HERE, example), Gradient(potential, LOSS, HERE)


SIZES = st.lists(st.integers(1, 4), min_size=1, max_size=4)
MISSING = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["energy", "forces", "dipole"])), max_size=6)


@settings(deadline=None, max_examples=30, phases=[Phase.generate])
@given(SIZES, MISSING, st.integers(0, 99), st.floats(0.1, 1))
def test_batches_of_any_sizes(pairs, molecule, sizes, missing, seed, factor):
    assert_same(*pairs, batch_of(molecule, seed, sizes, missing), factor)


RADIAL = {"functions": 3, "radial": (4,)}
SMALL = {
    "BOTNet": {"layers": 2, "hidden": "2x0e + 2x1o", "max_degree": 1, "readout": 4, **RADIAL},
    "EquiREANN": {"waves": 3, "orbitals": 4, "iterations": 1, "hidden": (4,), "coefficients_hidden": (4,)},
    "HotPP": {"layers": 2, "channels": 3, "functions": 3, "radial": (4, 4), "knots": 8},
    "ICTP": {"channels": 2, "max_degree": 1, "edge_degree": 1, "readout": 4, **RADIAL},
    "MACE": {"hidden": "2x0e + 2x1o", "max_degree": 1, "correlation": 2, "readout": 4, **RADIAL},
    "NequIP": {"layers": 2, "hidden": "2x0e + 2x1o", "max_degree": 1, **RADIAL},
    "TensorNet": {"channels": 4, "radial_functions": 4, "layers": 1},
    "TensorNet2": {"channels": 4, "radial_functions": 4, "layers": 1, "charge_channels": 2},
}


def only_recorded(traced, inputs):
    """Instead of the compiler, which has tests of its own."""
    return traced


@pytest.mark.parametrize("name", SMALL)
def test_models_can_be_recorded(molecule, monkeypatch, name):
    monkeypatch.setattr(torch._inductor, "standalone_compile", only_recorded)
    torch.manual_seed(0)
    config = getattr(models, f"{name}Config")(
        ("H", "O"), cutoff=3.0, repulsion={"cutoff": 2.0}, **SMALL[name]
    )
    model = getattr(models, name)(config).double()
    assert isinstance(model.outputs.repulsion, ZBL)
    potential = Potential(model).train()
    loss = Loss({"energy": 1.0, "forces": 1.0})
    compiled = CompiledGradient(potential, loss, HERE, batch_of(molecule, 0, (3, 2)))
    for sizes in ((2, 4, 3), (4, 4), (3,)):
        assert_same(model, compiled, Gradient(potential, loss, HERE), batch_of(molecule, 1, sizes), 1.0)


def test_a_compiled_run_goes_on_bit_by_bit(config, tmp_path, monkeypatch):
    options = {"compile": True, "checkpoint__steps": 1, "model__hidden": "2x0e", "model__max_degree": 0}
    whole, parts = (config(run=str(tmp_path / name), **options) for name in ("whole", "parts"))
    train(whole, quiet=True)
    with monkeypatch.context() as patch:
        patch.setattr("cartesian.nn.train.loop.Trainer._end_epoch", interrupt)
        with pytest.raises(KeyboardInterrupt):
            train(parts, quiet=True)
    train(parts, quiet=True)
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def interrupt(*_):
    raise KeyboardInterrupt


class Counting(Pairs):
    """A number of rows as an integer."""

    def forward(self, graph):
        results = super().forward(graph)
        return results | {"energy": results["energy"] + len(graph.positions)}


class Asking(Pairs):
    """A branch by a value."""

    def forward(self, graph):
        return super().forward(graph) if graph.positions.sum() > 0 else {}


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            Counting,
            "cannot be compiled for any number of nodes: at .*test_compiled.py:.* `tensor.shape.0.` is",
        ),
        (Asking, "forward asks for values of tensors .*; compile: false trains it"),
    ],
)
def test_models_that_cannot_be_compiled_are_refused(molecule, model, message):
    potential = Potential(model().double(), stress=False).train()
    batch = batch_of(molecule, 0, (3, 2))
    with pytest.raises(ValueError, match=message):
        CompiledGradient(potential, LOSS, HERE, batch)(batch, 1.0)


class New(Pairs):
    """Nobody has compiled it before."""

    def forward(self, graph):
        results = super().forward(graph)
        return results | {"energy": results["energy"].sinh()}


def test_a_missing_compiler_is_said(molecule):
    potential = Potential(New().double(), stress=False).train()
    batch = batch_of(molecule, 0, (3, 2))
    without = torch._inductor.config.patch({"cpp.cxx": ("no-such-compiler",)})
    with without, pytest.raises(ValueError, match=r"compile: true needs a C\+\+ compiler"):
        CompiledGradient(potential, LOSS, HERE, batch)(batch, 1.0)
