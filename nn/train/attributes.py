"""The charge or the spin of whole structures: whether the files hold it, and whether the model sees it."""

from collections.abc import Mapping

import torch
from torch import nn

from cartesian.nn.data.dataset import Dataset
from cartesian.nn.graph import Graph
from cartesian.nn.train.config import DataConfig

LOOKED_AT = 64
"""Frames, evenly from the training set."""


def overlooked(model: nn.Module, dataset: Dataset, data: DataConfig) -> list[str]:
    """What the frames say about charges and spins that a model is not told, or has no use for; a sentence.

    A model has one number for a whole structure, so it is told the charge or the spin.

    Raises:
        ValueError: If it is told the spin, and makes charges that add up to the number.
    """
    chosen = range(0, len(dataset), -(-len(dataset) // LOOKED_AT))
    results, sees = _probe(
        model, max((dataset[k].graph for k in chosen), key=lambda graph: len(graph.senders))
    )
    if data.spin is not None and "charges" in results:
        raise ValueError(
            f"{type(model).__name__} makes charges of atoms that add up to the number it is told: that is "
            "the charge of a structure, data.charge, and not its spin"
        )
    fields: dict[str, set[float]] = {}
    for index in chosen:
        for name, value in dataset.frames[index].attributes.items():
            fields.setdefault(name, set()).add(value)
    told = data.attribute if sees else None
    differ = [
        f"{name} from {min(values):g} to {max(values):g}"
        for name, values in fields.items()
        if name != told and len(values) > 1
    ]
    if not differ:
        return []
    name = type(model).__name__
    reason = f"{name} has no use for that"
    if sees:
        now = "nothing" if told is None else told
        reason = f"{name} is told {now} of that: name a key as data.charge or data.spin"
    return [
        f"the frames have {' and '.join(differ)}; {reason}, so frames that differ in it alone are the same"
    ]


def _probe(model: nn.Module, graph: Graph) -> tuple[Mapping[str, torch.Tensor], bool]:
    """Results for a graph, and whether they depend on its charge."""
    was_training = model.training
    with torch.no_grad():
        first, second = (model.eval()(graph.replace(charges=graph.charges + more)) for more in (0, 1))
    model.train(was_training)
    return first, any(not torch.equal(value, second[name]) for name, value in first.items())
