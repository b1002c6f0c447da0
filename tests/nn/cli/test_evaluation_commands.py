"""`cartesian evaluate`, `verify` and `export` from the outside."""

import json

import ase.units
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write
from click.testing import CliRunner

from cartesian.nn.calculators import ASE
from cartesian.nn.cli.evaluate import evaluate
from cartesian.nn.cli.export import export
from cartesian.nn.cli.verify import verify
from cartesian.nn.files import load_model, save_model
from cartesian.nn.models import TensorNet, TensorNetConfig

ZERO = {"H": [0.0], "O": [0.0]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model, and a file labelled with what it says, energies moved by 10 meV."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    config = TensorNetConfig(("H", "O"), channels=2, radial_functions=3, targets=("dipole",))
    save_model(TensorNet(config).double(), folder)
    calculator, frames = ASE(folder), []
    for seed in range(3):
        atoms = molecule("H2O")
        atoms.rattle(0.05, seed=seed)
        atoms.calc = calculator
        labels = {"forces": atoms.get_forces(), "dipole": atoms.get_dipole_moment()}
        frame = Atoms(atoms.numbers, atoms.positions, info={"E": atoms.get_potential_energy() - 0.03})
        frame.calc = SinglePointCalculator(frame, **labels)
        frames.append(frame)
    write(folder / "water.xyz", frames, format="extxyz")
    return folder


def run(command, *arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_evaluate_prints_errors_and_writes_them(folder, tmp_path):
    result = run(evaluate, folder, folder / "water.xyz", "--label", "energy=E", "--output", tmp_path / "out")
    assert result.exit_code == 0, result.output
    header, energy, forces, *_ = (line.split() for line in result.output.splitlines() if line.strip(" ─"))
    assert header == ["result", "unit", "RMSE", "MAE", "turning", "blind"]
    assert energy == ["all", "energy", "meV/atom", "10", "10"]
    assert forces[:2] == ["forces", "meV/Å"]
    assert float(forces[2]) < 1e-3
    assert "\n3 structures\n" in result.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"errors.csv", "parity.png"}


def test_evaluate_compares_several_models_in_units_of_choice(folder, tmp_path):
    save_model(load_model(folder), tmp_path / "copy", statistics={"labels": {"energy": {"parts": ZERO}}})
    label = "energy={key: E, unit: Hartree}"
    paths = folder, tmp_path / "copy", folder / "water.xyz", folder / "water.xyz"
    result = run(evaluate, *paths, "--json", "--label", label, "--units", "energy=Hartree")
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert list(found) == [str(folder), str(tmp_path / "copy")]
    first, second = ({row["name"]: row for row in rows} for rows in found.values())
    assert first["energy"] == {**second["energy"], "constant": None}
    energies = [frame.info["E"] / 3 for frame in read(folder / "water.xyz", ":")]
    assert first["energy"]["unit"] == "Hartree/atom"
    assert first["energy"]["count"] == 6
    assert second["energy"]["constant"] == pytest.approx(np.sqrt(np.mean(np.square(energies))))
    wrong = [e - (3 * e + 0.03) / 3 / ase.units.Hartree for e in energies]
    assert first["energy"]["rmse"] == pytest.approx(np.sqrt(np.mean(np.square(wrong))))


def test_evaluate_gives_the_errors_of_the_mean(folder, tmp_path, monkeypatch):
    torch.manual_seed(1)
    save_model(TensorNet(load_model(folder).config).double(), tmp_path / "other")
    frames, folders = read(folder / "water.xyz", ":"), (folder, tmp_path / "other")
    result = run(evaluate, *folders, folder / "water.xyz", "--mean", "--json", "--output", tmp_path / "out")
    assert result.exit_code == 0, result.output
    found = {row["name"]: row for row in json.loads(result.output)["mean"]}
    committee = ASE(folders)
    for name, ask in (("forces", "get_forces"), ("dipole", "get_dipole_moment")):
        wrong = [getattr(committee, ask)(atoms) - getattr(atoms, ask)() for atoms in frames]
        assert found[name]["rmse"] == pytest.approx(1e3 * np.sqrt(np.mean(np.square(wrong))))
    assert "mean" in {path.name for path in (tmp_path / "out").iterdir()}
    result = run(evaluate, folder, folder / "water.xyz", "--mean")
    assert f"the mean of which models? {folder} is the only one" in " ".join(result.output.split())
    monkeypatch.chdir(tmp_path)
    save_model(load_model(folder), tmp_path / "mean")
    result = run(evaluate, "mean", folder, folder / "water.xyz", "--mean")
    assert "give its whole path" in " ".join(result.output.split())


def test_evaluate_names_what_it_is_not_given(folder):
    result = run(evaluate, folder / "water.xyz")
    assert "water.xyz is the folder of a model or of a run" in " ".join(result.output.split())
    result = run(evaluate, folder)
    assert f"which files? {folder} names no data.test" in " ".join(result.output.split())


def test_evaluate_says_which_label_is_missing(folder):
    result = run(evaluate, folder, folder / "water.xyz", "--label", "energy=E_ref")
    assert isinstance(result.exception, ValueError)
    assert "has no 'E_ref' for energy" in str(result.exception)
    result = run(evaluate, folder, folder / "water.xyz", "--label", "energy")
    assert result.exit_code == 2
    assert "write it as in energy=E_ref" in " ".join(result.output.split())
    result = run(evaluate, folder, folder / "water.xyz", "--label", "energy={kye: E}")
    assert "the label of energy has no 'kye': there are name, key, unit" in result.output
    result = run(evaluate, folder, folder / "water.xyz", "--units", "force=eV/Å")
    assert "there is no result 'force': there are energy, forces" in result.output


def test_verify_ends_with_zero_or_one(folder, monkeypatch):
    result = run(verify, folder, folder / "water.xyz", "--count", 1)
    assert result.exit_code == 0, result.output
    assert "1 structures, no law broken" in result.output
    assert result.output.count("pass") == 9
    monkeypatch.setattr("cartesian.nn.report.verification.SLOPE", 0.0)
    result = run(verify, folder, "--count", 1)
    assert result.exit_code == 1
    assert "FAIL  forces are the slopes of the energy" in result.output


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_export_writes_a_file_that_was_compared(folder, tmp_path):
    result = run(export, folder, tmp_path / "model.pt2", "--no-stress")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "model.pt2").stat().st_size > 0
    assert "takes positions, atomic_numbers" in result.output


def test_a_folder_without_a_model_is_named(tmp_path):
    result = run(verify, tmp_path)
    assert isinstance(result.exception, FileNotFoundError)
    assert str(tmp_path) in str(result.exception)
