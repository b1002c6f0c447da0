"""`cartesian train`: what it does, prints, and says about mistakes."""

import sys

import numpy as np
import pytest
import yaml

from cartesian.cli import main
from cartesian.nn.data.frames import Frame, write_frames
from cartesian.nn.files import read_description


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the command in this process; returns exit code, standard output, standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["cartesian", "train", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        return int(caught.value.code or 0), captured.out, captured.err

    return run


@pytest.fixture
def config(tmp_path):
    rng = np.random.default_rng(0)
    frames = [
        Frame(
            np.array([[0, 0, 0], [0, 0, 0.7 + 0.1 * rng.random()]]),
            np.array([1, 1]),
            np.zeros((3, 3)),
            np.zeros(3, bool),
            {"energy": np.array(rng.random())},
        )
        for _ in range(4)
    ]
    write_frames(tmp_path / "set.extxyz", frames)
    model = {"name": "NequIP", "cutoff": 2.0, "layers": 1, "hidden": "2x0e + 2x1o", "radial": [2]}
    values = {
        "run": str(tmp_path / "run"),
        "model": model | {"max_degree": 1},
        "data": {"train": str(tmp_path / "set.extxyz"), "valid": 0.25},
        "loss": {"weights": {"energy": 1.0}},
        "epochs": 2,
    }
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(values))
    return tmp_path / "c.yaml"


def test_a_training_prints_a_line_per_epoch(run, config, tmp_path):
    code, text, errors = run(config, "epochs=3", "model.cutoff=2.5")
    assert (code, errors) == (0, "")
    lines = text.splitlines()
    assert lines[0] == "3 frames to train, 1 to validate"
    assert lines[1].startswith("NequIP with ")
    assert [line.split()[:2] for line in lines if line.startswith("epoch")] == [
        ["epoch", f"{k}"] for k in (1, 2, 3)
    ]
    assert lines[-1].startswith("done: 3 steps, best validation loss")
    assert read_description(tmp_path / "run")["config"]["cutoff"] == 2.5


def test_a_run_goes_on_from_its_folder(run, config, tmp_path):
    assert run(config)[0] == 0
    code, text, _ = run(tmp_path / "run", "epochs=3")
    assert code == 0
    assert "going on at step 2, epoch 3" in text
    code, text, errors = run(config, "seed=1")
    assert (code, text) == (2, "")
    assert "seed was 0 and is 1. Take another folder (run=...), or --restart" in errors
    assert run(config, "seed=1", "--restart")[0] == 0


def test_the_whole_configuration_can_be_seen(run, config, tmp_path):
    code, text, _ = run(config, "optimizer.rate=0.5", "--show")
    assert code == 0
    assert yaml.safe_load(text)["optimizer"]["rate"] == 0.5
    assert not (tmp_path / "run").exists()


def test_quiet_is_quiet(run, config):
    assert run(config, "--quiet") == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["optimizer.rte=1"], "optimizer has no key 'rte'; is it 'rate'?"),
        (["model.name=NeqIP"], "no model is called 'NeqIP'; is it 'NequIP'?"),
        (["model.cutof=3"], "NequIPConfig has no 'cutof'; is it 'cutoff'?"),
        (["data.labels.energy=engery"], "has no 'engery' for energy; is it 'energy'? It has energy"),
        (["data.train=nothing.xyz"], "there is no file nothing.xyz"),
        (["loss.weights={dipol: 1}", "data.labels={dipol: energy}"], "no target is called 'dipol'"),
    ],
)
def test_mistakes_are_one_line(run, config, arguments, message):
    code, _, errors = run(config, *arguments)
    assert code == 2
    assert message in errors
    assert len(errors.splitlines()) == 1
