"""Rows of the table of results for a finished run: python recipes/row.py RUN FILE [TITLE].

Beside the root mean square error of the model stand those of two predictors without directions or structure:

- constant: zero for forces; for energies the reference energies of the elements; else the mean over the
  training set in the frame of the file, for atoms that of each element.
- blind: the isotropic part of the true tensor itself. A predictor from invariants alone can give nothing
  but isotropic tensors; however much it knows, it does no better. Energies and forces follow from invariants.
"""

import csv
import sys
from pathlib import Path

import numpy as np

from cartesian.nn.calculators.source import open_model
from cartesian.nn.data.frames import Frame, Frames
from cartesian.nn.elements import element_values
from cartesian.nn.files import read_description
from cartesian.nn.report.evaluation import UNITS, compare
from cartesian.nn.train import read_config
from cartesian.nn.train.prepare import read_labels
from cartesian.ops.spaces import TensorSpace


def rows(run: Path, file: str, title: str) -> list[list[str]]:
    """One row for each result."""
    config = read_config(run)
    labels = read_labels(config.data, list(config.loss.weights))
    train, test = (
        list(Frames(path, labels, charge=config.data.charge, weight=config.data.weight))
        for path in (config.data.train, file)
    )
    source = open_model(run)
    parameters = sum(p.numel() for p in source.model.parameters())
    minutes = float(list(csv.DictReader((run / "log.csv").open()))[-1]["seconds"]) / 60
    isolated = element_values(read_description(run)["config"]["isolated"], source.elements, "energies")
    found = []
    for one in compare(source, test):
        errors = one.predicted - one.reference
        constant = (
            _constant(one.name, train, test, dict(zip(source.elements, isolated, strict=True)))
            - one.reference
        )
        numbers = [
            _rms(errors),
            float(np.abs(errors).mean()),
            _rms(constant),
            _rms(_turning(errors)),
            _rms(_turning(one.reference)),
        ]
        scale, unit = (1e3, UNITS[one.name]) if one.name in ("energy", "forces") else (1.0, "")
        cells = [f"{scale * number:.3g}" for number in numbers]
        if one.name in ("energy", "forces"):  # they follow from invariants
            cells[3:] = ["–", "–"]
        found.append([title, one.name, unit, *cells, f"{parameters:,}", f"{minutes:.1f}", str(config.seed)])
    return found


def _constant(name: str, train: list[Frame], test: list[Frame], isolated: dict[int, float]) -> np.ndarray:
    """What the constant predictor says of every row."""
    if name == "forces":
        return np.zeros((sum(len(frame.numbers) for frame in test), 3))
    if name == "energy":
        return np.array([[np.mean([isolated[z] for z in frame.numbers])] for frame in test])
    if name not in train[0].atomic:
        mean = np.mean([frame.labels[name].ravel() for frame in train], axis=0)
        return np.broadcast_to(mean, (len(test), mean.size))
    values = np.concatenate([frame.labels[name].reshape(len(frame.numbers), -1) for frame in train])
    known, wanted = (np.concatenate([frame.numbers for frame in frames]) for frames in (train, test))
    means = {z: values[known == z].mean(0) for z in np.unique(wanted)}
    return np.array([means[z] for z in wanted])


def _turning(tensors: np.ndarray) -> np.ndarray:
    """Tensors `(rows, components)` without the part that rotations leave as it is."""
    rank = round(np.log(tensors.shape[1]) / np.log(3))
    if rank == 0:
        return 0 * tensors
    space = TensorSpace("ijkl"[:rank])
    parts = space.to_irreps(tensors.reshape(-1, *[3] * rank))
    turns = np.concatenate([np.full(block.dim, block.irrep.degree > 0) for block in space.irreps])
    return np.asarray(space.from_irreps(parts * turns)).reshape(tensors.shape)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.square(values).mean()))


if __name__ == "__main__":
    run, file, *title = sys.argv[1:]
    for row in rows(Path(run), file, title[0] if title else Path(run).name):
        sys.stdout.write(f"| {' | '.join(row)} |\n")
