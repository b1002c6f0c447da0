"""Recipes are configurations of models that exist, and stand in the tables beside them."""

from pathlib import Path

import pytest

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
