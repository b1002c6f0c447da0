"""Frames: structures with their labels, read from files and written to extended XYZ."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch

from cartesian.nn.data.batching import to_graph
from cartesian.nn.data.cache import NeighborCache
from cartesian.nn.data.labels import Label, parse_labels
from cartesian.nn.data.sources import Source, open_source
from cartesian.nn.graph import Graph

_ATTRIBUTE = re.compile("charge|spin|multiplicity")


@dataclass(frozen=True, eq=False)
class Frame:
    """A structure and what is known about it.

    Attributes:
        positions: `(atoms, 3)`, in Å.
        numbers: `(atoms,)`, atomic numbers.
        cell: `(3, 3)`, rows are lattice vectors in Å; zeros where there are none.
        periodic: `(3,)`, the directions that repeat.
        labels: Values by result, in eV, Å and e, in full Cartesian form; those that are missing are left out.
        atomic: Names of those labels that belong to atoms.
        charge: In elementary charges; or another number of the whole structure that models are told.
        weight: Of the frame in the loss.
        group: What the file calls the kind of the frame (`config_type`).
        where: The file and the number of the frame.
        attributes: What the file says of charge and spin of the whole structure, by its keys.
    """

    positions: np.ndarray
    numbers: np.ndarray
    cell: np.ndarray
    periodic: np.ndarray
    labels: Mapping[str, np.ndarray] = field(default_factory=dict)
    atomic: frozenset[str] = frozenset()
    charge: float = 0.0
    weight: float = 1.0
    group: str = ""
    where: str = ""
    attributes: Mapping[str, float] = field(default_factory=dict)

    def graph(
        self, cutoff: float, dtype: torch.dtype | None = None, cache: NeighborCache | None = None
    ) -> Graph:
        """The graph of the structure, with neighbours from a cache if there is one; errors name the frame."""
        name = self.where or None
        edges = None
        if cache is not None:
            edges = cache.neighbors(self.positions, cutoff, self.cell, self.periodic, name)
        return to_graph(
            self.positions,
            self.numbers,
            cutoff,
            self.cell,
            self.periodic,
            self.charge,
            name=name,
            edges=edges,
            dtype=dtype,
        )


class Frames(Sequence[Frame]):
    """The frames of one or several files, one after the other, each read when it is asked for.

    Args:
        paths: Of the files.
        labels: What to read; see `parse_labels`.
        charge: Key of the total charge; by default all are neutral.
        weight: Key of the weight of a frame; by default 1.
        group: Key of the kind of a frame, which need not be there.

    Raises:
        FileNotFoundError, ValueError: As `open_source`; when a frame is taken, if it is broken or lacks a
            label.
    """

    def __init__(
        self,
        paths: str | Path | Sequence[str | Path],
        labels: Mapping[str, str | Mapping[str, Any] | Label] | Sequence[Label] = (),
        *,
        charge: str | None = None,
        weight: str | None = None,
        group: str = "config_type",
    ) -> None:
        paths = [paths] if isinstance(paths, (str, Path)) else paths
        self.sources: list[Source] = [open_source(path) for path in paths]
        self.labels = parse_labels(labels) if isinstance(labels, Mapping) else tuple(labels)
        self.charge, self.weight, self.group = charge, weight, group
        self._ends = np.cumsum([len(source) for source in self.sources])

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    @overload
    def __getitem__(self, index: int) -> Frame: ...

    @overload
    def __getitem__(self, index: slice) -> list[Frame]: ...

    def __getitem__(self, index: int | slice) -> Frame | list[Frame]:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        return self.frame(*self.atoms(index))

    def atoms(self, index: int) -> tuple[Any, str]:
        """All that a file says of a frame, as `ase.Atoms`, and which frame it is, for errors."""
        index = index + len(self) if index < 0 else index
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of {len(self)}")
        part = int(np.searchsorted(self._ends, index, side="right"))
        source = self.sources[part]
        number = index - int(self._ends[part]) + len(source)
        return source.atoms(number), f"frame {number} of {source.path}"

    def frame(self, atoms: Any, where: str) -> Frame:
        """The frame that `atoms` gives."""
        read = {label.name: label.read(atoms, where) for label in self.labels}
        atomic = {label.name for label in self.labels if label.is_atomic(atoms)}
        return Frame(
            positions=_positions(atoms, where),
            numbers=atoms.numbers,
            cell=np.asarray(atoms.cell, dtype=np.float64),
            periodic=np.asarray(atoms.pbc),
            labels={name: values for name, values in read.items() if values is not None},
            atomic=frozenset(atomic),
            charge=_number(atoms, self.charge, 0.0, where),
            weight=_number(atoms, self.weight, 1.0, where),
            group=str(atoms.info.get(self.group, "")),
            where=where,
            attributes=_attributes(atoms.info),
        )


def write_frames(path: str | Path, frames: Iterable[Frame]) -> None:
    """Write frames as extended XYZ, with labels by their names in eV, Å and e, tensors as flat rows."""
    from ase import Atoms
    from ase.calculators.calculator import all_properties
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.io import write

    converted = []
    for frame in frames:
        atoms = Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=frame.periodic)
        results = {}
        for name, values in frame.labels.items():
            if name in all_properties:
                results[name] = _voigt(values) if name == "stress" else values
            elif name in frame.atomic:
                atoms.arrays[name] = values.reshape(len(atoms), -1)
            else:
                atoms.info[name] = values.reshape(-1) if values.ndim else float(values)
        atoms.info |= {"config_type": frame.group} if frame.group else {}
        atoms.info |= {"total_charge": frame.charge} if frame.charge else {}
        atoms.info |= {"source": frame.where} if frame.where else {}
        atoms.calc = SinglePointCalculator(atoms, **results)  # type: ignore[no-untyped-call]
        converted.append(atoms)
    write(path, converted, format="extxyz")


def _positions(atoms: Any, where: str) -> np.ndarray:
    positions = np.asarray(atoms.positions, dtype=np.float64)
    if not np.isfinite(positions).all():
        atom = int((~np.isfinite(positions)).any(1).argmax())
        raise ValueError(
            f"{where}: atom {atom} is at {positions[atom].tolist()}; positions are finite numbers"
        )
    if not (atoms.numbers > 0).all():
        raise ValueError(f"{where}: atom {int((atoms.numbers == 0).argmax())} is of no element")
    return positions


def _attributes(info: Mapping[str, Any]) -> dict[str, float]:
    known = {name: value for name, value in info.items() if _ATTRIBUTE.search(name.lower())}
    return {name: float(value) for name, value in known.items() if isinstance(value, Real)}


def _number(atoms: Any, key: str | None, default: float, where: str) -> float:
    if key is None:
        return default
    value = Label(key).read(atoms, where)
    if value is None or value.ndim:
        raise ValueError(f"{where}: {key!r} is not one number")
    return float(value)


def _voigt(stress: np.ndarray) -> np.ndarray:
    return stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
