"""Trainings from files to models: they learn, tell, stop, and start from each other."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from cartesian.nn.data.dataset import Dataset, collate
from cartesian.nn.data.frames import Frames, write_frames
from cartesian.nn.files import load_model, read_description
from cartesian.nn.heads import Potential
from cartesian.nn.models.nequip import NequIP
from cartesian.nn.train import train
from cartesian.nn.train.run import FREE


def rows(run):
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def settings_of(run):
    return read_description(run)["config"]


def test_a_model_learns_energies_forces_and_dipoles(config, molecules, tmp_path):
    weights = {"energy": 1.0, "forces": 1.0, "dipole": 1.0}
    settings = config(epochs=20, loss__weights=weights, average=0.9, schedule__warmup=5)
    assert train(settings, quiet=True) == tmp_path / "run" / "model"
    told = rows(tmp_path / "run")
    assert [row["epoch"] for row in told] == [*range(1, 21)]
    assert told[-1]["train_loss"] < 0.2 * told[0]["train_loss"]
    assert told[-1]["valid_loss"] < 0.6 * told[0]["valid_loss"]
    with (tmp_path / "run" / "log.csv").open() as file:
        table = [*csv.DictReader(file)]
    assert [float(row["valid_loss"]) for row in table] == [row["valid_loss"] for row in told]
    # What is saved is what was validated: the best of all epochs, with averaged weights.
    model = Potential(load_model(tmp_path / "run")).eval()
    frames = Frames(molecules, {"energy": "energy", "forces": "forces", "dipole": "dipole"})
    dataset = Dataset(frames, 3.0)
    known = read_description(tmp_path / "run")["statistics"]
    assert (known["frames"], known["elements"]) == (9, ["H", "O"])
    best = min(told, key=lambda row: row["valid_loss"])
    found = []
    for held in valid_frames(settings, dataset):
        results = model(held.graph)
        found.append(float((results["forces"] - held.labels["forces"]).square().mean()))
    assert np.sqrt(np.mean(found)) == pytest.approx(best["forces_rmse"], rel=1e-5)


def valid_frames(settings, dataset):
    from cartesian.nn.train.prepare import prepare

    valid = prepare(settings).valid
    assert valid is not None
    return [collate([valid[k]]) for k in range(len(valid))]


def test_energies_of_the_elements_start_the_model(config, tmp_path):
    train(config(epochs=1, data__reference={"H": -13.0, "O": -2040.0}), quiet=True)
    told = settings_of(tmp_path / "run")
    assert told["isolated"] == {"H": -13.0, "O": -2040.0}
    assert told["neighbors"] == 2.0
    assert told["scale"] == pytest.approx(read_description(tmp_path / "run")["statistics"]["scale"])


@pytest.mark.parametrize("weights", [{"dipole": 1.0}, {"energy": 1.0}, {"forces": 1.0}])
def test_any_subset_of_results_is_learnt(config, tmp_path, weights):
    train(config(epochs=2, loss__weights=weights), quiet=True)
    first, second = rows(tmp_path / "run")
    assert second["train_loss"] < first["train_loss"]
    assert f"{next(iter(weights))}_mae" in first


def test_molecules_and_crystals_are_trained_together(config, molecules, tmp_path):
    frames = [*Frames(molecules, {"energy": "energy", "forces": "forces"})]
    rng = np.random.default_rng(0)
    for k in range(0, 12, 2):
        labels = frames[k].labels | {"stress": 0.01 * np.eye(3) * rng.standard_normal()}
        frames[k] = replace(frames[k], labels=labels, cell=6 * np.eye(3), periodic=np.ones(3, dtype=bool))
    write_frames(tmp_path / "mixed.extxyz", frames)
    options = {"data__train": str(tmp_path / "mixed.extxyz"), "data__labels": {"stress": {"optional": True}}}
    train(config(epochs=2, loss__weights={"energy": 1.0, "stress": 100.0}, **options), quiet=True)
    first, second = rows(tmp_path / "run")
    assert second["train_loss"] < first["train_loss"]
    assert second["stress_rmse"] > 0


def test_without_validation_the_last_model_is_saved(config, tmp_path):
    train(config(epochs=2, data__valid=None, average=0.0), quiet=True)
    assert "valid_loss" not in rows(tmp_path / "run")[0]
    assert isinstance(load_model(tmp_path / "run"), NequIP)


def test_streams_and_caches_give_the_same_weights(config, tmp_path):
    runs = {"plain": {}, "stream": {"data__stream": True}, "cache": {"data__cache": str(tmp_path / "cache")}}
    for name, options in runs.items():
        train(config(run=str(tmp_path / name), epochs=1, **options, data__ahead=1), quiet=True)
    plain, *others = (load_model(tmp_path / name).state_dict() for name in runs)
    for other in others:
        assert all(torch.equal(value, other[name]) for name, value in plain.items())
    assert len([*(tmp_path / "cache").rglob("*.npy")]) == 12


def test_training_stops_when_nothing_gets_better(config, tmp_path):
    train(config(epochs=9, optimizer__rate=1e-12, stop__patience=2, average=0.0), quiet=True)
    assert len(rows(tmp_path / "run")) < 9


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_loss_that_is_no_number_stops_and_keeps_the_batch(config, molecules, tmp_path, monkeypatch, what):
    broken = NequIP.forward

    def forward(self, graph):
        results = broken(self, graph)
        energy = results["energy"]
        if what == "loss":
            return results | {"energy": energy * torch.nan}
        # Its value is finite, its slope is not.
        return results | {"energy": energy + (0 * energy).abs().sqrt().nan_to_num()}

    monkeypatch.setattr(NequIP, "forward", forward)
    message = {"loss": "the loss is nan", "gradient": "the norm of the gradient is nan"}[what]
    with pytest.raises(ValueError, match=rf"{message} at step 0 \(epoch 1\); .*failed.extxyz: frame \d+ of"):
        train(config(loss__weights={"energy": 1.0}), quiet=True)
    kept = Frames(tmp_path / "run" / "failed.extxyz", {"energy": "energy"})
    originals = Frames(molecules, {"energy": "energy"})
    assert len(kept) == 4
    assert {float(f.labels["energy"]) for f in kept} <= {float(f.labels["energy"]) for f in originals}


def test_suspicious_units_are_said(config, molecules, tmp_path, capsys):
    frames = Frames(molecules, {"energy": "energy"})
    shifted = [replace(f, labels={"energy": f.labels["energy"] / 27.2114}) for f in frames]
    write_frames(tmp_path / "hartree.extxyz", shifted)
    options = {"epochs": 1, "data__train": str(tmp_path / "hartree.extxyz"), "loss__weights": {"energy": 1.0}}
    train(config(**options))
    assert "warning: energies are -75" in " ".join(capsys.readouterr().out.split())
    options |= {"run": str(tmp_path / "right"), "data__labels": {"energy": {"unit": "Hartree"}}}
    train(config(**options))
    assert "warning" not in capsys.readouterr().out


def test_elements_of_the_validation_are_known_before_the_first_step(config, molecule, tmp_path):
    write_frames(tmp_path / "other.extxyz", [molecule(np.random.default_rng(0), (6, 1))])
    with pytest.raises(ValueError, match="the frames have C, the model knows H, O"):
        train(config(data__valid=str(tmp_path / "other.extxyz")), quiet=True)


def test_tensorboard_is_written(config, tmp_path):
    pytest.importorskip("tensorboard")
    train(config(epochs=1, logs__tensorboard=True), quiet=True)
    assert [*(tmp_path / "run" / "tensorboard").iterdir()]


def test_a_missing_logger_says_what_to_install(config):
    with pytest.raises(ModuleNotFoundError, match=r"logs.wandb needs wandb: pip install wandb"):
        train(config(logs__wandb="project"), quiet=True)


def test_keys_that_may_change_are_keys():
    from cartesian.nn.train.config import TrainConfig

    assert {*FREE} <= TrainConfig.model_fields.keys()
