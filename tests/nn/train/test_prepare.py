"""What a model is before its first step: constants of its own are those of the training set and remain so."""

import json
from typing import Any

import pytest
import torch

from cartesian.nn.data.dataset import collate
from cartesian.nn.files import load_model
from cartesian.nn.heads import ZBL
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


def test_a_model_that_repels_nuclei_fits_the_rest_of_the_energies(config):
    prepared = prepare(config(model={**MODEL, "repulsion": {"cutoff": 1.3}}, dtype="float64"))
    model: Any
    model, samples = prepared.model, [prepared.train[k] for k in range(len(prepared.train))]
    repelled = torch.stack([ZBL(cutoff=1.3)(sample.graph).sum() for sample in samples])
    assert (repelled > 0.5).all()
    energies = torch.stack([sample.labels["energy"][0] for sample in samples])
    rest = model.config.isolated["O"] + 2 * model.config.isolated["H"] + 3 * model.config.shift
    assert rest + float(repelled.mean()) == pytest.approx(float(energies.mean()), abs=1e-6)
    silent = model.outputs.energy.energies(torch.zeros(3), torch.tensor([1, 0, 0])).sum()
    assert float(silent) == pytest.approx(rest)
