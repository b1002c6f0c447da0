"""What the guides promise beyond their outputs: a model of one short file, which everything else takes."""

import doctest
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest
import torch

from cartesian.nn.models import registry

GUIDE = Path(__file__).parents[1] / "docs" / "guides" / "build-a-model.md"


@pytest.fixture
def source():
    """The file of the model that the guide builds."""
    examples = doctest.DocTestParser().get_examples(GUIDE.read_text())
    end = next(k for k, example in enumerate(examples) if example.source.startswith("class Twin"))
    return "".join(example.source for example in examples[: end + 1])


def test_the_model_of_the_guide_has_under_forty_lines(source):
    assert sum(bool(line.strip()) for line in source.splitlines()) < 40


def test_the_model_of_the_guide_is_one_file_and_no_change_elsewhere(source, monkeypatch, tmp_path):
    files = pytest.importorskip("cartesian.nn.files.model")
    module = ModuleType("twin")
    monkeypatch.setitem(sys.modules, "twin", module)
    exec(source, vars(module))
    entry = EntryPoint("Twin", "twin:Twin", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [entry] if group == registry.GROUP else [])
    kind = registry.find("twin")
    model = kind(registry.settings(kind)(["H", "O"], targets=["dipole"])).eval()
    files.save_model(model, tmp_path)
    again = files.load_model(tmp_path)
    for name, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], value)
