"""Labels: where a file keeps the reference for a result of a model, in which unit, and in which form.

A label is looked up among what belongs to the frame (`atoms.info`, results of a calculator) and to its
atoms (`atoms.arrays`). Tensors stand in files as flat rows: 3 numbers are a vector, 9 a matrix, 27 a tensor
of rank 3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

from cartesian.nn.data.units import conversion
from cartesian.spec.symmetry import IndexSymmetry

PER_ATOM = ("forces", "energies", "charges", "direct_forces", "born_charges", "shielding")
"""Results that belong to atoms; any other belongs to what its key belongs to."""


@dataclass(frozen=True)
class Label:
    """Where a reference value stands.

    Attributes:
        name: The result of the model.
        key: Its name in the file; by default the same.
        unit: As in `units.parse`; by default eV, Å and e, or for results without a unit whatever it is.
        factor: Multiplies the values besides, such as -1 for a stress positive under pressure.
        voigt: Index symmetry of a tensor in Voigt form, such as "ij=ji" or "ijkl=jikl=klij"; the stress
            needs none.
        optional: Whether frames may lack it; they take no part in its loss.

    Raises:
        ValueError: If the unit is none, or one of another kind.
    """

    name: str
    key: str = ""
    unit: str = ""
    factor: float = 1.0
    voigt: str = ""
    optional: bool = False

    def __post_init__(self) -> None:
        if not self.key:
            object.__setattr__(self, "key", self.name)
        if self.unit:
            conversion(self.unit, self.name)

    def is_atomic(self, atoms: Any) -> bool:
        """Whether the values of a frame belong to its atoms."""
        return self.name in PER_ATOM or self.key in atoms.arrays

    def read(self, atoms: Any, where: str) -> np.ndarray | None:
        """The values of one frame in eV, Å and e; `None` if they are missing and optional.

        Args:
            atoms: Of ASE.
            where: The frame, for errors.

        Returns:
            `(3, ..., 3)`, or `(atoms, 3, ..., 3)`.

        Raises:
            ValueError: If the key is missing, or the values are no finite numbers of a fitting shape.
        """
        values = _lookup(atoms, self.key)
        if values is None:
            if self.optional:
                return None
            known = _keys(atoms)
            near = get_close_matches(self.key, known, 1)
            raise ValueError(
                f"{where} has no {self.key!r} for {self.name}{f'; is it {near[0]!r}?' if near else '.'} "
                f"It has {', '.join(known) or 'no labels'}. Name its key, or make the label optional"
            )
        try:
            array = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"{where}: {self.key!r} is {values!r}, no numbers for {self.name}") from None
        if not np.isfinite(array).all():
            place = np.argwhere(~np.isfinite(array))[0].tolist()
            raise ValueError(
                f"{where}: {self.key!r} is {array[tuple(place)]} at {place}; labels are finite numbers: "
                "remove the frame, or repair it"
            )
        tensors = self._tensors(array, len(atoms) if self.is_atomic(atoms) else None, where)
        return tensors * (self.factor * (conversion(self.unit, self.name) if self.unit else 1.0))

    def _tensors(self, array: np.ndarray, atoms: int | None, where: str) -> np.ndarray:
        """Values in full Cartesian form, with an axis of atoms if there are."""
        lead = () if atoms is None else (atoms,)
        if atoms is not None and (array.ndim == 0 or len(array) != atoms):
            raise ValueError(
                f"{where}: {self.key!r} has shape {array.shape}, where {self.name} has one row for each of "
                f"{atoms} atoms"
            )
        flat = array.reshape(*lead, -1)
        size = flat.shape[-1]
        voigt = self.voigt or ("ij=ji" if self.name in ("stress", "virial") and size == 6 else "")
        if voigt:
            return _from_voigt(flat, voigt, f"{where}: {self.key!r}")
        rank = round(np.log(max(size, 1)) / np.log(3))
        if 3**rank != size:
            raise ValueError(
                f"{where}: {self.key!r} has {size} numbers{' per atom' if lead else ''}, which make no "
                "tensor: 1, 3, 9, 27 … do, or a Voigt form, for which the label names the index "
                "symmetry, as in voigt: ij=ji"
            )
        return flat.reshape((*lead, *[3] * rank))


def parse_labels(labels: Mapping[str, str | Mapping[str, Any] | Label]) -> tuple[Label, ...]:
    """Labels from what a configuration says: a key for each result, or a mapping of fields.

    Examples:
        >>> parse_labels({"energy": "E_ref", "forces": {"unit": "Hartree/Bohr"}})[1].key
        'forces'
    """
    return tuple(
        label
        if isinstance(label, Label)
        else Label(name, label)
        if isinstance(label, str)
        else Label(**{"name": name, **label})
        for name, label in labels.items()
    )


def _lookup(atoms: Any, key: str) -> Any:
    results = {} if atoms.calc is None else atoms.calc.results
    for place in (atoms.info, atoms.arrays, results):
        if key in place:
            return place[key]
    return None


def _keys(atoms: Any) -> Sequence[str]:
    results = {} if atoms.calc is None else atoms.calc.results
    arrays = [key for key in atoms.arrays if key not in ("numbers", "positions")]
    return sorted({*results, *atoms.info, *arrays})


def _from_voigt(flat: np.ndarray, formula: str, where: str) -> np.ndarray:
    from cartesian.ops.voigt import from_voigt, to_voigt

    symmetry = IndexSymmetry.parse(formula)
    shape = to_voigt(np.zeros([3] * symmetry.rank), symmetry).shape
    if np.prod(shape) != flat.shape[-1]:
        raise ValueError(
            f"{where} has {flat.shape[-1]} numbers, where the Voigt form of {formula!r} has {shape}"
        )
    tensors: np.ndarray = from_voigt(flat.reshape(*flat.shape[:-1], *shape), symmetry)
    return tensors
