import numpy as np
import pytest
import torch
from hypothesis import given, settings

from cartesian.nn import testing
from cartesian.nn.graph import Graph, safe_norm
from cartesian.nn.heads.forces import DirectForces, Potential, born_charges, hessian
from cartesian.nn.radial.envelopes import PolynomialEnvelope

CUTOFF = 3.0
ENVELOPE = PolynomialEnvelope(CUTOFF)


def pairs(graph):
    d = safe_norm(graph.vectors)
    return {"energy": graph.sum_systems(graph.sum_receivers(torch.exp(-d) * ENVELOPE(d))).double()}


def triples(graph):
    """An energy with angles, and a dipole."""
    v = graph.sum_receivers(graph.vectors * ENVELOPE(safe_norm(graph.vectors))[:, None])
    return {"energy": graph.sum_systems(v.square().sum(1)), "dipole": graph.sum_systems(v * v.square())}


def test_derivatives_obey_all_laws():
    testing.assert_potential(
        Potential(triples).eval(),
        [1, 8],
        CUTOFF,
        outputs={name: law for name, law in testing.OUTPUTS.items() if name != "dipole"},
    )


def test_a_stretched_crystal_is_under_tension():
    cell = torch.eye(3, dtype=torch.float64) * 2.0

    def spring(graph):  # its rest length is 1 Å, so all bonds pull
        return {"energy": graph.sum_systems(graph.sum_receivers((safe_norm(graph.vectors) - 1).square()))}

    shifts = torch.cat([torch.eye(3), -torch.eye(3)]).double()
    graph = Graph.from_edges(torch.zeros(1, 3).double(), [1], [0] * 6, [0] * 6, shifts, cell)
    results = Potential(spring).eval()(graph)
    # E = Σ (2 (1 + ε) - 1)²: dE/dε = 2 · 2 · 1 · 2 for both edges of an axis, over a volume of 8 Å³.
    assert torch.allclose(results["stress"], torch.eye(3).double() * 1.0)
    assert torch.allclose(results["virial"], -8 * results["stress"])


@settings(max_examples=10)
@given(testing.graphs([1, 8], CUTOFF))
def test_forces_are_minus_the_gradient_of_each_system(graph):
    graph = graph.replace(positions=graph.positions.requires_grad_())
    (gradient,) = torch.autograd.grad(
        triples(graph)["energy"].sum() + 0 * graph.positions.sum(), graph.positions
    )
    results = Potential(triples).eval()(graph)
    assert torch.allclose(results["forces"], -gradient)
    if graph.nodes:
        assert torch.allclose(graph.sum_systems(results["forces"]), torch.zeros(()).double(), atol=1e-10)


def test_stress_is_symmetric_even_in_a_field():
    def field(graph):  # torques on the system are no stress
        return {"energy": graph.sum_systems(graph.positions[:, 0] * graph.positions[:, 1].square())}

    graph = Graph.from_edges(torch.rand(3, 3), [1, 1, 1], [], [], cells=torch.eye(3))
    virial = Potential(field).eval()(graph)["virial"]
    assert torch.equal(virial, virial.mT)
    assert virial[0, 0, 1] != 0


def test_training_keeps_the_way_to_the_parameters():
    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(()))

        def forward(self, graph):
            return {"energy": self.weight * pairs(graph)["energy"]}

    graph = Graph.from_edges([[0.0, 0, 0], [1.0, 0, 0]], [1, 1], [0, 1], [1, 0])
    model = Model()
    potential = Potential(model).train()
    results = potential(graph)
    (results["forces"].square().sum() + results["virial"].sum()).backward()
    assert model.weight.grad is not None
    results = potential.eval()(graph)
    assert not any(value.requires_grad for value in results.values())
    with torch.no_grad():
        assert torch.equal(potential(graph)["forces"], results["forces"])


def test_isolated_atoms_have_no_forces():
    graph = Graph.from_edges(torch.zeros(1, 3), [1], [], [])
    results = Potential(lambda _: {"energy": torch.zeros(1)}).eval()(graph)
    assert results["forces"].tolist() == [[0, 0, 0]]
    assert not results["virial"].any()
    assert results["stress"].isnan().all()


@settings(max_examples=5)
@given(testing.structures([1, 8], 4))
def test_the_hessian_is_that_of_finite_differences(structure):
    graph = structure.graph(CUTOFF)
    found = hessian(triples, graph)
    assert found.shape == (graph.nodes, 3, graph.nodes, 3)
    flat = found.reshape(3 * graph.nodes, -1)
    assert torch.allclose(flat, flat.T, atol=1e-10)
    direction = torch.from_numpy(np.random.default_rng(0).standard_normal((graph.nodes, 3)))
    forces = [
        Potential(triples, stress=False).eval()(graph.replace(positions=graph.positions + h * direction))[
            "forces"
        ]
        for h in (1e-5, -1e-5)
    ]
    wanted = -(forces[0] - forces[1]).flatten() / 2e-5
    assert torch.allclose(flat @ direction.flatten(), wanted, atol=1e-6)


@settings(max_examples=5)
@given(testing.structures([1, 8], 4))
def test_born_charges_are_the_slopes_of_the_dipole(structure):
    graph = structure.graph(CUTOFF)
    found = born_charges(triples, graph)
    assert torch.allclose(found.sum(0), torch.zeros(3, 3).double(), atol=1e-10)
    for atom in range(graph.nodes):
        for b in range(3):
            step = torch.zeros_like(graph.positions)
            step[atom, b] = 1e-5
            moved = [
                triples(graph.replace(positions=graph.positions + s * step))["dipole"][0] for s in (1, -1)
            ]
            assert torch.allclose(found[atom, :, b], (moved[0] - moved[1]) / 2e-5, atol=1e-6)


@given(testing.graphs([1], CUTOFF))
def test_direct_forces_conserve_momentum(graph):
    forces = DirectForces(scale=2.0)(torch.randn_like(graph.positions), graph)
    assert torch.allclose(graph.sum_systems(forces), torch.zeros(()).double(), atol=1e-10)
    vectors = torch.randn_like(graph.positions)
    assert torch.equal(DirectForces(2.0, conserve=False)(vectors, graph), 2 * vectors)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_forces_have_the_dtype_of_the_positions(dtype):
    graph = Graph.from_edges(torch.eye(3, dtype=dtype), [1, 1, 1], [0, 1], [1, 0])
    results = Potential(pairs).eval()(graph)
    assert results["forces"].dtype == results["stress"].dtype == dtype
    assert results["energy"].dtype == torch.float64
