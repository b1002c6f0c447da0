"""The gradient of the loss of a batch, shared among all processes."""

import torch
from torch import nn

from cartesian.nn.data.dataset import Batch
from cartesian.nn.train.loss import Loss, Terms
from cartesian.nn.train.processes import Processes


class Gradient:
    """Computes gradients, operation by operation.

    Args:
        potential: With all results of the loss.
        loss: Of a batch.
        here: This process.
    """

    def __init__(self, potential: nn.Module, loss: Loss, here: Processes) -> None:
        self._potential, self._loss, self._here = here.wrap(potential), loss, here

    def __call__(self, batch: Batch, factor: float) -> Terms:
        """Leave the gradient in the parameters, where there was none.

        Args:
            batch: The part of this process.
            factor: Of the learning rate.

        Returns:
            The terms of the whole batch.
        """
        terms = self._loss.terms(self._potential(batch.graph), batch)
        # Sums over all processes: the loss is that of the whole batch, and all see when it is no number.
        whole = Terms(*self._here.sum(torch.stack([terms.sums.detach(), terms.counts])))
        # Gradients are averaged over the processes, and each has a part of the sum.
        share = self._loss.total(Terms(terms.sums, whole.counts), factor) * self._here.world
        share.backward()  # type: ignore[no-untyped-call]
        return whole
