"""Errors of results against labels, as sums that can be added over batches and processes."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from cartesian.nn.data.dataset import Batch

PER_ATOM = "energy_per_atom"
"""The error of the energy divided by the number of atoms."""


class Errors:
    """Mean absolute errors and root mean square errors of several results.

    Args:
        names: Of the results; with the energy comes the energy per atom.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = [*names, *([PER_ATOM] if "energy" in names else [])]
        self.sums = torch.zeros(len(self.names), 3, dtype=torch.float64)

    def add(self, results: Mapping[str, Tensor], batch: Batch) -> None:
        """Count the errors of a batch; frames of weight zero are not counted."""
        for row, name in zip(self.sums, self.names, strict=True):
            source = "energy" if name == PER_ATOM else name
            if source not in batch.labels:
                continue
            wanted = batch.labels[source]
            errors = (results[source].detach().double() - wanted.reshape(results[source].shape)).cpu()
            weights = batch.weights[batch.graph.systems] if source in batch.atomic else batch.weights
            errors = errors.reshape(len(wanted), -1)[(weights != 0).cpu()]
            if name == PER_ATOM:
                errors = errors / batch.graph.count_systems().double().cpu()[(weights != 0).cpu(), None]
            known = errors[~torch.isnan(errors)]
            row += torch.stack([known.abs().sum(), known.square().sum(), known.new_tensor(len(known))])

    def found(self) -> dict[str, float]:
        """`name_mae` and `name_rmse` of every result, in eV, Å and e."""
        count = self.sums[:, 2].clamp(min=1)
        mae, rmse = self.sums[:, 0] / count, (self.sums[:, 1] / count).sqrt()
        found: dict[str, float] = {}
        for k, name in enumerate(self.names):
            found |= {f"{name}_mae": float(mae[k]), f"{name}_rmse": float(rmse[k])}
        return found
