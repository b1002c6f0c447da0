"""Saved models come back bit by bit; files that are not whole, or not ours, are refused."""

import json
from dataclasses import replace

import pytest
import torch

from cartesian.nn.data import to_graph
from cartesian.nn.exchange.torchmd import CONSTANT, REPULSION
from cartesian.nn.files import atomic, load_model, model, read_description, save_model
from cartesian.nn.files.migrations import STEPS, migrate
from cartesian.nn.files.plain import from_plain
from cartesian.nn.heads import Potential
from cartesian.nn.models.nequip import NequIP, NequIPConfig
from cartesian.nn.models.tensornet2 import TensorNet2Config

CONFIG = NequIPConfig(
    ("H", "O"),
    cutoff=3.0,
    layers=2,
    hidden="2x0e + 2x1o + 2x2e",
    max_degree=2,
    functions=4,
    radial=(4,),
    neighbors=2.5,
    isolated={"H": -13.6, "O": -2042.123456789},
    targets=("dipole", {"name": "quadrupole", "formula": "ij=ji"}),
)


@pytest.fixture(params=[torch.float32, torch.float64])
def saved(request, tmp_path):
    torch.manual_seed(0)
    made = NequIP(CONFIG).to(request.param).eval()
    save_model(made, tmp_path / "model", statistics={"forces": {"rms": 0.1}})
    return made, tmp_path / "model"


def edit(folder, change):
    """Change the description and make its checksum fit again, as who means harm would."""
    place = folder / "model.json"
    description = json.loads(place.read_text())
    change(description)
    description["sha256"] = model._checksum(description)
    place.write_text(json.dumps(description))


def test_a_model_comes_back_as_it_was(saved):
    made, folder = saved
    loaded = load_model(folder)
    assert loaded.config == made.config
    assert not loaded.training
    assert loaded.state_dict().keys() == made.state_dict().keys()
    for name, value in made.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)
        assert loaded.state_dict()[name].dtype == value.dtype
    graph = to_graph([[0, 0, 0], [0, 0.3, 0.96]], [8, 1], 3.0, dtype=next(made.parameters()).dtype)
    with torch.no_grad():
        assert all(
            torch.equal(a, b) for a, b in zip(made(graph).values(), loaded(graph).values(), strict=True)
        )


def test_the_description_can_be_read(saved):
    _, folder = saved
    found = read_description(folder)
    assert found["model"] == "NequIP"
    assert found["config"]["isolated"] == {"H": -13.6, "O": -2042.123456789}
    assert found["statistics"] == {"forces": {"rms": 0.1}}
    assert found["units"] == {"energy": "eV", "length": "Å", "charge": "e"}
    assert json.loads((folder / "model.json").read_text()) == found


def test_a_run_is_as_good_as_its_model(saved):
    assert isinstance(load_model(saved[1].parent), NequIP)


def test_a_model_changes_its_dtype_when_loaded(saved):
    loaded = load_model(saved[1], dtype=torch.float32)
    assert next(loaded.parameters()).dtype == torch.float32


def test_saving_again_replaces_both_files(saved):
    made, folder = saved
    with torch.no_grad():
        next(made.parameters()).add_(1)
    save_model(made, folder)
    assert len([*folder.iterdir()]) == 2
    assert torch.equal(next(load_model(folder).parameters()), next(made.parameters()))


@pytest.mark.parametrize("written", [0, 1])
def test_who_is_killed_while_saving_leaves_the_old_model(saved, monkeypatch, written):
    made, folder = saved
    before = [p.clone() for p in made.parameters()]
    original = atomic.write
    calls: list = []

    def killed(path, content):
        if len(calls) == written:
            raise KeyboardInterrupt
        calls.append(path)
        original(path, content)

    monkeypatch.setattr(atomic, "write", killed)
    with torch.no_grad():
        next(made.parameters()).add_(1)
    with pytest.raises(KeyboardInterrupt):
        save_model(made, folder)
    assert all(torch.equal(a, b) for a, b in zip(before, load_model(folder).parameters(), strict=True))


def test_truncated_or_changed_weights_are_refused(saved):
    _, folder = saved
    (weights,) = folder.glob("*.safetensors")
    whole = weights.read_bytes()
    for broken in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1])):
        weights.write_bytes(broken)
        with pytest.raises(ValueError, match=r"weights .* have the checksum .* truncated or changed"):
            load_model(folder)
    weights.unlink()
    with pytest.raises(ValueError, match="are missing"):
        load_model(folder)


