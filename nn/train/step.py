"""One step: the gradient of the loss of a batch, and the optimisers."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from cartesian.nn.data.dataset import Batch
from cartesian.nn.train.config import TrainConfig
from cartesian.nn.train.loss import Loss, Terms
from cartesian.nn.train.optimizers import make_optimizers, set_rate


class NotFiniteError(Exception):
    """The loss or its gradient is no number, in every process; the weights are as before."""


class Step:
    """Takes steps.

    Args:
        model: Whose parameters are trained.
        gradient: Leaves the gradient of a batch in the parameters, as `Gradient` does.
        loss: Of a batch.
        config: The optimiser, and the largest norm of the gradient.
    """

    def __init__(
        self, model: nn.Module, gradient: Callable[[Batch, float], Terms], loss: Loss, config: TrainConfig
    ) -> None:
        self._gradient, self._loss = gradient, loss
        self._parameters = list(model.parameters())
        self.optimizers = make_optimizers(model, config.optimizer)
        self._rate, self._clip = config.optimizer.rate, math.inf if config.clip is None else config.clip

    def __call__(self, batch: Batch, factor: float) -> Tensor:
        """Take a step.

        Args:
            batch: The part of this process.
            factor: Of the learning rate.

        Returns:
            `(2, results)`, the `Terms` of the whole batch, on the CPU.

        Raises:
            NotFiniteError: Before the weights change.
        """
        set_rate(self.optimizers, factor * self._rate)
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        terms = self._gradient(batch, factor)
        value = float(self._loss.total(terms, factor))
        if not math.isfinite(value):
            raise NotFiniteError(f"the loss is {value}")
        norm = nn.utils.clip_grad_norm_([p for p in self._parameters if p.grad is not None], self._clip)
        if not math.isfinite(norm):
            raise NotFiniteError(f"the norm of the gradient is {float(norm)}")
        for optimizer in self.optimizers:
            optimizer.step()
        return torch.stack(terms).cpu()
