"""Recipes are configurations of models that exist, and stand in the tables beside them."""

from itertools import pairwise
from pathlib import Path
from runpy import run_path

import numpy as np
import pytest
import torch
from ase.build import molecule

from cartesian.nn.files import save_model
from cartesian.nn.models import TensorNet, TensorNetConfig
from cartesian.nn.models.registry import find, settings
from cartesian.nn.train import read_config
from cartesian.nn.train.settings import check_settings, cutoff_of

FOLDER = Path(__file__).parents[1] / "recipes"
RECIPES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_a_configuration_of_a_model(path):
    config = read_config(path)
    kind = settings(find(config.model["name"]))
    given = {key: value for key, value in config.model.items() if key != "name"}
    assert cutoff_of(kind, check_settings(kind, given)) > 0
    assert Path(config.run) == Path("runs") / path.stem


@pytest.mark.parametrize("page", ["README.md", "results.md"])
@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_stands_in_the_tables(path, page):
    assert f"`{path.stem}`" in (FOLDER / page).read_text()


def test_structures_nearby_are_moments_of_dynamics_and_displacements(tmp_path):
    nearby = run_path(str(FOLDER / "nearby.py"))
    torch.manual_seed(0)
    save_model(TensorNet(TensorNetConfig(("H", "O"), channels=2, radial_functions=3)), tmp_path)
    water = molecule("H2O")
    water.info |= {"total_charge": 1.0, "energy": 2.0}
    moments = [*nearby["hot"](tmp_path, [water, water], np.random.default_rng(0))]
    assert len(moments) == 2 * nearby["MOMENTS"]
    turns = [water, *moments[: nearby["MOMENTS"]]]
    moved = [np.abs(b.positions - a.positions).max() for a, b in pairwise(turns)]
    assert min(moved) > 0.01
    assert not np.allclose(moments[0].positions, moments[nearby["MOMENTS"]].positions)
    many = [*nearby["displaced"]([water] * 200, np.random.default_rng(1))]
    steps = np.array([one.positions - water.positions for one in many])
    assert steps.std() == pytest.approx(nearby["DISPLACEMENT"], rel=0.05)
    assert many[0].calc is moments[0].calc is None
    assert many[0].info == moments[0].info == {"total_charge": 1.0}
