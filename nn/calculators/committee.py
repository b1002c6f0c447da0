r"""Several models as one: the mean of what they say, and how far they disagree.

$$\bar y = \frac{1}{n} \sum_k y_k, \qquad s = \sqrt{\frac{1}{n - 1} \sum_k (y_k - \bar y)^2}$$
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from cartesian.nn.graph import Graph
from cartesian.nn.heads.forces import Potential

DEVIATIONS = ("energy", "energies", "forces")
"""Results whose standard deviations are given."""


def joint(answers: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Means of the results that all have, and deviations of those in `DEVIATIONS`, as "energy_deviation"."""
    common = [name for name in answers[0] if all(name in answer for answer in answers)]
    stacked = {name: torch.stack([answer[name] for answer in answers]) for name in common}
    deviations = {f"{name}_deviation": stacked[name].std(0) for name in DEVIATIONS if name in stacked}
    return {name: values.mean(0) for name, values in stacked.items()} | deviations


class Committee(nn.Module):
    """The potentials of several models, such as those of one training with different seeds.

    Args:
        models: Two or more models of the energy.
        stress: Whether stress and virial are computed.

    Shape:
        A graph to the dictionary of a `Potential`, of means, to which are added, by component,
        `"energy_deviation"`, `"energies_deviation"` and `"forces_deviation"`, in the shape of what deviates,
        and `"energy_members"` `(members, systems)`, `"forces_members"` `(members, nodes, 3)`. Results that
        only some members have are left out.

    Raises:
        ValueError: If there are fewer than two models.
    """

    def __init__(self, models: Sequence[nn.Module], stress: bool = True) -> None:
        super().__init__()
        if len(models) < 2:
            raise ValueError(f"a committee has two members or more, not {len(models)}")
        self.members = nn.ModuleList(Potential(model, stress) for model in models)

    def forward(self, graph: Graph) -> dict[str, Tensor]:
        """Means, deviations, and what the members say."""
        answers = [member(graph) for member in self.members]
        each = {name: torch.stack([answer[name] for answer in answers]) for name in ("energy", "forces")}
        return joint(answers) | {f"{name}_members": values for name, values in each.items()}
