"""The model must satisfy TorchSim's own validator and agree with ASE's Lennard-Jones calculator."""

import warnings

import ase.build
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.calculators.lj import LennardJones as Oracle
from numpy.testing import assert_allclose

torch_sim = pytest.importorskip("torch_sim")

from torch_sim.models.interface import validate_model_outputs  # noqa: E402

from cartesian.nn.calculators import TorchSim  # noqa: E402
from tests.nn.calculators.models import LennardJones, LennardJonesConfig  # noqa: E402

# TorchSim's own neighbour lists use what newer versions of torch and NumPy advise against.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
CPU, FLOAT64 = torch.device("cpu"), torch.float64


def lennard_jones(**changes):
    return TorchSim(LennardJones(LennardJonesConfig(**changes)), dtype=FLOAT64)


def argon(count, seed):
    atoms = ase.build.bulk("Ar", cubic=True, a=5.2).repeat([count, 1, 1])
    atoms.rattle(0.1, seed=seed)
    return atoms


def test_the_validator_of_torchsim_accepts_it():
    validate_model_outputs(lennard_jones(elements=(14, 26), cutoff=4.0), CPU, FLOAT64)


def test_results_of_several_systems_are_those_of_the_calculator_of_ase():
    config = LennardJonesConfig(cutoff=5.0)
    systems = [argon(2, 0), argon(1, 1)]
    found = lennard_jones(cutoff=5.0)(torch_sim.io.atoms_to_state(systems, CPU, FLOAT64))
    forces, places = found["forces"].numpy(), np.repeat([0, 1], [8, 4])
    for k, atoms in enumerate(systems):
        atoms.calc = Oracle(epsilon=config.epsilon, sigma=config.sigma, rc=config.cutoff)
        assert_allclose(found["energy"][k], atoms.get_potential_energy())
        assert_allclose(forces[places == k], atoms.get_forces(), atol=1e-10)
        assert_allclose(found["stress"][k], atoms.get_stress(voigt=False), atol=1e-12)


def test_dynamics_conserve_energy_and_search_rarely():
    model = lennard_jones(cutoff=5.0)
    atoms = argon(2, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        final = torch_sim.integrate(
            system=[atoms, argon(1, 3)], model=model, integrator=torch_sim.nve,
            n_steps=10, temperature=30, timestep=0.002,
        )  # fmt: skip
    start = model(torch_sim.io.atoms_to_state([atoms, argon(1, 3)], CPU, FLOAT64))
    assert final.positions.shape == (12, 3)
    assert torch.isfinite(final.energy).all()
    assert start["energy"].shape == final.energy.shape
    assert all(moving.searches < 6 for moving in model._moving)


def test_molecules_have_no_stress_and_elements_are_checked():
    model = TorchSim(LennardJones(LennardJonesConfig()), dtype=FLOAT64, compute_stress=False)
    pair = Atoms("Ar2", [[0, 0, 0], [0, 0, 2.5]], cell=[20] * 3)
    state = torch_sim.io.atoms_to_state([pair], CPU, FLOAT64)
    state.pbc = False
    assert set(model(state)) == {"energy", "energies", "forces"}
    pair.numbers[1] = 10
    with pytest.raises(ValueError, match="atom 1 of the state is Ne, which LennardJones does not know"):
        model(torch_sim.io.atoms_to_state([pair], CPU, FLOAT64))
