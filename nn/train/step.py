"""One step: the gradient of the loss of a batch, shared among all processes, and the optimisers."""

import math

import torch
from torch import Tensor, nn

from cartesian.nn.data.dataset import Batch
from cartesian.nn.train.config import TrainConfig
from cartesian.nn.train.loss import Loss, Terms
from cartesian.nn.train.optimizers import make_optimizers, set_rate
from cartesian.nn.train.processes import Processes


class NotFiniteError(Exception):
    """The loss or its gradient is no number, in every process; the weights are as before."""


class Step:
    """Takes steps.

    Args:
        model: Whose parameters are trained.
        potential: With all results of the loss.
        loss: Of a batch.
        config: The optimiser, and the largest norm of the gradient.
        here: This process.
    """

    def __init__(
        self, model: nn.Module, potential: nn.Module, loss: Loss, config: TrainConfig, here: Processes
    ) -> None:
        self.potential, self.loss, self.here = here.wrap(potential), loss, here
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
        terms = self.loss.terms(self.potential(batch.graph), batch)
        # Sums over all processes: the loss is that of the whole batch, and all see when it is no number.
        whole = self.here.sum(torch.stack([terms.sums.detach(), terms.counts]))
        value = float(self.loss.total(Terms(*whole), factor))
        if not math.isfinite(value):
            raise NotFiniteError(f"the loss is {value}")
        # Gradients are averaged over the processes, and each has a part of the sum.
        share = self.loss.total(Terms(terms.sums, whole[1]), factor) * self.here.world
        share.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_([p for p in self._parameters if p.grad is not None], self._clip)
        if not math.isfinite(norm):
            raise NotFiniteError(f"the norm of the gradient is {float(norm)}")
        for optimizer in self.optimizers:
            optimizer.step()
        return whole.cpu()
