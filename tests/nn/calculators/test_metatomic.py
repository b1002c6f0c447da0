"""What metatomic computes from an exported model is what our calculator for ASE computes."""

import numpy as np
import pytest
import torch
from ase import Atoms
from numpy.testing import assert_allclose
from torch import nn

from cartesian.nn.calculators import ASE
from cartesian.nn.calculators import metatomic as room
from cartesian.nn.calculators.export import example_graph, inputs
from cartesian.nn.calculators.metatomic import export_metatomic, interaction_range
from cartesian.nn.calculators.source import open_model
from cartesian.nn.models import MACE, HotPP, HotPPConfig, MACEConfig, NequIP, NequIPConfig
from tests.nn.calculators.models import LennardJones, LennardJonesConfig

# Metatomic is compiled by TorchScript, against which torch warns.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
PAIRS = LennardJonesConfig(elements=(10, 18), cutoff=4.0, sigma=1.5)
ELEMENTS = ("H", "O")
SETTINGS = {
    HotPP: HotPPConfig(ELEMENTS, layers=2, channels=2, rank=1, edge_rank=1, functions=2, radial=(2,)),
    NequIP: NequIPConfig(ELEMENTS, layers=1, hidden="2x0e + 2x1o", max_degree=1, functions=2, radial=(2,)),
    MACE: MACEConfig(
        ELEMENTS, layers=2, hidden="2x0e + 2x1o", max_degree=1, correlation=2, functions=2, radial=(2,)
    ),
    LennardJones: PAIRS,
}


def make(model, dtype=torch.float64):
    torch.manual_seed(0)
    return model(SETTINGS[model]).to(dtype)


def structures(seed, numbers, spacing=2.2):
    """A cluster, and a crystal in which most pairs cross its borders."""
    rng = np.random.default_rng(seed)
    for size, is_periodic in ((5, False), (8, True)):
        positions = spacing * np.array(list(np.ndindex(2, 2, 2)))[:size] + rng.uniform(-0.3, 0.3, (size, 3))
        cell = 2 * spacing * np.eye(3) + rng.uniform(-0.2, 0.2, (3, 3)) if is_periodic else None
        yield Atoms(rng.choice(numbers, size), positions, cell=cell, pbc=is_periodic)


def calculate(path, atoms):
    metatomic_ase = pytest.importorskip("metatomic_ase")
    theirs = metatomic_ase.MetatomicCalculator(path, check_consistency=True)
    names = ["energy", "energies", "forces", *["stress"] * int(atoms.pbc.all())]
    theirs.calculate(atoms, names, ["positions"])
    return {name: theirs.results[name] for name in names}


@pytest.fixture
def metatomic():
    return pytest.importorskip("metatomic.torch")


@pytest.mark.parametrize(
    ("model", "dtype"),
    [(HotPP, torch.float64), (NequIP, torch.float64), (MACE, torch.float64), (LennardJones, torch.float32)],
)
def test_energies_forces_and_stress_are_those_of_the_model(model, dtype, tmp_path, metatomic):
    model = make(model, dtype)
    path = export_metatomic(model, tmp_path / "model.pt")
    tolerance = 1e-10 if dtype == torch.float64 else 1e-6
    for atoms in structures(0, open_model(model).elements):
        found, ours = calculate(path, atoms), ASE(model)
        ours.calculate(atoms, list(found))
        for name, value in found.items():
            scale = 1 + np.abs(ours.results[name]).max()
            assert_allclose(value, ours.results[name], rtol=0, atol=tolerance * scale, err_msg=name)


