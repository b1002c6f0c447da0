r"""Losses, in the conventions of the papers, which differ by large factors.

With errors $\Delta$, $N_b$ atoms in system $b$ and weights $\lambda$, a loss is a sum over results of

$$\lambda_x\, R_b\, \rho\!\left( \Delta x_b / N_b^{p/2} \right), \qquad \rho(\Delta) = \Delta^2,$$

where $R$ is the mean over components, or their sum in the batch. What belongs to atoms, and what is intensive
(the stress, means over atoms), is not divided. With a width $\delta$, $\rho$ is Huber's:
$\delta (2 |\Delta| - \delta)$ beyond it.

| name | $p$ | $R$ | used by |
| --- | --- | --- | --- |
| `L_A` | 0 | mean | MACE |
| `L_B` | 1 | mean | BOTNet, "weighted" |
| `L_C` | 1 | sum | ICTP |
| `L_D` | 2 | mean | HotPP |
| `L_E` | 0 | sum | REANN, with a weight of forces that falls with the learning rate |
| `L_F` | 0 | mean | TensorNet |

A smoothing $\alpha$ of the energy term, as in the code of TensorNet, multiplies its gradient by $\alpha$,
and so does a weight.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from cartesian.nn.data.dataset import Batch


class Convention(NamedTuple):
    """$p$, and whether $R$ is a mean."""

    power: int
    mean: bool


CONVENTIONS = {
    "L_A": Convention(0, True),
    "L_B": Convention(1, True),
    "L_C": Convention(1, False),
    "L_D": Convention(2, True),
    "L_E": Convention(0, False),
    "L_F": Convention(0, True),
}

Weight = float | tuple[float, float]


class Terms(NamedTuple):
    """Sums of one batch, `(results,)` each, float64: of losses, and of the components they are means over."""

    sums: Tensor
    counts: Tensor


@dataclass(frozen=True)
class Loss:
    r"""A loss of several results.

    Attributes:
        weights: $\lambda$ of each result; a pair is its value at the start and, in proportion to the
            learning rate, at the rate zero.
        convention: A name of `CONVENTIONS`.
        huber: $\delta$ of some results, in the unit of $\Delta x_b / N_b^{p/2}$.
        intensive: Results that are not divided by the number of atoms.

    Raises:
        ValueError: If there is no such convention, no weight, or a width for a result without a weight.
    """

    weights: Mapping[str, Weight]
    convention: str = "L_D"
    huber: Mapping[str, float] | None = None
    intensive: frozenset[str] = frozenset({"stress"})

    def __post_init__(self) -> None:
        if self.convention not in CONVENTIONS:
            raise ValueError(f"no loss is called {self.convention!r}: there are {', '.join(CONVENTIONS)}")
        if not self.weights:
            raise ValueError("a loss has a weight for at least one result, such as energy: 1")
        stray = [name for name in self.huber or {} if name not in self.weights]
        if stray:
            raise ValueError(f"a Huber width for {', '.join(stray)}, which have no weight in the loss")

    def terms(self, results: Mapping[str, Tensor], batch: Batch) -> Terms:
        """Sums over a batch, which can be added over batches and processes."""
        return Terms(self.sums(results, batch), self.counts(batch))

    def total(self, terms: Terms, rate: float = 1.0) -> Tensor:
        """The loss.

        Args:
            terms: Of a batch, or added over several.
            rate: Learning rate over that at the start.
        """
        return (terms.sums * self.factors(terms.counts, rate)).sum()

    def factors(self, counts: Tensor, rate: float = 1.0) -> Tensor:
        """By which sums are multiplied, `(results,)`; arguments as in `total`."""
        weights = counts.new_tensor([_at(weight, rate) for weight in self.weights.values()])
        return weights / counts.clamp(min=1) if CONVENTIONS[self.convention].mean else weights

    def sums(self, results: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """The sums of `terms`."""
        return torch.stack([self._sum(name, results[name], batch) for name in self.weights])

    def counts(self, batch: Batch) -> Tensor:
        """The counts of `terms`, which depend on the labels alone."""
        return torch.stack([self._count(name, batch) for name in self.weights])

    def _sum(self, name: str, result: Tensor, batch: Batch) -> Tensor:
        wanted = batch.labels.get(name)
        if wanted is None:
            return 0 * result.double().nan_to_num().sum()
        errors = (result.double() - wanted.reshape(result.shape)).reshape(wanted.shape[0], -1)
        if name not in batch.atomic and name not in self.intensive:
            power = CONVENTIONS[self.convention].power / 2
            errors = errors * batch.graph.count_systems().double().clamp(min=1)[:, None] ** -power
        # Set to zero before it is squared: else the gradient of a missing label is not a number.
        values = penalty(torch.where(_known(wanted), errors, 0.0), (self.huber or {}).get(name))
        return (values * _weights(name, batch)[:, None]).sum()

    def _count(self, name: str, batch: Batch) -> Tensor:
        wanted = batch.labels.get(name)
        if wanted is None:
            return batch.weights.new_zeros(())
        return (_known(wanted) & (_weights(name, batch)[:, None] != 0)).sum().double()


def penalty(errors: Tensor, width: float | None = None) -> Tensor:
    r"""$\rho$: squares, beyond a width Huber's straight lines.

    Examples:
        >>> penalty(torch.tensor([0.5, 3.0]), width=1.0)
        tensor([0.2500, 5.0000])
    """
    if width is None:
        return errors.square()
    size = errors.abs()
    return torch.where(size <= width, errors.square(), width * (2 * size - width))


def _known(wanted: Tensor) -> Tensor:
    """Which components of a label are known, `(rows, components)`."""
    return ~torch.isnan(wanted.reshape(wanted.shape[0], -1))


def _weights(name: str, batch: Batch) -> Tensor:
    """The weight of each row of a label."""
    return batch.weights.index_select(0, batch.graph.systems) if name in batch.atomic else batch.weights


def _at(weight: Weight, rate: float) -> float:
    if isinstance(weight, (int, float)):
        return float(weight)
    start, end = weight
    return end + (start - end) * rate
