"""Trainings from files to models: they learn, tell, stop, and start from each other."""

import csv
import json
import sqlite3
from contextlib import closing
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
from cartesian.nn.train.loss import Terms
from cartesian.nn.train.prepare import prepare
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
    lists = str(tmp_path / "lists")
    runs = {
        "plain": {},
        "stream": {"data__stream": True, "data__workers": 0},
        "cache": {"data__stream": True, "data__workers": 2, "data__cache": lists},
    }
    for name, options in runs.items():
        train(config(run=str(tmp_path / name), epochs=1, **options), quiet=True)
    plain, *others = (load_model(tmp_path / name).state_dict() for name in runs)
    for other in others:
        assert all(torch.equal(value, other[name]) for name, value in plain.items())
    (store,) = (tmp_path / "lists").iterdir()
    with closing(sqlite3.connect(store)) as database:
        assert database.execute("SELECT count(*) FROM lists").fetchone() == (12,)


def test_training_stops_when_nothing_gets_better(config, tmp_path):
    train(config(epochs=9, optimizer__rate=1e-12, stop__patience=2, average=0.0), quiet=True)
    assert len(rows(tmp_path / "run")) < 9


def test_minutes_end_a_run(config, tmp_path, capsys):
    train(config(epochs=50, minutes=1e-6, validate_every=3))
    # The first epoch was longer than that; a second one is validated.
    assert ["valid_loss" in row for row in rows(tmp_path / "run")] == [False, True]
    assert "stopped after 2 of 50 epochs: the 1e-06 minutes are over" in capsys.readouterr().out
    train(config(epochs=50, minutes=10.0, stop__patience=1, validate_every=3), quiet=True)
    assert len(rows(tmp_path / "run")) > 2


def test_the_best_model_is_tested(config, molecules, tmp_path, capsys):
    train(config(epochs=2, data__test=str(molecules)))
    told = json.loads((tmp_path / "run" / "test.json").read_text())
    model = Potential(load_model(tmp_path / "run"), stress=False).eval()
    frames = Frames(molecules, {"energy": "energy", "forces": "forces"})
    found = [model(f.graph(3.0))["forces"].numpy() - f.labels["forces"] for f in frames]
    assert told["forces_rmse"] == pytest.approx(np.sqrt(np.mean(np.square(found))), rel=1e-5)
    assert f"forces {told['forces_rmse']:.4g}" in capsys.readouterr().out.splitlines()[-2]
    with pytest.raises(FileNotFoundError, match=r"there is no file nowhere\.xyz"):
        train(config(data__test="nowhere.xyz"), restart=True, quiet=True)


def test_a_subset_is_part_of_a_larger_one(config, molecules):
    def chosen(**options):
        made = prepare(config(data__reference="none", **options))
        return [float(made.train[k].labels["energy"]) for k in range(len(made.train))], made.valid

    for valid in (0.25, str(molecules)):
        few, some = (chosen(data__subset=n, data__valid=valid)[0] for n in (3, 6))
        assert (len(few), len(some)) == (3, 6)
        assert {*few} < {*some}
        assert few == chosen(data__subset=3, data__valid=valid)[0]
        assert few != chosen(data__subset=3, data__valid=valid, seed=1)[0]
    few, held = chosen(data__subset=3)
    assert not {*few} & {float(held[k].labels["energy"]) for k in range(len(held))}
    with pytest.raises(ValueError, match=r"data\.subset wants 10 frames, and there are 9 to train on"):
        chosen(data__subset=10)


def test_a_silent_step_is_explained(config, capsys, monkeypatch):
    monkeypatch.setattr("cartesian.nn.train.logs.PATIENCE", 0.0)
    train(config(epochs=1))
    assert "it compiles kernels that are new to this machine" in capsys.readouterr().out


def test_both_times_are_told(config, tmp_path, capsys):
    train(config(epochs=1))
    assert rows(tmp_path / "run")[0]["processor"] > 0
    assert "minutes, 0." in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize("convention", ["L_A", "L_B", "L_D"])
def test_automatic_weights_make_each_term_one_for_the_constant_predictor(config, convention):
    weights = {"energy": "auto", "forces": "auto", "dipole": "auto", "stress": 3.0}
    labels = {"stress": {"optional": True}}
    options = {"data__valid": None, "loss__weights": weights, "loss__convention": convention}
    made = prepare(config(data__labels=labels, data__batch=12, **options))
    known = made.statistics["labels"]
    whole = collate([made.train[k] for k in range(len(made.train))])
    ones = torch.ones(len(whole.graph.atomic_numbers), dtype=torch.float64)
    parts = {
        name: torch.tensor([known[name]["parts"][s] for s in ("H", "O")]) for name in ("energy", "dipole")
    }
    rows = (whole.graph.atomic_numbers == 8).long()
    said = {name: whole.graph.sum_systems(ones[:, None] * part[rows]) for name, part in parts.items()}
    said = {**said, "forces": 0 * whole.labels["forces"], "stress": torch.zeros(len(whole.weights), 3, 3)}
    terms = made.loss.terms({**said, "energy": said["energy"][:, 0]}, whole)
    shares = [made.loss.total(Terms(torch.eye(4)[k] * terms.sums, terms.counts)) for k in range(3)]
    assert [float(share) for share in shares] == pytest.approx([1, 1, 1], rel=1e-4)
    assert f"stress {made.loss.weights['stress']}" in made.notes[-1]


def test_automatic_weights_need_a_spread(config):
    with pytest.raises(
        ValueError, match=r"loss\.weights\.stress is auto, but no frame to train on has stress"
    ):
        prepare(config(loss__weights={"stress": "auto"}, data__labels={"stress": {"optional": True}}))


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


def test_keys_that_may_change_are_keys():
    from cartesian.nn.train.config import TrainConfig

    assert {*FREE} <= TrainConfig.model_fields.keys()
