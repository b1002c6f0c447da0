r"""Errors of a potential on labelled structures, beside those of predictors that know less.

With $y_k$ the components of all references of one kind and $\hat y_k$ those of the predictions,

$$\mathrm{MAE} = \frac1n \sum_k |\hat y_k - y_k|, \qquad
  \mathrm{RMSE} = \Bigl(\frac1n \sum_k (\hat y_k - y_k)^2\Bigr)^{1/2} .$$

Energies and virials are divided by the number of atoms. What the constant predictor says is written in
`constant`, and which part of a tensor turns in `directions`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cartesian.nn.calculators.source import Source
from cartesian.nn.data.frames import Frame
from cartesian.nn.elements import SYMBOLS
from cartesian.nn.heads.outputs import DERIVED
from cartesian.nn.report.constant import Constant
from cartesian.nn.report.directions import turning
from cartesian.nn.report.prediction import predict
from cartesian.nn.report.units import PER_ATOM, UNITS, shown


@dataclass(eq=False)
class Comparison:
    """References and predictions of one quantity, row by row.

    Attributes:
        name, unit: Of the result; the unit in which it is compared.
        reference, predicted: `(rows, components)`; energies per atom.
        constant: Likewise, of the constant predictor; not a number where it is unknown.
        groups: `(rows,)`, what kind of frame a row comes from.
        compositions: `(rows,)`, the formula of its structure.
        frames: `(rows,)`, the number of its frame.
    """

    name: str
    unit: str
    reference: np.ndarray
    predicted: np.ndarray
    constant: np.ndarray
    groups: np.ndarray
    compositions: np.ndarray
    frames: np.ndarray


@dataclass(frozen=True)
class ErrorRow:
    """Errors of one quantity on one kind of frames.

    Attributes:
        group: The kind; empty for all frames.
        name, unit: The quantity, and the unit of the errors.
        count: Number of components compared.
        rmse, mae: Of the model.
        constant: Root mean square error of the constant predictor, where it is known.
        turning: Root mean square error of the model in the part that turns with the structure, of tensors
            that do not follow from the energy.
        blind: Root mean square of that part of the reference: whoever ignores directions does no better.
    """

    group: str
    name: str
    unit: str
    count: int
    rmse: float
    mae: float
    constant: float | None = None
    turning: float | None = None
    blind: float | None = None

    @property
    def factor(self) -> float | None:
        """How many times smaller the error of the model is than that of the constant predictor."""
        if self.constant is None:
            return None
        return self.constant / self.rmse if self.rmse else np.inf


@dataclass
class _Rows:
    reference: list[np.ndarray] = field(default_factory=list)
    predicted: list[np.ndarray] = field(default_factory=list)
    constant: list[np.ndarray] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)

    def add(self, name: str, frame: Frame, predicted: np.ndarray, constant: Constant, number: int) -> None:
        """Take what is said of one frame."""
        reference = np.asarray(frame.labels[name], dtype=np.float64)
        if reference.shape != predicted.shape:
            raise ValueError(
                f"{frame.where}: the label of {name} has shape {reference.shape}, the result of the model "
                f"{predicted.shape}"
            )
        lead = len(reference) if name in frame.atomic else 1
        scale = len(frame.numbers) if name in PER_ATOM else 1
        self.reference.append(reference.reshape(lead, -1) / scale)
        self.predicted.append(predicted.reshape(lead, -1) / scale)
        self.constant.append(constant.predict(name, frame) / scale)
        self.frames += [number] * lead


def compare(
    source: Source,
    frames: Sequence[Frame],
    size: int = 16,
    constant: Constant | None = None,
    units: Mapping[str, str] | None = None,
) -> list[Comparison]:
    """Predict what the labels of frames say.

    Args:
        source: The model, from `open_model`.
        frames: With labels; every quantity that a frame and the model have is compared.
        size: Number of frames in a batch.
        constant: The constant predictor of the training set; by default it is unknown.
        units: In which results are compared, by name; by default those of `units.shown`.

    Returns:
        One comparison for each quantity.

    Raises:
        ValueError: If no frame has a label for a result of the model, a label has another shape than the
            result, or a result is not finite.
    """
    rows: dict[str, _Rows] = {}
    constant = constant or Constant({})
    groups: list[str] = []
    compositions: list[str] = []
    for start in range(0, len(frames), size):
        part = frames[start : start + size]
        asked = {name for frame in part for name in frame.labels}
        pairs = zip(part, predict(source, part, asked), strict=True)
        for k, (frame, results) in enumerate(pairs, len(groups)):
            for name in frame.labels.keys() & results.keys():
                rows.setdefault(name, _Rows()).add(name, frame, results[name].numpy(), constant, k)
        groups += [frame.group for frame in part]
        compositions += [_composition(frame.numbers) for frame in part]
    if not rows:
        raise ValueError("there is nothing to compare: no frame has a label for a result of the model")
    found = []
    for name in [*(name for name in UNITS if name in rows), *sorted(rows.keys() - UNITS.keys())]:
        one, places = rows[name], np.array(rows[name].frames)
        unit, factor = shown(name, (units or {}).get(name, ""))
        reference, predicted, said = (
            factor * np.concatenate(part) for part in (one.reference, one.predicted, one.constant)
        )
        kinds, formulas = np.array(groups)[places], np.array(compositions)[places]
        found.append(Comparison(name, unit, reference, predicted, said, kinds, formulas, places))
    return found


def mean(members: Sequence[Sequence[Comparison]]) -> list[Comparison]:
    r"""What several models say together: the mean of their predictions of the same labels.

    Of errors $e_{ik}$ of model $i$ at component $k$, with mean $\bar e_k$ and variance $s_k^2$ over models,

    $$\frac1m \sum_k \bar e_k^2 = \frac1n \sum_i \mathrm{RMSE}_i^2 - \frac1m \sum_k s_k^2:$$

    the more the models differ where they are equally good, the better they are together.

    Args:
        members: The comparisons of each model, from `compare`.

    Returns:
        One comparison for each quantity that all models have, constant predictors those of the first.

    Raises:
        ValueError: If models were compared with different labels or in different units, or have nothing in
            common.
    """
    if not members:
        raise ValueError("a mean is one of several models, and there are none")
    first, *others = ({one.name: one for one in found} for found in members)
    joint = []
    for name, one in first.items():
        if all(name in found for found in others):
            same = [one, *(found[name] for found in others)]
            for other in same:
                if other.unit != one.unit or not np.array_equal(other.reference, one.reference):
                    raise ValueError(
                        f"a mean of models needs the same references for each; those of {name} differ: "
                        "give the same frames, and the same key and unit for every model"
                    )
            joint.append(replace(one, predicted=np.mean([other.predicted for other in same], axis=0)))
    if not joint:
        told = "; ".join(", ".join(one.name for one in found) for found in members)
        raise ValueError(f"there is no result that all models were compared by: they have {told}")
    return joint


def errors(comparisons: Sequence[Comparison]) -> list[ErrorRow]:
    """A row for each kind of frames and quantity, and for all frames, which come last."""
    found = []
    kinds = sorted({group for one in comparisons for group in one.groups})
    for group in [*(kinds if len(kinds) > 1 else []), ""]:
        for one in comparisons:
            rows = one.groups == group if group else np.ones(len(one.groups), dtype=bool)
            if rows.any():
                found.append(_errors(group, one, rows))
    return found


def _errors(group: str, one: Comparison, rows: np.ndarray) -> ErrorRow:
    reference, difference = one.reference[rows], (one.predicted - one.reference)[rows]
    constant = _rms(one.constant[rows] - reference)
    turns = one.name not in DERIVED and reference.shape[1] > 1
    return ErrorRow(
        group,
        one.name,
        one.unit,
        difference.size,
        _rms(difference),
        float(np.abs(difference).mean()),
        None if np.isnan(constant) else constant,
        _rms(turning(difference)) if turns else None,
        _rms(turning(reference)) if turns else None,
    )


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.square(values).mean()))


def _composition(numbers: np.ndarray) -> str:
    found, counts = np.unique(numbers, return_counts=True)
    return "".join(f"{SYMBOLS[z]}{n if n > 1 else ''}" for z, n in zip(found, counts, strict=True))
