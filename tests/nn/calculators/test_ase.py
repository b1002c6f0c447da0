"""The calculator says what ASE's own calculators say, for one model and for a committee."""

import ase.build
import numpy as np
import pytest
import torch
from ase import Atoms, units
from ase.calculators.calculator import PropertyNotImplementedError
from ase.calculators.lj import LennardJones as Oracle
from ase.md.verlet import VelocityVerlet
from hypothesis import given, settings
from numpy.testing import assert_allclose

from cartesian.nn.calculators import ASE
from cartesian.nn.files import save_model
from cartesian.nn.heads.forces import Potential
from cartesian.nn.models import TensorNet, TensorNetConfig
from cartesian.nn.testing import structures
from tests.nn.calculators.models import LennardJones, LennardJonesConfig

CONFIG = LennardJonesConfig()
NAMES = ("energy", "free_energy", "energies", "forces")


def lennard_jones(**changes):
    return LennardJones(LennardJonesConfig(**changes))


def oracle():
    return Oracle(epsilon=CONFIG.epsilon, sigma=CONFIG.sigma, rc=CONFIG.cutoff)


@settings(max_examples=15)
@given(structures([18]))
def test_all_properties_are_those_of_the_calculator_of_ase(structure):
    atoms = Atoms(structure.numbers, 2 * structure.positions, pbc=structure.periodic)
    if structure.cell is not None:
        atoms.cell = 2 * structure.cell
    calculator, wanted = ASE(lennard_jones()), oracle()
    names = (*NAMES, "stress") if atoms.cell.rank == 3 and all(atoms.pbc) else NAMES
    for name in names:
        found = calculator.get_property(name, atoms)
        assert_allclose(found, wanted.get_property(name, atoms), rtol=1e-9, atol=1e-9)


def test_dynamics_follow_those_with_the_calculator_of_ase_and_search_rarely():
    def run(calculator):
        atoms = ase.build.bulk("Ar", cubic=True, a=4.1).repeat(2)
        atoms.calc = calculator
        atoms.set_momenta(np.random.default_rng(1).normal(0, 0.5, (len(atoms), 3)))
        VelocityVerlet(atoms, 2 * units.fs).run(20)
        return atoms

    calculator = ASE(lennard_jones())
    found, wanted = run(calculator), run(oracle())
    assert_allclose(found.positions, wanted.positions, atol=1e-9)
    assert calculator.moving.searches < 4


def test_further_targets_have_the_shape_of_one_system_or_of_its_atoms():
    targets = ("dipole", {"name": "arrow", "formula": "i", "pool": "none"})
    atoms = Atoms("Ar3", [[0, 0, 0], [0, 0, 2.5], [0, 2.0, 1.0]])
    atoms.calc = ASE(lennard_jones(targets=targets))
    assert atoms.get_dipole_moment().shape == (3,)
    assert atoms.calc.get_property("arrow", atoms).shape == (3, 3)
    assert_allclose(atoms.calc.get_property("arrow", atoms).sum(0), atoms.get_dipole_moment(), atol=1e-12)


def test_one_atom_alone_keeps_arrays_of_atoms():
    atoms = Atoms("Ar", [[0, 0, 0]], calculator=ASE(lennard_jones()))
    assert atoms.get_forces().shape == (1, 3)
    assert atoms.calc.results["energies"].shape == (1,)
    assert isinstance(atoms.get_potential_energy(), float)


def test_the_charge_of_the_structure_reaches_the_model():
    model = TensorNet(TensorNetConfig(("H", "O"), channels=4)).double()
    atoms = ase.build.molecule("H2O")
    atoms.calc = ASE(model)
    neutral = atoms.get_potential_energy()
    atoms.info["total_charge"] = 1.0
    atoms.calc.reset()
    assert atoms.get_potential_energy() != neutral


def test_a_model_from_its_folder_is_the_model(tmp_path):
    model = TensorNet(TensorNetConfig(("H", "O"), channels=4)).double()
    save_model(model, tmp_path / "water")
    atoms = ase.build.molecule("H2O")
    energies = []
    for source in (model, tmp_path / "water", str(tmp_path / "water")):
        atoms.calc = ASE(source)
        energies.append(atoms.get_potential_energy())
    assert energies[0] == energies[1] == energies[2]


def test_a_committee_gives_mean_deviation_and_members():
    members = [lennard_jones(epsilon=epsilon) for epsilon in (0.01, 0.02, 0.04)]
    atoms = Atoms("Ar3", [[0, 0, 0], [0, 0, 2.5], [0, 2.0, 1.0]], cell=[20] * 3, pbc=True)
    one, calculator = ASE(members[0]), ASE(members)
    factors = np.array([1.0, 2.0, 4.0])
    # Everything is proportional to epsilon, so means and deviations are those of 1, 2 and 4.
    for name in ("energy", "forces", "stress", "energies"):
        wanted = one.get_property(name, atoms)
        assert_allclose(calculator.get_property(name, atoms), wanted * factors.mean(), rtol=1e-9, atol=1e-15)
        if name != "stress":
            deviation = calculator.get_property(f"{name}_deviation", atoms)
            assert_allclose(deviation, abs(wanted) * factors.std(ddof=1), rtol=1e-9, atol=1e-15)
    assert_allclose(calculator.results["energy_members"], one.results["energy"] * factors)
    forces = one.results["forces"] * factors[:, None, None]
    assert_allclose(calculator.results["forces_members"], forces, atol=1e-15)
    assert len(calculator.members) == 3


def test_the_model_at_hand_is_left_as_it_is():
    model = lennard_jones()
    model.train()
    calculator = ASE(model)
    assert model.training
    assert model.epsilon.requires_grad
    assert not calculator.members[0].training


def test_an_unknown_element_names_atom_structure_and_model():
    atoms = Atoms("ArNe", [[0, 0, 0], [0, 0, 3]], calculator=ASE(lennard_jones()))
    message = r"atom 1 of a structure of 2 atoms \(ArNe\) is Ne, which LennardJones does not know: .* for Ar"
    with pytest.raises(ValueError, match=message):
        atoms.get_potential_energy()


def test_results_that_are_no_numbers_name_the_atom():
    model = lennard_jones()
    model.epsilon.data.fill_(torch.nan)
    atoms = Atoms("Ar2", [[0, 0, 0], [0, 0, 3]], calculator=ASE(model))
    with pytest.raises(ValueError, match=r"of a structure of 2 atoms \(Ar2\) is not finite"):
        atoms.get_forces()


def test_stress_without_a_cell_is_refused():
    atoms = Atoms("Ar2", [[0, 0, 0], [0, 0, 3]], calculator=ASE(lennard_jones()))
    with pytest.raises(PropertyNotImplementedError, match="give three lattice vectors"):
        atoms.get_stress()


def test_what_is_no_model_is_refused():
    with pytest.raises(TypeError, match="does not say which elements it knows"):
        ASE(Potential(lennard_jones()))
    with pytest.raises(
        ValueError, match=r"models of a committee share a cutoff; these have \[5\.0, 6\.0\] Å"
    ):
        ASE([lennard_jones(), lennard_jones(cutoff=5.0)])
