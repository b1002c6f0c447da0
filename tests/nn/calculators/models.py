"""Small models with known answers, for tests of calculators."""

from dataclasses import dataclass

import torch
from torch import nn

from cartesian.nn.graph import safe_norm
from cartesian.nn.heads.outputs import Outputs


@dataclass(frozen=True)
class LennardJonesConfig:
    elements: tuple = (18,)
    cutoff: float = 6.0
    epsilon: float = 0.01
    sigma: float = 2.4
    targets: tuple = ()


class LennardJones(nn.Module):
    """Pairs with a shifted energy; further targets are sums over edges that rotate as they should."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.epsilon = nn.Parameter(torch.tensor(config.epsilon, dtype=torch.float64))
        self.outputs = Outputs(config.elements, targets=config.targets)

    def forward(self, graph):
        c = self.config

        def energy(d):
            return 4 * self.epsilon * ((c.sigma / d) ** 12 - (c.sigma / d) ** 6)

        d = safe_norm(graph.vectors)
        values = 0.5 * graph.sum_receivers(energy(d) - energy(c.cutoff))
        vectors = graph.sum_receivers(graph.vectors / d[:, None] ** 2)
        zeros = {
            name: values.new_zeros(graph.nodes, irreps.dim) for name, irreps in self.outputs.irreps.items()
        }
        parts = {name: torch.cat([part[:, :-3], vectors], 1) for name, part in zeros.items()}
        species = torch.zeros_like(graph.atomic_numbers)
        return self.outputs(values, parts, species, graph)
