"""`cartesian predict` from the outside."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.db import connect
from ase.io import read, write
from click.testing import CliRunner
from yaml import safe_dump

from cartesian.nn.calculators import ASE
from cartesian.nn.cli.predict import predict
from cartesian.nn.data.frames import Frames
from cartesian.nn.files import save_model
from cartesian.nn.models import HotPP, HotPPConfig, TensorNet, TensorNetConfig

TARGETS = ("dipole", "polarizability", {"name": "shielding", "formula": "ij=ji", "pool": "none"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two models of everything, one of a tensor alone, and structures with labels."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models")
    elements = ("H", "O", "Na")
    for name in ("a", "b"):
        config = TensorNetConfig(elements, channels=2, radial_functions=3, targets=TARGETS, charge_factor=0.5)
        save_model(TensorNet(config).double(), folder / name)
    tensor = HotPPConfig(elements, layers=1, channels=2, radial=(4,), energy=False, targets=TARGETS[1:2])
    save_model(HotPP(tensor).double(), folder / "c")
    water = molecule("H2O")
    sodium = bulk("Na", cubic=True)
    sodium.rattle(0.1, seed=1)
    for atoms, charge in ((water, 1.0), (sodium, 0.0)):
        atoms.info |= {"total_charge": charge, "E_ref": 3.0, "polarizability": np.ones(9)}
        atoms.arrays["tags"] = np.arange(len(atoms))
        atoms.calc = SinglePointCalculator(atoms, energy=5.0, forces=np.ones((len(atoms), 3)))
    write(folder / "frames.xyz", [water, sodium], format="extxyz")
    return folder


def run(*arguments):
    return CliRunner().invoke(predict, [str(argument) for argument in arguments])


def said(atoms, calculator):
    """What the calculator for ASE says of a structure without labels."""
    bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    bare.info["total_charge"] = atoms.info["total_charge"]
    bare.calc = calculator
    bare.get_potential_energy()
    return calculator.results


@pytest.mark.parametrize("models", [("a",), ("a", "b")])
def test_predictions_are_those_of_the_calculator(folder, tmp_path, models, monkeypatch):
    names = [folder / name for name in models]
    result = run(*names, folder / "frames.xyz", "--output", tmp_path / "out.xyz", "--batch", 2)
    assert result.exit_code == 0, result.output
    assert "2 structures are in" in result.output
    calculator = ASE(names if len(names) > 1 else names[0])
    keys = ("energy", "forces", "energies", "dipole", "polarizability", "shielding")
    deviations = ("energy_deviation", "forces_deviation", "energies_deviation") if len(names) > 1 else ()
    labels = {key: {"unit": ""} for key in (*keys, *deviations)}
    frames, written = Frames(tmp_path / "out.xyz", labels), read(tmp_path / "out.xyz", ":")
    for frame, atoms in zip(frames, written, strict=True):
        expected = said(atoms, calculator)
        for name, values in frame.labels.items():
            wanted = np.asarray(expected[name])
            np.testing.assert_allclose(
                values, wanted.reshape(values.shape), rtol=1e-6, atol=1e-7, err_msg=name
            )
        assert atoms.info["E_ref"] == 3.0
        np.testing.assert_array_equal(atoms.arrays["tags"], np.arange(len(atoms)))
        assert ("stress" in atoms.calc.results) == bool(atoms.pbc.all())
        assert {"virial", "energy_members"}.isdisjoint(atoms.info)
        if atoms.pbc.all():
            np.testing.assert_allclose(atoms.get_stress(), expected["stress"], rtol=1e-6, atol=1e-9)


def test_with_a_prefix_nothing_is_lost(folder, tmp_path):
    result = run(folder / "a", folder / "frames.xyz", "--output", tmp_path / "out.xyz", "--prefix", "net_")
    assert result.exit_code == 0, result.output
    for atoms in read(tmp_path / "out.xyz", ":"):
        expected = said(atoms, ASE(folder / "a"))
        assert atoms.get_potential_energy() == 5.0
        np.testing.assert_array_equal(atoms.get_forces(), 1)
        np.testing.assert_array_equal(np.ravel(atoms.info["polarizability"]), 1)
        assert atoms.info["net_energy"] == pytest.approx(expected["energy"])
        np.testing.assert_allclose(atoms.arrays["net_forces"], expected["forces"], atol=1e-7)
        wanted = np.ravel(expected["polarizability"])
        np.testing.assert_allclose(atoms.info["net_polarizability"], wanted, rtol=1e-6, atol=1e-7)


def test_values_of_a_database_are_replaced(folder, tmp_path):
    (water, _) = read(folder / "frames.xyz", ":")
    with connect(tmp_path / "frames.db") as database:
        database.write(water, data={"dipole": np.ones(3), "total_charge": 1.0})
    result = run(folder / "a", tmp_path / "frames.db", "--output", tmp_path / "out.xyz")
    assert result.exit_code == 0, result.output
    expected = said(water, ASE(folder / "a"))["dipole"]
    np.testing.assert_allclose(
        Frames(tmp_path / "out.xyz", {"dipole": "dipole"})[0].labels["dipole"], expected
    )


def test_a_model_without_energy_says_what_it_knows(folder, tmp_path):
    result = run(folder / "c", folder / "frames.xyz", "--output", tmp_path / "out.extxyz")
    assert result.exit_code == 0, result.output
    atoms, _ = read(tmp_path / "out.extxyz", ":")
    assert not np.allclose(np.ravel(atoms.info["polarizability"]), 1)
    assert atoms.calc is None or "energy" not in atoms.calc.results


def test_charges_stand_where_the_training_had_them(folder, tmp_path):
    (frame, *_) = read(folder / "frames.xyz", ":")
    frame.info["q"] = frame.info.pop("total_charge")
    write(tmp_path / "frames.xyz", frame, format="extxyz")
    models = []
    for name, key in (("a", "q"), ("b", "charge")):
        (tmp_path / name / "model").mkdir(parents=True)
        for file in (folder / name).iterdir():
            (tmp_path / name / "model" / file.name).write_bytes(file.read_bytes())
        config = {"run": "a", "model": {"name": "TensorNet"}, "data": {"train": "x", "charge": key}}
        (tmp_path / name / "config.yaml").write_text(safe_dump(config))
        models.append(tmp_path / name)
    out = tmp_path / "out.xyz"
    assert run(models[0], tmp_path / "frames.xyz", "--output", out).exit_code == 0
    frame.info["total_charge"] = 1.0
    (written,) = read(out, ":")
    assert written.get_potential_energy() == pytest.approx(said(frame, ASE(folder / "a"))["energy"])
    result = run(*models, tmp_path / "frames.xyz", "--output", out)
    assert result.exit_code == 2
    assert "under different names" in result.output
    result = run(models[1], tmp_path / "frames.xyz", "--output", out)
    assert "has no 'charge'" in str(result.exception)


def test_what_cannot_be_written_leaves_the_files_as_they_are(folder, tmp_path):
    frames = folder / "frames.xyz"
    before = frames.read_bytes()
    result = run(folder / "a", frames, "--output", frames)
    assert "is one of the files that are read" in str(result.exception)
    result = run(folder / "a", frames, "--output", tmp_path / "out.db")
    assert "to .xyz or .extxyz" in str(result.exception)
    result = run(folder / "a", "--output", tmp_path / "out.xyz")
    assert "which structures?" in result.output
    result = run(frames, "--output", tmp_path / "out.xyz")
    assert "is the folder of a model or of a run" in " ".join(result.output.split())
    write(tmp_path / "more.xyz", [*read(frames, ":"), molecule("CO")], format="extxyz")
    (tmp_path / "out.xyz").write_text("as before")
    result = run(folder / "a", tmp_path / "more.xyz", "--output", tmp_path / "out.xyz", "--batch", 1)
    assert "atom 1 of frame 2 of" in str(result.exception)
    assert (tmp_path / "out.xyz").read_text() == "as before"
    assert frames.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["more.xyz", "out.xyz"]
