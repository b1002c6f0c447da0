r"""The spread of a label over a training set, and what the elements alone tell about it.

With $n_z$ atoms of each element, a label of a structure is written as $T = \sum_z n_z T_z + \Delta$, where
the tensors $T_z$ make $\sum \Delta^2$ smallest (and among equals are the smallest). A label of an atom is the
case of one atom: there $T_z$ is the mean over the atoms of its element.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from cartesian.nn.elements import SYMBOLS


@dataclass(frozen=True)
class Spread:
    r"""Of one label, over all its components.

    Attributes:
        mean: Of each component, flat; of labels of atoms over all atoms.
        rms: Root of the mean square of a component.
        deviation: The same about the mean of each component.
        count: Number of rows.
        parts: $T_z$ by symbol, flat.
        rest: Root of the mean square of a component of $\Delta$.
        is_atomic: Whether it belongs to atoms.
    """

    mean: tuple[float, ...]
    rms: float
    deviation: float
    count: int
    parts: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    rest: float = 0.0
    is_atomic: bool = False


class Sums:
    """Sums over rows, from which a spread is made."""

    def __init__(self) -> None:
        self.count = 0
        self.first: Tensor | float = 0.0
        self.second: Tensor | float = 0.0
        self.origin: Tensor | None = None
        self.pairs: Tensor | float = 0.0
        self.products: Tensor | float = 0.0
        self.squares = 0.0
        self.is_atomic = False

    def add(self, values: Tensor, numbers: Tensor, is_atomic: bool) -> None:
        """Take a label `(rows, ...)` of a structure with the given atomic numbers, or of its atoms."""
        rows = values.reshape(len(values), -1)
        if self.origin is None:
            # Sums about a typical value: energies of 10⁴ eV that differ by meV keep their digits.
            self.origin = rows.mean(0)
        self.count, self.is_atomic = self.count + len(rows), is_atomic
        self.first = self.first + (rows - self.origin).sum(0)
        self.second = self.second + (rows - self.origin).square().sum(0)
        atoms = torch.nn.functional.one_hot(numbers, len(SYMBOLS)).double()
        counts = atoms if is_atomic else atoms.sum(0, keepdim=True)
        self.pairs = self.pairs + counts.mT @ counts
        self.products = self.products + counts.mT @ rows
        self.squares += float(rows.square().sum())

    def spread(self) -> Spread:
        """What was taken, as a value."""
        assert self.origin is not None
        offset = torch.as_tensor(self.first) / max(self.count, 1)
        variance = (torch.as_tensor(self.second) / max(self.count, 1) - offset.square()).clamp(min=0)
        mean = self.origin + offset
        rms = float((variance + mean.square()).mean().sqrt())
        parts, rest = self._parts()
        deviation = float(variance.mean().sqrt())
        return Spread(tuple(mean.tolist()), rms, deviation, self.count, parts, rest, self.is_atomic)

    def _parts(self) -> tuple[dict[str, tuple[float, ...]], float]:
        pairs, products = torch.as_tensor(self.pairs).numpy(), torch.as_tensor(self.products).numpy()
        present = np.flatnonzero(pairs.diagonal())
        parts = (
            np.linalg.pinv(pairs[np.ix_(present, present)], rcond=1e-12, hermitian=True) @ products[present]
        )
        rest = max(self.squares - float((parts * products[present]).sum()), 0.0)
        size = max(self.count * products.shape[1], 1)
        found = {SYMBOLS[z]: tuple(row.tolist()) for z, row in zip(present, parts, strict=True)}
        return found, (rest / size) ** 0.5
