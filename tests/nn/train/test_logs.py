"""What Weights & Biases keeps of a run: every row of its log, under one id, whatever interrupts it."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from cartesian.nn.train import train

BLOCK = 2**15


def rows(run):
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def records(path: Path):
    """Messages in a file of an offline run, which is a log as LevelDB writes it behind seven bytes.

    Blocks of 32 KiB hold pieces with a header of 4 bytes of checksum, 2 of length and 1 that says whether
    the piece is whole (1), the first (2), in the middle (3) or the last (4); no header crosses a block.
    """
    from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[import-not-found]

    data, at, content = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if BLOCK - at % BLOCK < 7:
            at += BLOCK - at % BLOCK
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        content += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            record = Record()
            record.ParseFromString(content)
            yield record
            content = b""


def told(run):
    """Ids, settings and rows of the offline runs in the folder of a run, in their order."""
    # Ends the process that writes the files.
    pytest.importorskip("wandb").teardown()
    ids: list[tuple[str, str]] = []
    settings: dict[str, Any] = {}
    history: list[dict[str, Any]] = []
    for path in sorted(run.glob("wandb/offline-run-*/*.wandb")):
        for record in records(path):
            if record.HasField("run"):
                ids.append((record.run.project, record.run.run_id))
                settings |= {entry.key: json.loads(entry.value_json) for entry in record.run.config.update}
            if record.HasField("history"):
                entries = record.history.item
                values = {entry.key or entry.nested_key[0]: json.loads(entry.value_json) for entry in entries}
                history.append({name: value for name, value in values.items() if name[0] != "_"})
                assert record.history.step.num == values["_step"]
                history[-1]["step"] = values["_step"]
    return ids, settings, history


@pytest.fixture
def offline(monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")


@pytest.mark.usefixtures("offline")
def test_weights_and_biases_has_every_row_and_a_resumed_run_keeps_its_id(config, tmp_path):
    run = tmp_path / "run"
    train(config(epochs=1, logs__wandb="project"), quiet=True)
    train(config(epochs=3, logs__wandb="project"), quiet=True)
    ids, settings, history = told(run)
    assert len(rows(run)) == 3
    assert history == rows(run)
    assert ids[0] == ids[1] == ("project", (run / "wandb-id").read_text())
    assert settings["optimizer"]["rate"] == 0.01
    # A run begun anew is another one, though its folder has the same name.
    train(config(epochs=1, logs__wandb="project"), restart=True, quiet=True)
    assert {*told(run)[0]} == {ids[0], ("project", (run / "wandb-id").read_text())} != {ids[0]}


def test_a_missing_logger_says_what_to_install(config, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ModuleNotFoundError, match=r"logs.wandb needs wandb: pip install wandb"):
        train(config(logs__wandb="project"), quiet=True)
