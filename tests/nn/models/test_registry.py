"""Every model is found by its name, and its settings beside it."""

import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest
from torch import nn

from cartesian.nn.models import registry
from cartesian.nn.models.nequip import NequIP, NequIPConfig


def test_models_are_found_in_any_case():
    assert registry.find("NequIP") is registry.find("nequip") is NequIP
    assert registry.settings(NequIP) is NequIPConfig


def test_all_models_have_settings():
    names = registry.model_names()
    assert {"BOTNet", "NequIP", "TensorNet"} <= {*names}
    for name in names:
        assert registry.settings(registry.find(name)).__name__ == f"{name}Config"


def test_a_misspelled_name_suggests_the_near_one():
    with pytest.raises(ValueError, match=r"'TensrNet'; is it 'TensorNet'\? There are .*BOTNet"):
        registry.find("TensrNet")


def test_a_broken_file_does_no_harm_to_other_models(monkeypatch):
    def broken(name):
        if name.endswith(".hotpp"):
            raise SyntaxError("unfinished")
        return import_module(name)

    monkeypatch.setattr(registry, "import_module", broken)
    assert registry.find("NequIP") is NequIP
    assert "HotPP" not in registry.model_names()
    with pytest.raises(ValueError, match=r"no model is called 'HotPP'.*; hotpp\.py cannot be imported: u"):
        registry.find("HotPP")


def offer(monkeypatch, **names):
    module = ModuleType("offered")
    for name, value in names.items():
        value.__module__ = "offered"
        setattr(module, name, value)
    monkeypatch.setitem(sys.modules, "offered", module)
    entry = EntryPoint("Mine", "offered:Mine", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [entry] if group == registry.GROUP else [])


def test_other_packages_offer_models(monkeypatch):
    @dataclass(frozen=True)
    class MineConfig:
        cutoff: float = 5.0

    class Mine(nn.Module):
        pass

    offer(monkeypatch, Mine=Mine, MineConfig=MineConfig)
    assert registry.find("mine") is Mine
    assert "Mine" in registry.model_names()


def test_an_offer_without_settings_is_refused(monkeypatch):
    class Mine(nn.Module):
        pass

    offer(monkeypatch, Mine=Mine)
    with pytest.raises(TypeError, match="with a dataclass MineConfig in the same file"):
        registry.find("mine")
