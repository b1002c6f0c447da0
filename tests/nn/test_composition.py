"""A small potential made of all the parts: they fit, and the whole obeys every law of potentials."""

import pytest
import torch

from cartesian.nn import testing
from cartesian.nn.data import batch, to_graph
from cartesian.nn.graph import safe_norm
from cartesian.nn.heads import ZBL, Dipole, Energy, Potential, TensorHead
from cartesian.nn.layers import Gate, Linear, NormGate, Readout, Residual, Species, SpeciesEmbedding
from cartesian.nn.radial import Radial
from cartesian.ops.convolution import convolution
from cartesian.ops.harmonics import harmonics
from cartesian.programs.build import convolution as build
from cartesian.spec import Irreps

ELEMENTS, CUTOFF = ["H", "O"], 3.0


class Small(torch.nn.Module):
    """Two convolutions, one gated by scalars and one by norms; energy, dipole and polarizability."""

    def __init__(self):
        super().__init__()
        self.species, self.embedding = Species(ELEMENTS), SpeciesEmbedding(2, 8)
        natural, hidden = Irreps("8x0e + 8x1o + 8x2e"), Irreps("8x0e + 8x1o + 8x2e + 4x1e")
        radial, self.programs = Radial(4, CUTOFF, hidden=(16,)), []
        self.radials, self.mixes, self.gates, self.updates = (torch.nn.ModuleList() for _ in range(4))
        irreps = Irreps("8x0e")
        for gate in (Gate(natural), NormGate(hidden)):
            program = build(irreps, 2, gate.out)
            weights, _, _, message = (leg.irreps for leg in program.form.legs)
            self.programs.append(program)
            self.radials.append(radial.network(weights.dim))
            self.mixes.append(Linear(message, gate.irreps))
            self.gates.append(gate)
            self.updates.append(Residual(irreps, gate.out))
            irreps = gate.out
        self.dipole, self.polarizability = Dipole(), TensorHead("ij=ji")
        self.energy, self.repulsion = Energy(ELEMENTS, isolated={"H": -13.6, "O": -2042.0}), ZBL()
        self.readouts = torch.nn.ModuleList(
            Readout(hidden, out, hidden="8x0e + 4x1o + 4x2e")
            for out in ("0e", self.dipole.irreps, self.polarizability.irreps)
        )

    def forward(self, graph):
        species = self.species(graph.atomic_numbers)
        vectors = graph.vectors
        lengths, angles = safe_norm(vectors), harmonics(vectors, 2)
        features = self.embedding(species)
        layers = zip(self.programs, self.radials, self.mixes, self.gates, self.updates, strict=True)
        for program, radial, mix, gate, update in layers:
            message = convolution(program, features, angles, radial(lengths), graph.edges)
            features = update(features, gate(mix(message)))
        values, dipoles, parts = (readout(features) for readout in self.readouts)
        return {
            "energy": self.energy(values, species, graph) + graph.sum_systems(self.repulsion(graph)),
            "dipole": self.dipole(dipoles, graph),
            "polarizability": self.polarizability(parts, graph),
        }


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Potential(Small()).double().eval()


def test_the_whole_obeys_the_laws_of_potentials(model):
    testing.assert_potential(model, [1, 8], CUTOFF, reach=2 * CUTOFF, examples=3)


def test_training_on_forces_reaches_every_parameter(model):
    graph = to_graph(1.2 * torch.rand(4, 3), [1, 8, 1, 1], CUTOFF, dtype=torch.float64)
    results = model.train()(graph)
    sum(results[name].square().sum() for name in ("energy", "forces", "dipole", "polarizability")).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


def test_float32_gives_the_numbers_of_float64(model):
    structures = [
        to_graph(1.3 * torch.rand(5, 3, generator=torch.Generator().manual_seed(k)), [1, 8, 1, 1, 8], CUTOFF)
        for k in range(3)
    ]
    graph = batch([part.to(dtype=torch.float64) for part in structures])
    wanted = model(graph)
    found = model.float()(graph.to(dtype=torch.float32))
    for name, value in found.items():
        scale = 1 + wanted[name].nan_to_num().abs().max()
        assert torch.allclose(value.double() / scale, wanted[name] / scale, atol=1e-4, equal_nan=True)
    # What float32 took is not lost: constants are float64 again.
    assert float(model.double().model.energy.isolated[1]) == -2042.0
