"""Any division into ranks gives the energies and forces of the whole; what cannot be divided is refused."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from cartesian.nn.calculators import LAMMPS
from cartesian.nn.files import save_model
from cartesian.nn.heads.forces import Potential
from tests.nn.calculators.domains import World, random_crystal
from tests.nn.calculators.models import LennardJones, LennardJonesConfig

ELEMENTS, CUTOFF = ("H", "O"), 2.5
SMALL: dict[str, dict] = {
    "NequIP": {"layers": 2, "hidden": "2x0e + 2x1o", "max_degree": 1, "functions": 2, "radial": (4,)},
    "BOTNet": {"channels": 2, "max_degree": 1, "functions": 2},
    "TensorNet": {"layers": 2, "channels": 2, "radial_functions": 3},
    "HotPP": {"layers": 2, "channels": 2, "rank": 1, "edge_rank": 1, "functions": 2, "radial": (4,)},
    "MACE": {"layers": 2, "channels": 2, "max_degree": 1, "functions": 2, "radial": (4,)},
}


def make(name, **changes):
    from cartesian.nn.models.registry import find, settings

    torch.manual_seed(0)
    kind = find(name)
    known = settings(kind).__dataclass_fields__
    given = {key: value for key, value in SMALL.get(name, {}).items() if key in known}
    changes.setdefault("repulsion", {"cutoff": 2.0})
    return kind(settings(kind)(ELEMENTS, cutoff=CUTOFF, **given, **changes)).double()


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("owner", [[0] * 8, [0, 1] * 4, [0, 1, 2, 2, 2, 1, 1, 1]])
def test_any_number_of_ranks_gives_the_energies_and_forces_of_the_whole(name, owner):
    model = make(name)
    graph = random_crystal([1, 8], CUTOFF)
    wanted = Potential(model, stress=False).eval()(graph)
    world = World(graph, [1, 8], owner)
    energies, forces, total = world.run([LAMMPS(model) for _ in range(world.count)])
    assert_allclose(energies, wanted["energies"], atol=1e-11)
    assert_allclose(forces, wanted["forces"], atol=1e-11)
    assert_allclose(total, float(wanted["energy"]), atol=1e-11)


def nothing(source, target, length):
    target.copy_(source)


def test_without_an_exchange_the_answer_would_be_wrong():
    model, graph = make("NequIP"), random_crystal([1, 8], CUTOFF)
    world = World(graph, [1, 8], [0, 1] * 4)
    for data in world.ranks:
        vars(data).update(forward_exchange=nothing, reverse_exchange=nothing)
    energies, _, _ = world.run([LAMMPS(model) for _ in range(2)])
    assert np.abs(energies - Potential(model).eval()(graph)["energies"].numpy()).max() > 1e-6


def test_as_many_edges_as_atoms_are_told_apart():
    model = make("TensorNet")
    for atoms in range(2, 9):
        graph = random_crystal([1, 8], CUTOFF, atoms=atoms)
        world = World(graph, [1, 8], [0] * atoms)
        keep = slice(0, world.ranks[0].ntotal)
        data = world.ranks[0]
        data.pair_i, data.pair_j = data.pair_i[keep], data.pair_j[keep]
        data.rij, data.npairs = data.rij[keep], len(data.rij[keep])
        if data.npairs == data.ntotal:
            break
    potential = LAMMPS(model)
    potential.compute_forces(data)
    assert data.npairs == data.ntotal
    assert np.isfinite(data.eatoms).all()
    assert np.abs(data.forces.sum(0)).max() < 1e-12


def test_a_rank_without_atoms_takes_part_in_the_exchange():
    model, graph = make("NequIP"), random_crystal([1, 8], CUTOFF)
    world = World(graph, [1, 8], [0, 2] * 4)
    energies, forces, _ = world.run([LAMMPS(model) for _ in range(3)])
    wanted = Potential(model, stress=False).eval()(graph)
    assert_allclose(energies, wanted["energies"], atol=1e-11)
    assert_allclose(forces, wanted["forces"], atol=1e-11)


def test_types_stand_in_the_order_of_pair_coeff():
    model, graph = make("NequIP"), random_crystal([1, 8], CUTOFF)
    world = World(graph, [1, 8], [0] * 8)
    world.ranks[0].elems = 1 - world.ranks[0].elems
    energies, _, _ = world.run([LAMMPS(model, elements=["O", "H"])])
    assert_allclose(energies, Potential(model).eval()(graph)["energies"], atol=1e-11)


def test_pickles_hold_the_folder_and_no_code(tmp_path):
    save_model(make("NequIP"), tmp_path / "model")
    potential = LAMMPS(tmp_path / "model")
    text = pickle.dumps(potential)
    assert len(text) < 500
    assert pickle.loads(text).rcutfac == CUTOFF / 2
    with pytest.raises(TypeError, match="save it with save_model"):
        pickle.dumps(LAMMPS(make("NequIP")))


def test_a_build_without_exchange_is_refused_when_it_is_needed():
    graph = random_crystal([1, 8], CUTOFF)
    data = World(graph, [1, 8], [0] * 8).ranks[0]
    plain = type("Plain", (), {k: v for k, v in vars(data).items() if not k.startswith("_")})()
    with pytest.raises(RuntimeError, match="build it with KOKKOS"):
        LAMMPS(make("NequIP")).compute_forces(plain)


def test_a_model_that_sees_all_atoms_is_refused():
    class Global(LennardJones):
        def forward(self, graph):
            results = super().forward(graph)
            mean = results["energies"].mean()
            return results | {"energies": results["energies"] + mean**2}

    with pytest.raises(ValueError, match="Global reads more than features of neighbours"):
        LAMMPS(Global(LennardJonesConfig()))


def test_unknown_elements_are_refused():
    with pytest.raises(ValueError, match="NequIP does not know Cu: it was made for H, O"):
        LAMMPS(make("NequIP"), elements=["H", "Cu"])
