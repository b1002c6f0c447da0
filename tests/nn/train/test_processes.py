"""Two processes take the steps of one."""

import json
import multiprocessing
import socket

import pytest
import torch

from cartesian.nn.train import train, write_config
from cartesian.nn.train.checkpoint import read_checkpoint

SERVER = multiprocessing.get_context("forkserver")
PROGRAM = """
import os
os.environ |= {{"RANK": "{rank}", "LOCAL_RANK": "{rank}", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost",
               "MASTER_PORT": "{port}"}}
from cartesian.nn.train import train
from cartesian.nn.train.reading import parse_config
import yaml
{before}
train(parse_config(yaml.safe_load({text!r})), quiet=True)
"""


def train_on_two(config, before=""):
    """As `torchrun --nproc-per-node 2` starts them; something may happen before in each."""
    SERVER.set_forkserver_preload(["cartesian.nn.train.loop", "cartesian.nn.models.nequip", "torch._dynamo"])
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    text = write_config(config)
    programs = [PROGRAM.format(rank=rank, port=port, text=text, before=before) for rank in range(2)]
    started = [SERVER.Process(target=exec, args=(program, {})) for program in programs]
    for process in started:
        process.start()
    for process in started:
        process.join(120)
        process.kill()
    return [process.exitcode for process in started]


def results(run):
    tensors, _ = read_checkpoint(run / "checkpoint" / "state.safetensors")
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return tensors, [{k: v for k, v in row.items() if k not in ("seconds", "processor")} for row in rows]


RECORDED = """
import torch
torch._inductor.standalone_compile = lambda traced, inputs: traced
"""


# One frame is left for the last step, so that one of the two has none.
@pytest.mark.parametrize("compiled", [False, True])
def test_two_processes_have_the_gradients_of_one(config, tmp_path, compiled):
    options = {"dtype": "float64", "data__batch": 4, "epochs": 1}
    options["loss__weights"] = {"energy": 1.0, "forces": 1.0, "dipole": 1.0}
    options["loss__huber"] = {"forces": 0.1}
    train(config(run=str(tmp_path / "one"), **options), quiet=True)
    options["compile"] = compiled
    assert train_on_two(config(run=str(tmp_path / "two"), **options), RECORDED) == [0, 0]
    (one, rows), (two, others) = results(tmp_path / "one"), results(tmp_path / "two")
    assert one.keys() == two.keys()
    for name, value in one.items():
        # The moments of the optimiser are the gradients of all steps.
        torch.testing.assert_close(two[name], value, rtol=1e-8, atol=1e-11, msg=name)
    for row, other in zip(rows, others, strict=True):
        assert row == pytest.approx(other, rel=1e-9)


SIGNAL = """
import signal
from cartesian.nn.models import NequIP
forward, calls = NequIP.forward, []
def signalled(self, graph):
    calls.append(graph)
    if os.environ["RANK"] == "1" and len(calls) == 4:  # two calls belong to the preparation
        signal.raise_signal(signal.SIGTERM)
    return forward(self, graph)
NequIP.forward = signalled
"""


def test_a_signal_to_one_process_stops_both_after_the_same_step(config, tmp_path):
    assert train_on_two(config(), SIGNAL) == [143, 143]
    _, state = read_checkpoint(tmp_path / "run" / "checkpoint" / "state.safetensors")
    assert state["progress"]["step"] == 2


def test_both_processes_stop_when_the_loss_is_no_number(config, tmp_path):
    options = {"optimizer__rate": 1e30, "clip": None, "schedule__name": "constant"}
    assert train_on_two(config(**options)) == [1, 1]
    assert (tmp_path / "run" / "failed.extxyz").is_file()
