r"""The predictor that knows which atoms there are, and nothing of where they are.

It says $\sum_z n_z T_z$ with the tensors $T_z$ of the elements in the training set: of atoms the mean over
their element; of structures the additive parts of least squares, for energies the reference energies and the
mean rest per atom. Of stress and other intensive results it says the mean over the training set; of forces
zero.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cartesian.nn.data.frames import Frame
from cartesian.nn.elements import SYMBOLS
from cartesian.nn.files import read_description
from cartesian.nn.train.settings import intensive_results


class Constant:
    """The predictor of a training set.

    Args:
        labels: Spreads of the labels, as plain values.
        intensive: Results that do not grow with the structure.
    """

    def __init__(
        self, labels: Mapping[str, Mapping[str, Any]], intensive: frozenset[str] = frozenset({"stress"})
    ) -> None:
        self.labels, self.intensive = labels, intensive

    @classmethod
    def of(cls, folder: str | Path) -> "Constant":
        """That of the training set of a model, from the folder of the model or of its run."""
        description = read_description(folder)
        targets = description["config"].get("targets", ())
        return cls(description["statistics"].get("labels", {}), intensive_results(targets))

    def predict(self, name: str, frame: Frame) -> np.ndarray:
        """What it says of a frame: `(1, components)`, or a row for each atom.

        Not a number where the training set tells nothing, as of an element that it does not hold.
        """
        known = self.labels.get(name, {})
        rows = len(frame.numbers) if name in frame.atomic else 1
        unknown = [np.nan] * (np.size(frame.labels[name]) // max(rows, 1))
        if name in self.intensive:
            return np.array([known.get("mean", unknown)])
        parts = known.get("parts", {})
        values = np.array([parts.get(SYMBOLS[number], unknown) for number in frame.numbers])
        return values if name in frame.atomic else values.sum(0, keepdims=True)
