"""A run that is killed, wherever, goes on to the same weights, bit by bit."""

import multiprocessing
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from cartesian.nn.files import atomic
from cartesian.nn.models.nequip import NequIP
from cartesian.nn.train import train
from cartesian.nn.train.checkpoint import read_checkpoint
from cartesian.nn.train.loop import Trainer
from cartesian.nn.train.signals import Signals

SERVER = multiprocessing.get_context("forkserver")


def outcome(run):
    """Everything a run leaves, but for times: weights and optimiser, the saved model, the logs."""
    tensors, state = read_checkpoint(run / "checkpoint" / "state.safetensors")
    weights = {path.name: path.read_bytes() for path in (run / "model").glob("*.safetensors")}
    rows = [line.split(",") for line in (run / "log.csv").read_text().splitlines()]
    state["progress"] |= {"seconds": 0, "processor": 0}
    state.pop("logs")
    return tensors, state, weights, [row[:2] + row[4:] for row in rows]


def assert_same(first, second):
    (tensors, *rest), (others, *same) = outcome(first), outcome(second)
    assert tensors.keys() == others.keys()
    assert all(torch.equal(value, others[name]) for name, value in tensors.items())
    assert rest == same


def test_runs_with_one_seed_are_the_same(config, tmp_path):
    for name in ("first", "second"):
        train(config(run=str(tmp_path / name), epochs=2), quiet=True)
    assert_same(tmp_path / "first", tmp_path / "second")


def test_a_run_killed_before_its_first_checkpoint_begins_anew(config, tmp_path, monkeypatch):
    whole = config(run=str(tmp_path / "whole"))
    train(whole, quiet=True)
    parts = config(run=str(tmp_path / "parts"))
    for function in ("_save", "_save_model"):
        with monkeypatch.context() as patch:
            patch.setattr(Trainer, function, interrupt)
            with pytest.raises(KeyboardInterrupt):
                train(parts, quiet=True)
    train(parts, quiet=True)
    assert_same(tmp_path / "whole", tmp_path / "parts")


def interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_run_interrupted_at_any_write_goes_on(config, tmp_path, monkeypatch, optimizer):
    forward = NequIP.forward

    def noisy(self, graph):
        # As dropout does: numbers that are drawn in every step.
        return forward(self, graph) | {"energy": forward(self, graph)["energy"] * (1 + 1e-3 * torch.rand(()))}

    monkeypatch.setattr(NequIP, "forward", noisy)
    options = {"optimizer__name": optimizer, "checkpoint__steps": 2, "schedule__name": "plateau"}
    train(config(run=str(tmp_path / "whole"), **options), quiet=True)
    write, left = atomic.write, 0

    def interrupted(path: Path, content: bytes) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        write(path, content)

    monkeypatch.setattr(atomic, "write", interrupted)
    parts = config(run=str(tmp_path / "parts"), **options)
    for attempt in range(40):
        left = 3 + attempt % 3  # the configuration, a model of two files, one checkpoint
        try:
            train(parts, quiet=True)
            break
        except KeyboardInterrupt:
            continue
    assert 2 < attempt < 39
    assert_same(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.parametrize(
    ("number", "error", "code"), [(signal.SIGTERM, SystemExit, 143), (signal.SIGINT, KeyboardInterrupt, None)]
)
def test_a_signal_writes_the_state_and_tells_how_to_go_on(
    config, tmp_path, monkeypatch, capsys, number, error, code
):
    options = {"checkpoint__seconds": None, "epochs": 2}
    train(config(run=str(tmp_path / "whole"), **options), quiet=True)
    forward, calls = NequIP.forward, 0

    def signalled(self, graph):
        nonlocal calls
        calls += 1
        # After two calls of the preparation: in step 2, in the validation after step 3, in step 5.
        if calls in (4, 6, 9):
            signal.raise_signal(number)
        return forward(self, graph)

    monkeypatch.setattr(NequIP, "forward", signalled)
    parts, before = config(run=str(tmp_path / "parts"), **options), signal.getsignal(number)
    for place in ("step 2, epoch 1", "step 3, epoch 1", "step 5, epoch 2"):
        with pytest.raises(error) as caught:
            train(parts)
        assert getattr(caught.value, "code", None) == code
        message = f"{signal.Signals(number).name} at {place}: to go on from there, run cartesian train"
        assert message in " ".join(capsys.readouterr().out.split())
    train(parts, quiet=True)
    assert signal.getsignal(number) is before
    assert_same(tmp_path / "whole", tmp_path / "parts")


@pytest.fixture
def ctrl_c():
    """Ctrl-C as in a terminal: a shell ignores it for what runs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_the_second_signal_acts_at_once_but_under_a_launcher():
    with Signals() as signals:
        signal.raise_signal(signal.SIGINT)
        assert signals.asked == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    with Signals(patient=True) as signals:
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_killed_run_goes_on(config, tmp_path):
    SERVER.set_forkserver_preload(["cartesian.nn.train.loop", "cartesian.nn.models.nequip", "torch._dynamo"])
    options = {"epochs": 12, "checkpoint__steps": 2, "loss__weights": {"energy": 1.0}}
    train(config(run=str(tmp_path / "first"), **options | {"epochs": 1}), quiet=True)  # compiles kernels
    began = time.monotonic()
    train(config(run=str(tmp_path / "whole"), **options), quiet=True)
    length = time.monotonic() - began
    parts = config(run=str(tmp_path / "parts"), **options)
    rng = np.random.default_rng()
    kills = 0
    while True:
        process = SERVER.Process(target=train, args=(parts,), kwargs={"quiet": True})
        process.start()
        if kills < 3:
            process.join(rng.uniform(0.3, 0.6) * length)
            kills += process.is_alive()
            process.kill()
        process.join()
        if process.exitcode == 0:
            break
    assert kills == 3
    assert_same(tmp_path / "whole", tmp_path / "parts")


def test_a_finished_run_stays_as_it_is(config, tmp_path):
    settings = config(epochs=1)
    train(settings, quiet=True)
    before = outcome(tmp_path / "run")
    train(settings, quiet=True)
    after = outcome(tmp_path / "run")
    assert before[1:] == after[1:]


def test_more_epochs_may_follow(config, tmp_path):
    train(config(epochs=1, schedule__name="constant"), quiet=True)
    train(config(epochs=2, schedule__name="constant"), quiet=True)
    assert len((tmp_path / "run" / "log.csv").read_text().splitlines()) == 3


def test_another_configuration_in_the_folder_is_refused(config):
    train(config(epochs=1), quiet=True)
    with pytest.raises(ValueError, match=r"loss.weights.forces was 10.0 and is 2.0\. Take another folder"):
        train(config(epochs=1, loss__weights={"energy": 1.0, "forces": 2.0}), quiet=True)
    train(config(epochs=1), restart=True, quiet=True)


def test_another_training_set_is_refused(config, molecules, tmp_path):
    train(config(epochs=1, checkpoint__steps=1), quiet=True)
    text = molecules.read_text().splitlines(keepends=True)
    shorter = tmp_path / "shorter.extxyz"
    shorter.write_text("".join(text[: 5 * 8]))
    settings = config(epochs=2, data__train=str(shorter), checkpoint__steps=1)
    (tmp_path / "run" / "config.yaml").unlink()
    with pytest.raises(ValueError, match="the training set has 6 frames, and had 9"):
        train(settings, quiet=True)


def test_a_truncated_checkpoint_is_refused(config, tmp_path):
    train(config(epochs=1), quiet=True)
    place = tmp_path / "run" / "checkpoint" / "state.safetensors"
    place.write_bytes(place.read_bytes()[:-9])
    with pytest.raises(ValueError, match="is no checkpoint, or a part of one"):
        train(config(epochs=2), quiet=True)
