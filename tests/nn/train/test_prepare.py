"""What a model is before its first step: constants of its own are those of the training set and remain so."""

import json

import pytest
import torch

from cartesian.nn.data.dataset import collate
from cartesian.nn.files import load_model
from cartesian.nn.models.equireann import EquiREANN
from cartesian.nn.train import train
from cartesian.nn.train.prepare import prepare

MODEL = {
    "name": "EquiREANN",
    "cutoff": 3.0,
    "waves": 2,
    "orbitals": 4,
    "hidden": [4],
    "coefficients_hidden": [4],
    "standardize": True,
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_settles_on_the_training_set(config, dtype):
    prepared = prepare(config(model=MODEL, dtype=dtype))
    model, seen = prepared.model, []
    assert isinstance(model, EquiREANN)
    model.values.register_forward_pre_hook(lambda *called: seen.append(called[1][0]))
    graph = collate([prepared.train[k] for k in range(len(prepared.train))]).graph
    with torch.no_grad():
        model(graph)
    (densities,) = seen
    assert densities.dtype == getattr(torch, dtype)
    for z in (1, 8):
        part = densities[graph.atomic_numbers == z].double()
        assert torch.allclose(part.mean(0), torch.zeros(4).double(), atol=1e-4)
        assert torch.allclose(part.std(0, correction=0), torch.ones(4).double(), atol=1e-3)


def deviations(model):
    """Of the last densities."""
    return model.standards[-1].deviations


def test_settled_constants_outlive_training_and_resuming(config, tmp_path):
    settings = config(model=MODEL, epochs=1)
    wanted = deviations(prepare(settings).model)
    train(settings, quiet=True)
    train(config(model=MODEL, epochs=2), quiet=True)
    rows = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert [json.loads(row)["epoch"] for row in rows] == [1, 2]
    assert torch.equal(deviations(load_model(tmp_path / "run")), wanted)