def test_truncated_or_changed_descriptions_are_refused(saved):
    _, folder = saved
    place = folder / "model.json"
    text = place.read_text()
    place.write_text(text[:-30])
    with pytest.raises(ValueError, match="is no JSON"):
        load_model(folder)
    place.write_text(text.replace('"cutoff": 3.0', '"cutoff": 4.0'))
    with pytest.raises(ValueError, match="changed after it was written"):
        load_model(folder)
    place.write_text('{"epochs": 3}')
    with pytest.raises(ValueError, match="no format version"):
        load_model(folder)


def test_a_newer_format_says_what_to_do(saved):
    edit(saved[1], lambda d: d.update(format=99, package="7.0"))
    with pytest.raises(ValueError, match=r"format 99, written by version 7.0; .* upgrade cartesian-tensors"):
        load_model(saved[1])


def test_other_conventions_are_refused(saved):
    edit(saved[1], lambda d: d.update(conventions=99))
    with pytest.raises(ValueError, match="conventions 99"):
        load_model(saved[1])


def test_unknown_models_and_settings_suggest_the_near_one(saved):
    edit(saved[1], lambda d: d.update(model="NeqIP"))
    with pytest.raises(ValueError, match=r"no model is called 'NeqIP'; is it 'NequIP'\?"):
        load_model(saved[1])
    edit(saved[1], lambda d: (d.update(model="NequIP"), d["config"].update(cutof=2.0)))
    with pytest.raises(ValueError, match=r"NequIPConfig has no 'cutof'; is it 'cutoff'\? It has"):
        load_model(saved[1])
    edit(saved[1], lambda d: (d["config"].pop("cutof"), d["config"].update(zzz=2.0)))
    with pytest.raises(ValueError, match=r"NequIPConfig has no 'zzz'\. It has elements"):
        load_model(saved[1])


def test_weights_of_another_shape_are_refused(saved):
    edit(saved[1], lambda d: d["config"].update(functions=7))
    with pytest.raises(ValueError, match=r"do not fit the NequIP .* size mismatch"):
        load_model(saved[1])


def test_weights_cannot_be_taken_from_elsewhere(saved):
    _, folder = saved
    (weights,) = folder.glob("*.safetensors")
    weights.rename(folder.parent / weights.name)
    edit(folder, lambda d: d["weights"].update(file=f"../{weights.name}"))
    with pytest.raises(ValueError, match="are missing"):
        load_model(folder)


def test_an_empty_folder_names_the_places(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no model in .* neither .*model.json nor"):
        load_model(tmp_path)


def test_a_potential_is_not_saved_but_its_model(tmp_path):
    with pytest.raises(TypeError, match="Potential"):
        save_model(Potential(NequIP(replace(CONFIG, targets=()))), tmp_path)


def test_migrations_are_applied_one_after_the_other(monkeypatch):
    monkeypatch.setitem(STEPS, 1, lambda d: {**d, "config": {"cutoff": d["config"].pop("r_max")}})
    monkeypatch.setitem(STEPS, 2, lambda d: {**d, "conventions": 5})
    found = migrate({"format": 1, "config": {"r_max": 3.0}}, target=3)
    assert found == {"format": 3, "config": {"cutoff": 3.0}, "conventions": 5}
    with pytest.raises(ValueError, match="format 0 cannot be read"):
        migrate({"format": 0}, target=3)


@pytest.mark.parametrize("scale", [2.0, {"H": 2.0, "O": 2.0}])
def test_in_the_first_format_tensornet2_scaled_its_repulsion(scale):
    config = {"elements": ["H", "O"], "scale": scale, "repulsion": True}
    described = {"format": 1, "model": "TensorNet2", "config": config}
    found = from_plain(TensorNet2Config, migrate(described)["config"]).repulsion
    assert found == {**REPULSION, "constant": 2 * CONSTANT}
    assert config["repulsion"] is True
    silent = {**config, "repulsion": False}
    assert migrate({**described, "config": silent})["config"] == silent
    with pytest.raises(ValueError, match=r"scales its repulsion by .*: such files can no longer be read"):
        migrate({**described, "config": {**config, "scale": {"H": 1.0, "O": 2.0}}})
