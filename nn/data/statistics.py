r"""Statistics of a training set: energies of the elements, scales, neighbours.

The energy of a frame with $n_z$ atoms of each element is written as $E = \sum_z n_z E^0_z + \Delta$.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
from torch import Tensor

from cartesian.nn.data.dataset import Sample
from cartesian.nn.data.spread import Spread, Sums
from cartesian.nn.elements import SYMBOLS, element_values
from cartesian.nn.graph import Graph
from cartesian.nn.heads.forces import Potential
from cartesian.nn.heads.repulsion import ZBL


class Samples(Protocol):
    """A `Dataset`, or what can stand for one."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Sample: ...


Reference = Literal["least squares", "isolated atoms", "none"] | Mapping[str | int, float]


@dataclass(frozen=True)
class Statistics:
    r"""What a training set tells about the scales of a model.

    Attributes:
        elements: Symbols, by atomic number.
        frames, atoms: Their numbers.
        composition: Mean number of atoms of each element in a frame.
        neighbors: Mean number of neighbours of an atom within the cutoff.
        isolated: $E^0$ of each element, in eV.
        shift: Mean of $\Delta$ per atom, in eV.
        scale: Root mean square of the forces, in eV/Å, or without forces the deviation of $\Delta$ per atom,
            in eV.
        labels: Spread of every label. The parts of the energy are $E^0_z$ and the shift, those of the forces
            zero.
    """

    elements: tuple[str, ...]
    frames: int
    atoms: int
    neighbors: float
    composition: Mapping[str, float]
    isolated: Mapping[str, float]
    shift: float
    scale: float
    labels: Mapping[str, Spread]


def statistics(
    dataset: Samples,
    reference: Reference = "least squares",
    fixed: Mapping[str, float] | None = None,
    repulsion: ZBL | None = None,
) -> Statistics:
    r"""Statistics of a data set, in one pass, or in two with a repulsion.

    Args:
        dataset: Usually of the training set.
        reference: Where $E^0_z$ come from: "least squares" makes $\sum \Delta^2 / n^2$ smallest (and among
            equals takes the smallest energies), "isolated atoms" takes frames of one atom, a mapping gives
            them in eV, "none" is zero.
        fixed: Energies of some elements, in eV, that are known; only the others are looked for.
        repulsion: What the model adds by itself: `isolated`, `shift` and `scale` are those of the rest. All
            else is that of the labels as they are.

    Raises:
        ValueError: If there are no frames, an isolated atom is missing, or energies of one element differ.
    """
    if repulsion is not None:
        whole = statistics(dataset, reference, fixed)
        rest = statistics(Remainders(dataset, repulsion), reference, fixed)
        return replace(whole, isolated=rest.isolated, shift=rest.shift, scale=rest.scale)
    if not len(dataset):
        raise ValueError("a data set without frames has no statistics")
    numbers: list[np.ndarray] = []
    energies: list[float] = []
    edges = 0
    sums: dict[str, Sums] = {}
    for index in range(len(dataset)):
        sample = dataset[index]
        edges += len(sample.graph.senders)
        numbers.append(sample.graph.atomic_numbers.numpy())
        energies.append(float(sample.labels["energy"]) if "energy" in sample.labels else np.nan)
        for name, values in sample.labels.items():
            is_atomic = name in sample.atomic
            sums.setdefault(name, Sums()).add(values, sample.graph.atomic_numbers, is_atomic)
    present = np.unique(np.concatenate(numbers)) if numbers else np.array([], dtype=int)
    counts = np.array([(row[:, None] == present).sum(0) for row in numbers], dtype=float)
    symbols = tuple(SYMBOLS[number] for number in present)
    isolated = reference_energies(counts, np.array(energies), symbols, reference, fixed)
    totals = counts.sum(1)
    known = np.isfinite(energies) & (totals > 0)
    rest = (np.array(energies) - counts @ [isolated[s] for s in symbols])[known] / totals[known]
    spreads = {name: found.spread() for name, found in sums.items()}
    shift = float(rest.mean()) if known.any() else 0.0
    if known.any():
        parts = {symbol: (isolated[symbol] + shift,) for symbol in symbols}
        deviation = float(np.sqrt(np.mean(((rest - shift) * totals[known]) ** 2)))
        spreads["energy"] = replace(spreads["energy"], parts=parts, rest=deviation)
    if "forces" in spreads:
        zeros = dict.fromkeys(symbols, (0.0, 0.0, 0.0))
        spreads["forces"] = replace(spreads["forces"], parts=zeros, rest=spreads["forces"].rms)
    scale = spreads["forces"].rms if "forces" in spreads else float(rest.std()) if known.any() else 1.0
    return Statistics(
        elements=symbols,
        frames=len(dataset),
        atoms=int(totals.sum()),
        neighbors=edges / max(totals.sum(), 1),
        composition=dict(zip(symbols, counts.mean(0).tolist(), strict=True)),
        isolated=isolated,
        shift=shift,
        scale=scale if scale > 0 else 1.0,
        labels=spreads,
    )


