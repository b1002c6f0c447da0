"""Exported files give what the model gives, for other numbers of atoms and systems than were traced."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from cartesian.nn.calculators import export as room
from cartesian.nn.calculators.export import export, inputs, load_exported, trace
from cartesian.nn.calculators.source import open_model
from cartesian.nn.data.batching import batch, to_graph
from cartesian.nn.heads.forces import Potential
from cartesian.nn.models import NequIP, NequIPConfig
from tests.nn.calculators.models import LennardJones, LennardJonesConfig

# The compiler of torch uses what newer versions of Python and torch advise against.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
PAIRS = LennardJonesConfig(cutoff=4.0, sigma=1.0, targets=("dipole",))


def nequip():
    torch.manual_seed(0)
    config = NequIPConfig(
        ("H", "O"),
        layers=1,
        hidden="2x0e + 2x1o",
        max_degree=1,
        functions=2,
        radial=(4,),
        targets=("dipole",),
    )
    return NequIP(config).double()


def crystal(size, seed, elements, cutoff):
    rng = np.random.default_rng(seed)
    positions = 1.5 * np.array(list(np.ndindex(2, 2, 2)))[:size] + rng.uniform(-0.2, 0.2, (size, 3))
    return to_graph(positions, rng.choice(elements, size), cutoff, cell=4 * np.eye(3), dtype=torch.float64)


def assert_same(potential, exported, elements):
    for sizes in ((1,), (7, 2), (3, 3, 3)):
        graph = batch([crystal(size, size, elements, 4.0) for size in sizes])
        wanted, found = potential.eval()(graph), exported(*inputs(graph))
        assert set(found) == set(wanted)
        for name, value in wanted.items():
            assert_close(found[name], value, rtol=1e-9, atol=1e-9)


def test_a_program_gives_what_the_model_gives(tmp_path):
    model = nequip()
    path = export(model, tmp_path / "model.pt2")
    assert_same(Potential(model), load_exported(path), [1, 8])


def test_a_file_that_differs_from_the_model_is_refused(tmp_path, monkeypatch):
    path, model = tmp_path / "model.pt2", LennardJones(PAIRS)

    def changed(path, form):
        exported = load_exported(path, form)
        return lambda *tensors: exported(1.001 * tensors[0], *tensors[1:])

    monkeypatch.setattr(room, "load_exported", changed)
    with pytest.raises(ValueError, match=r"energy of the exported model deviates by .* LennardJones has"):
        export(model, path)
    # What was written is the model.
    assert_same(Potential(model), load_exported(path), [18])


def test_plain_operations_give_what_the_kernels_give():
    model = nequip()
    traced = trace(open_model(model), plain=True)
    assert not any("cartesian" in str(node.target) for node in traced.graph.nodes)
    assert_same(Potential(model), traced.module(), [1, 8])


def test_path_and_form_are_checked(tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.pt2, not 'model\.onnx'"):
        export(LennardJones(PAIRS), tmp_path / "model.onnx")
    with pytest.raises(ValueError, match="exported as program or package, not 'onnx'"):
        export(LennardJones(PAIRS), tmp_path / "model.pt2", "onnx")


def test_a_forward_that_fixes_the_number_of_atoms_is_explained():
    class Fixed(LennardJones):
        def forward(self, graph):
            results = super().forward(graph)
            return results | {"energies": results["energies"] + torch.zeros(len(graph.positions))}

    with pytest.raises(ValueError, match=r"Fixed cannot be exported for any number of atoms: .*shape\[0\]"):
        trace(open_model(Fixed(PAIRS)))
