"""The loss and the errors of a model on a data set."""

from collections.abc import Callable

import torch
from torch import nn

from cartesian.nn.data.dataset import Dataset
from cartesian.nn.data.loading import batches, split_batches
from cartesian.nn.train.config import DataConfig
from cartesian.nn.train.errors import Errors
from cartesian.nn.train.loss import Loss, Terms
from cartesian.nn.train.processes import Processes


def validate(
    model: nn.Module,
    dataset: Dataset,
    loss: Loss,
    data: DataConfig,
    here: Processes,
    between: Callable[[], None] = lambda: None,
) -> tuple[float, dict[str, float]]:
    """Measure a model; weights of the loss are those at the end of the run.

    Args:
        model: With all results of the loss.
        dataset: On which.
        loss: Which, and of which results.
        data: How many frames a batch has, and how many processes make them.
        here: This process; each has its part of every batch.
        between: Called after every batch.

    Returns:
        The loss, and `name_mae` and `name_rmse` of every result.
    """
    model.eval()
    errors = Errors(list(loss.weights))
    sums = torch.zeros(2, len(loss.weights), dtype=torch.float64)
    parts = split_batches(range(len(dataset)), data.batch)
    with torch.no_grad():
        for batch in batches(dataset, parts, here.rank, here.world, data.workers):
            moved = batch.to(here.device)
            results = model(moved.graph)
            sums += torch.stack(loss.terms(results, moved)).cpu()
            errors.add(results, moved)
            between()
    sums = here.sum(sums.to(here.device)).cpu()
    errors.sums = here.sum(errors.sums.to(here.device)).cpu()
    return float(loss.total(Terms(*sums), rate=0.0)), errors.found()
