r"""Errors of a potential on labelled structures, beside those of a predictor that knows no structure.

With $y_k$ the components of all references of one kind and $\hat y_k$ those of the predictions,

$$\mathrm{MAE} = \frac1n \sum_k |\hat y_k - y_k|, \qquad
  \mathrm{RMSE} = \Bigl(\frac1n \sum_k (\hat y_k - y_k)^2\Bigr)^{1/2} .$$

The **constant predictor** says of forces that they are zero, and of every other quantity that it is its mean
over the structures of the same composition, here, in the data that are evaluated: no constant does better.
Energies and virials are divided by the number of atoms.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from cartesian.nn.calculators.source import Source, check_finite
from cartesian.nn.data.batching import batch
from cartesian.nn.data.frames import Frame
from cartesian.nn.elements import SYMBOLS
from cartesian.nn.heads.forces import Potential

UNITS = {
    "energy": "meV/atom",
    "virial": "meV/atom",
    "energies": "meV",
    "forces": "meV/Å",
    "stress": "meV/Å³",
    "dipole": "meÅ",
    "polarizability": "meÅ²/V",
}
"""Units of errors; those of other results are the units of the labels, with a factor of a thousand."""
PER_ATOM = ("energy", "virial")
MILLI = 1e3


@dataclass(eq=False)
class Comparison:
    """References and predictions of one quantity, row by row.

    Attributes:
        name: Of the result.
        reference, predicted: `(rows, components)`, in eV, Å and e; energies per atom.
        groups: `(rows,)`, what kind of frame a row comes from.
        compositions: `(rows,)`, the formula of its structure.
        frames: `(rows,)`, the number of its frame.
    """

    name: str
    reference: np.ndarray
    predicted: np.ndarray
    groups: np.ndarray
    compositions: np.ndarray
    frames: np.ndarray

    @property
    def unit(self) -> str:
        """Of the errors in a table, a thousandth of that of the values."""
        return UNITS.get(self.name, "10⁻³")

    @property
    def constant(self) -> np.ndarray:
        """What the constant predictor says, `(rows, components)`."""
        said = np.zeros_like(self.reference)
        if self.name != "forces":
            for composition in np.unique(self.compositions):
                rows = self.compositions == composition
                said[rows] = self.reference[rows].mean(axis=0)
        return said


@dataclass(frozen=True)
class ErrorRow:
    """Errors of one quantity on one kind of frames.

    Attributes:
        group: The kind; empty for all frames.
        name, unit: The quantity, and the unit of the errors.
        count: Number of components compared.
        mae, rmse: Of the model.
        constant: Root mean square error of the constant predictor.
    """

    group: str
    name: str
    unit: str
    count: int
    mae: float
    rmse: float
    constant: float

    @property
    def factor(self) -> float:
        """How many times smaller the error of the model is than that of the constant predictor."""
        return self.constant / self.rmse if self.rmse else np.inf


@dataclass
class _Rows:
    reference: list[np.ndarray] = field(default_factory=list)
    predicted: list[np.ndarray] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)


def compare(source: Source, frames: Sequence[Frame], size: int = 16) -> list[Comparison]:
    """Predict what the labels of frames say.

    Args:
        source: The model, from `open_model`.
        frames: With labels; every quantity that a frame and the model have is compared.
        size: Number of frames in a batch.

    Returns:
        One comparison for each quantity.

    Raises:
        ValueError: If no frame has a label for a result of the model, a label has another shape than the
            result, or a result is not finite.
    """
    rows: dict[str, _Rows] = {}
    groups: list[str] = []
    compositions: list[str] = []
    for start in range(0, len(frames), size):
        part = frames[start : start + size]
        for k, (frame, results) in enumerate(_predict(source, part), len(groups)):
            for name in frame.labels.keys() & results.keys():
                _add(rows.setdefault(name, _Rows()), name, frame, results[name], k)
        groups += [frame.group for frame in part]
        compositions += [_composition(frame.numbers) for frame in part]
    if not rows:
        raise ValueError("there is nothing to compare: no frame has a label for a result of the model")
    found = []
    for name in [*(name for name in UNITS if name in rows), *sorted(rows.keys() - UNITS.keys())]:
        one, places = rows[name], np.array(rows[name].frames)
        reference, predicted = np.concatenate(one.reference), np.concatenate(one.predicted)
        kinds, formulas = np.array(groups)[places], np.array(compositions)[places]
        found.append(Comparison(name, reference, predicted, kinds, formulas, places))
    return found


def errors(comparisons: Sequence[Comparison]) -> list[ErrorRow]:
    """A row for each kind of frames and quantity, and for all frames, which come last."""
    found = []
    kinds = sorted({group for one in comparisons for group in one.groups})
    for group in [*(kinds if len(kinds) > 1 else []), ""]:
        for one in comparisons:
            rows = one.groups == group if group else np.ones(len(one.groups), dtype=bool)
            if rows.any():
                difference = MILLI * (one.predicted - one.reference)[rows]
                spread = MILLI * (one.constant - one.reference)[rows]
                found.append(
                    ErrorRow(
                        group,
                        one.name,
                        one.unit,
                        difference.size,
                        float(np.abs(difference).mean()),
                        float(np.sqrt(np.square(difference).mean())),
                        float(np.sqrt(np.square(spread).mean())),
                    )
                )
    return found


def _predict(source: Source, frames: Sequence[Frame]) -> Iterator[tuple[Frame, dict[str, np.ndarray]]]:
    """Each frame with the results for it alone."""
    for frame in frames:
        source.check(torch.from_numpy(frame.numbers), frame.where or "a frame")
    asked = {name for frame in frames for name in frame.labels}
    graph = batch([frame.graph(source.cutoff, source.dtype) for frame in frames]).to(source.device)
    model = source.model
    if asked & {"forces", "stress", "virial"} and getattr(model.config, "energy", True):
        model = Potential(model, bool(asked & {"stress", "virial"})).eval()
    results = model(graph)
    check_finite(results, graph, " and ".join({frames[0].where, frames[-1].where}) or "the frames")
    arrays = {name: value.double().cpu().numpy() for name, value in results.items()}
    ends = np.cumsum([len(frame.numbers) for frame in frames])
    for k, (frame, end) in enumerate(zip(frames, ends, strict=True)):
        start = end - len(frame.numbers)
        # Where a label belongs to atoms, so does the result.
        own = {name: value[start:end] if name in frame.atomic else value[k] for name, value in arrays.items()}
        yield frame, own


def _add(rows: _Rows, name: str, frame: Frame, predicted: np.ndarray, number: int) -> None:
    reference = np.asarray(frame.labels[name], dtype=np.float64)
    if reference.shape != predicted.shape:
        raise ValueError(
            f"{frame.where}: the label of {name} has shape {reference.shape}, the result of the model "
            f"{predicted.shape}"
        )
    lead = len(reference) if name in frame.atomic else 1
    scale = len(frame.numbers) if name in PER_ATOM else 1
    rows.reference.append(reference.reshape(lead, -1) / scale)
    rows.predicted.append(predicted.reshape(lead, -1) / scale)
    rows.frames += [number] * lead


def _composition(numbers: np.ndarray) -> str:
    found, counts = np.unique(numbers, return_counts=True)
    return "".join(f"{SYMBOLS[z]}{n if n > 1 else ''}" for z, n in zip(found, counts, strict=True))