def test_several_systems_and_selected_atoms(tmp_path, metatomic):
    from metatensor.torch import Labels
    from metatomic_ase._neighbors import AllNeighborsCalculator

    model = LennardJones(PAIRS).double()
    loaded = metatomic.load_atomistic_model(export_metatomic(model, tmp_path / "model.pt"))
    every = list(structures(1, [10, 18]))
    systems = metatomic.systems_to_torch(every, dtype=torch.float64)
    requests = loaded.requested_neighbor_lists()
    systems = [AllNeighborsCalculator(requests).compute([system])[0] for system in systems]
    energies = []
    for atoms in every:
        ours = ASE(model)
        ours.calculate(atoms, ["energies"])
        energies.append(ours.results["energies"])
    chosen = [[0, 1], [1, 6], [1, 2]]
    wanted = {
        ("system", False): [energy.sum() for energy in energies],
        ("atom", False): np.concatenate(energies),
        ("system", True): [energies[0][1], energies[1][6] + energies[1][2]],
        ("atom", True): [energies[k][atom] for k, atom in chosen],
    }
    for (kind, is_selected), value in wanted.items():
        selected = Labels(["system", "atom"], torch.tensor(chosen)) if is_selected else None
        outputs = {"energy": metatomic.ModelOutput(unit="eV", sample_kind=kind)}
        options = metatomic.ModelEvaluationOptions("angstrom", outputs, selected)
        found = loaded(systems, options, check_consistency=True)["energy"].block()
        assert_allclose(found.values[:, 0], value, rtol=1e-12, atol=1e-12)


def test_the_file_says_what_the_model_needs(tmp_path, metatomic):
    path = export_metatomic(LennardJones(PAIRS), tmp_path / "new" / "model.pt")
    loaded = metatomic.load_atomistic_model(path)
    said, (request,) = loaded.capabilities(), loaded.requested_neighbor_lists()
    assert (said.length_unit, said.dtype, said.interaction_range) == ("angstrom", "float64", 4.0)
    assert (said.atomic_types, said.outputs["energy"].unit) == ([10, 18], "eV")
    assert (request.cutoff, request.full_list, request.strict) == (4.0, True, True)
    assert loaded.metadata().name == "LennardJones"


@pytest.mark.filterwarnings("ignore:The TorchScript type system")
def test_energies_are_computed_where_the_positions_are():
    source = open_model(make(HotPP))
    energies = torch.jit.script(room._scriptable(source)).to("meta")
    found = energies(*(value.to("meta") for value in inputs(example_graph(source, (5, 3)))))
    assert (found.device.type, found.shape) == ("meta", (8,))


@pytest.mark.parametrize(("model", "cutoffs"), [(HotPP, 2), (NequIP, 1), (MACE, 2)])
def test_each_layer_reaches_one_cutoff_farther(model, cutoffs):
    model = make(model)
    assert interaction_range(open_model(model)) == cutoffs * model.config.cutoff


class Crowd(LennardJones):
    """Every atom feels the mean length of all edges."""

    def forward(self, graph):
        results = super().forward(graph)
        return results | {"energies": results["energies"] * graph.vectors.norm(dim=1).mean()}


def test_a_model_that_sees_all_atoms_reaches_without_end():
    assert interaction_range(open_model(Crowd(PAIRS))) == float("inf")


class Fixed(LennardJones):
    """The energies are scaled by what their number is while they are traced."""

    def forward(self, graph):
        results = super().forward(graph)
        scale = torch.tensor(float(graph.positions.shape[0] % 5), dtype=torch.float64)
        return results | {"energies": (2 + scale) * results["energies"]}


def test_what_depends_on_numbers_of_atoms_is_refused(tmp_path, metatomic):
    with pytest.raises(
        ValueError, match=r"energies of the exported model deviate by .*: Fixed has a forward"
    ):
        export_metatomic(Fixed(PAIRS), tmp_path / "model.pt")
    assert not (tmp_path / "model.pt").exists()


def test_the_path_is_checked_and_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "metatomic", nn)
    with pytest.raises(ValueError, match=r"ends in \.pt, not 'model\.pt2'"):
        export_metatomic(LennardJones(PAIRS), tmp_path / "model.pt2")
    monkeypatch.setattr(room, "metatomic", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'cartesian-tensors\[metatomic\]'"):
        export_metatomic(LennardJones(PAIRS), tmp_path / "model.pt")
