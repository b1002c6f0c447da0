"""The configurations on the page about training are ones."""

import re
from pathlib import Path

import pytest
import yaml

from cartesian.nn.train.config import TrainConfig
from cartesian.nn.train.reading import parse_config

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "train.md"
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", BLOCKS)
def test_configurations_of_the_page_are_read(text):
    parse_config(yaml.safe_load(text))


def test_every_key_is_explained():
    table = PAGE.read_text().partition("| Key |")[2].partition("\n\n")[0]
    for key in TrainConfig.model_fields.keys() - {"run"}:
        assert f"`{key}`" in table, key