class Remainders:
    """Samples without what a repulsion tells of their energies and forces."""

    def __init__(self, samples: Samples, repulsion: ZBL) -> None:
        def energies(graph: Graph) -> dict[str, Tensor]:
            return {"energy": graph.sum_systems(repulsion(graph))}

        self.samples, self.repulsion = samples, Potential(energies, stress=False).eval()

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        sample = self.samples[index]
        known = self.repulsion(sample.graph)
        labels = {
            name: values - known[name].double() if name in known else values
            for name, values in sample.labels.items()
        }
        return sample._replace(labels=labels)


def reference_energies(
    counts: np.ndarray,
    energies: np.ndarray,
    symbols: Sequence[str],
    reference: Reference,
    fixed: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """The energy of each element.

    Args:
        counts: `(frames, elements)`, number of atoms.
        energies: `(frames,)`, in eV; not a number where unknown.
        symbols: Of the elements.
        reference, fixed: As in `statistics`.
    """
    if fixed:
        is_free = np.array([symbol not in fixed for symbol in symbols])
        free = [symbol for symbol in symbols if symbol not in fixed]
        told = counts[:, is_free].any(1)
        rest = energies - counts[:, ~is_free] @ [fixed[symbol] for symbol in symbols if symbol in fixed]
        found = reference_energies(counts[told][:, is_free], rest[told], free, reference) if free else {}
        return {symbol: found.get(symbol, fixed.get(symbol, 0.0)) for symbol in symbols}
    if isinstance(reference, Mapping):
        return dict(zip(symbols, element_values(reference, symbols, "reference energies"), strict=True))
    known = np.isfinite(energies) & (counts.sum(1) > 0)
    if reference == "none" or not known.any():
        return dict.fromkeys(symbols, 0.0)
    counts, energies = counts[known], energies[known]
    totals = counts.sum(1)
    if reference == "least squares":
        found = np.linalg.lstsq(counts / totals[:, None], energies / totals, rcond=None)[0]
        return {symbol: float(value) for symbol, value in zip(symbols, found, strict=True)}
    if reference != "isolated atoms":
        raise ValueError(
            f"reference energies are 'least squares', 'isolated atoms', 'none' or a mapping such as "
            f"{{'H': -13.6}}, not {reference!r}"
        )
    alone: dict[str, float] = {}
    for row, energy in zip(counts[totals == 1], energies[totals == 1], strict=True):
        symbol = symbols[int(row.argmax())]
        if abs(alone.setdefault(symbol, float(energy)) - energy) > 1e-3:
            raise ValueError(f"isolated atoms of {symbol} have energies {alone[symbol]} and {energy} eV")
    missing = [symbol for symbol in symbols if symbol not in alone]
    if missing:
        raise ValueError(
            f"no frame is an isolated atom of {', '.join(missing)}: add one for each element, give the "
            "energies by hand, or take 'least squares'"
        )
    return alone
