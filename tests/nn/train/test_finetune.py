"""Models that start from others: new elements, other data, more targets."""

from dataclasses import fields

import numpy as np
import pytest
import torch

from cartesian.nn.data.batching import to_graph
from cartesian.nn.data.frames import write_frames
from cartesian.nn.files import load_model, read_description
from cartesian.nn.models import registry
from cartesian.nn.models.nequip import NequIP, NequIPConfig
from cartesian.nn.train import train
from cartesian.nn.train.finetune import copy_weights


def settings_of(run):
    return read_description(run)["config"]


@pytest.fixture
def second(molecule, tmp_path):
    """Molecules with an element more."""
    rng = np.random.default_rng(1)
    write_frames(tmp_path / "second.extxyz", [molecule(rng, (6, 1, 8, 1)) for _ in range(8)])
    return tmp_path / "second.extxyz"


def test_a_model_starts_from_another_with_new_elements(config, second, tmp_path, capsys):
    train(config(run=str(tmp_path / "first"), epochs=2), quiet=True)
    old, before = load_model(tmp_path / "first"), settings_of(tmp_path / "first")
    options = {"start": str(tmp_path / "first"), "data__train": str(second), "model": {}}
    train(config(epochs=1, optimizer__rate=1e-12, average=0.0, **options))
    new, after = load_model(tmp_path / "run"), settings_of(tmp_path / "run")
    assert after["elements"] == ["H", "O", "C"]
    assert after["neighbors"] == before["neighbors"]
    text = capsys.readouterr().out
    assert "embedding.weight: rows of 2 elements copied, 1 new" in text
    assert "new elements C after H, O" in text
    # The springs of the new molecules start from the old weights; only the new element is fitted.
    assert {**after["isolated"], "C": None} == {**before["isolated"], "C": None}
    assert after["isolated"]["C"] == pytest.approx(-500, abs=5)
    for name, value in old.named_parameters():
        found = dict(new.named_parameters())[name]
        rows = tuple(slice(0, size) for size in value.shape)
        torch.testing.assert_close(found[rows], value, atol=1e-8, rtol=1e-6)


def test_other_data_may_give_the_energies(config, second, tmp_path):
    train(config(run=str(tmp_path / "first"), epochs=1), quiet=True)
    options = {"start": str(tmp_path / "first"), "data__train": str(second), "model": {}, "scales": "data"}
    reference = {"H": -1.0, "C": -2.0, "O": -3.0}
    train(config(epochs=1, data__reference=reference, **options), quiet=True)
    old, new = settings_of(tmp_path / "first"), settings_of(tmp_path / "run")
    assert new["isolated"] == reference
    assert new["scale"]["H"] == old["scale"]


def test_a_target_can_be_added(config, tmp_path, capsys):
    train(config(run=str(tmp_path / "first"), epochs=1), quiet=True)
    options = {"start": str(tmp_path / "first"), "model": {}, "loss__weights": {"dipole": 1.0}}
    train(config(epochs=1, **options))
    assert [target["name"] for target in settings_of(tmp_path / "run")["targets"]] == ["dipole"]
    assert "is new" in capsys.readouterr().out


def test_other_shapes_are_refused(config, tmp_path):
    train(config(run=str(tmp_path / "first"), epochs=1), quiet=True)
    options = {"start": str(tmp_path / "first"), "model": {"functions": 5}}
    with pytest.raises(ValueError, match=r"has shape .* in the old model and .* only elements and targets"):
        train(config(epochs=1, **options), quiet=True)
    with pytest.raises(ValueError, match="holds a NequIP, which cannot start a TensorNet"):
        train(config(epochs=1, **options | {"model": {"name": "TensorNet"}}), quiet=True)


def test_rows_of_known_elements_are_copied():
    settings = {"layers": 1, "hidden": "2x0e + 2x1o", "max_degree": 1, "radial": (3,)}
    torch.manual_seed(0)
    old, new = NequIP(NequIPConfig(("H", "O"), **settings)), NequIP(NequIPConfig(("H", "O", "C"), **settings))
    fresh = new.embedding.weight[2].clone()
    lines = copy_weights(old, new, 2, 3)
    assert torch.equal(new.embedding.weight[:2], old.embedding.weight)
    assert torch.equal(new.embedding.weight[2], fresh)
    assert any(line.startswith("embedding.weight: rows of 2 elements") for line in lines)


@pytest.mark.parametrize("name", registry.model_names())
def test_new_elements_change_nothing_for_the_old(name):
    kind = registry.find(name)
    settings = registry.settings(kind)
    given: dict = {"cutoff": 3.0, "channels": 8}
    if name in ("BOTNet", "NequIP"):
        given |= {"hidden": "4x0e + 4x1o", "layers": 1}
    small = {field.name: given[field.name] for field in fields(settings) if field.name in given}
    torch.manual_seed(0)
    old, new = (kind(settings(elements, **small)).eval() for elements in (("H", "O"), ("H", "O", "C")))
    copy_weights(old, new, 2, 3)
    graph = to_graph([[0, 0, 0], [0, 0.2, 0.96], [0.9, 0.1, 0.1]], [8, 1, 1], 3.0)
    with torch.no_grad():
        torch.testing.assert_close(new(graph)["energies"], old(graph)["energies"], rtol=1e-5, atol=1e-5)
