"""HotPP in plain torch, from its equations: full tensors, one einsum per path, only what is needed."""

from functools import partial
from itertools import pairwise, product
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.systems import CUTOFF, Arrays
from benchmarks.worker import Subject

CHANNELS, LAYERS, RANK, FUNCTIONS, POWER = 64, 2, 2, 8, 5


class _Gate(nn.Module):
    def __init__(self, rank: int) -> None:
        super().__init__()
        self.rank = rank
        self.factor, self.shift = nn.Parameter(torch.ones(CHANNELS)), nn.Parameter(torch.zeros(CHANNELS))

    def forward(self, tensors: Tensor) -> Tensor:
        if self.rank == 0:
            return nn.functional.silu(tensors)
        gate = torch.sigmoid(self.factor * tensors.square().flatten(2).sum(2) + self.shift)
        return gate.reshape(*gate.shape, *[1] * self.rank) * tensors


class _Mix(nn.Module):
    def __init__(self, rank: int) -> None:
        super().__init__()
        self.rank, self.linear = rank, nn.Linear(CHANNELS, CHANNELS, bias=rank == 0)

    def forward(self, tensors: Tensor) -> Tensor:
        if self.rank == 0:
            return self.linear(tensors)
        return torch.einsum("nc...,dc->nd...", tensors, self.linear.weight)


class _Layer(nn.Module):
    def __init__(self, inputs: int, outputs: int, neighbors: float) -> None:
        super().__init__()
        self.frequencies = nn.Parameter(torch.arange(1, FUNCTIONS + 1) * torch.pi / CUTOFF)
        self.neighbors = neighbors
        self.network = nn.Sequential(
            nn.Linear(FUNCTIONS, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 64)
        )
        self.filters = nn.ModuleList(nn.Linear(64, CHANNELS) for _ in range(RANK + 1))
        self.before = nn.ModuleList(_Mix(rank) for rank in range(inputs + 1))
        self.after = nn.ModuleList(_Mix(rank) for rank in range(outputs + 1))
        self.gates = nn.ModuleList(_Gate(rank) for rank in range(outputs + 1))
        self.paths = [
            (i, r, i + r - 2 * z, _contraction(i, r, z))
            for i, r in product(range(inputs + 1), range(RANK + 1))
            for z in range(min(i, r) + 1)
            if i + r - 2 * z <= outputs
        ]

    def forward(
        self, tensors: list[Tensor], lengths: Tensor, powers: list[Tensor], ends: Any
    ) -> list[Tensor]:
        senders, receivers = ends
        x, p = lengths / CUTOFF, POWER
        envelope = (
            1 - (p + 1) * (p + 2) / 2 * x**p + p * (p + 2) * x ** (p + 1) - p * (p + 1) / 2 * x ** (p + 2)
        )
        hidden = self.network(torch.sin(self.frequencies * lengths) / (self.frequencies * lengths))
        filters = [layer(hidden) * envelope for layer in self.filters]
        sent = [mix(tensor)[senders] for mix, tensor in zip(self.before, tensors, strict=True)]
        sums: dict[int, Tensor] = {}
        for i, r, o, equation in self.paths:
            messages = torch.einsum(equation, sent[i], powers[r])
            messages = messages * filters[r].reshape(*filters[r].shape, *[1] * o)
            sums[o] = messages if o not in sums else sums[o] + messages
        new = []
        for o, (mix, gate) in enumerate(zip(self.after, self.gates, strict=True)):
            total = sums[o].new_zeros(len(tensors[0]), *sums[o].shape[1:]).index_add(0, receivers, sums[o])
            change = gate(mix(total / self.neighbors))
            new.append(change + tensors[o] if o < len(tensors) else change)
        return new


def _contraction(left: int, right: int, contracted: int) -> str:
    """The last indices of the left with the first of the right."""
    own, other = "abd"[: left - contracted], "hij"[:right]
    return f"ec{own}{other[:contracted]},e{other}->ec{own}{other[contracted:]}"


class _HotPP(nn.Module):
    def __init__(self, species: int, neighbors: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(species, CHANNELS)
        ranks = [0] + [RANK] * (LAYERS - 1) + [0]
        self.layers = nn.ModuleList(_Layer(inputs, outputs, neighbors) for inputs, outputs in pairwise(ranks))
        self.readout = nn.Sequential(nn.Linear(CHANNELS, CHANNELS), nn.SiLU(), nn.Linear(CHANNELS, 1))

    def forward(self, positions: Tensor, species: Tensor, shifts: Tensor, ends: Any) -> Tensor:
        vectors = positions[ends[1]] - positions[ends[0]] + shifts
        lengths = vectors.norm(dim=1)[:, None]
        directions = vectors / lengths
        powers = [torch.ones_like(lengths[:, 0])]
        for _ in range(RANK):
            powers.append(torch.einsum("e...,ea->e...a", powers[-1], directions))
        tensors = [self.embedding(species)]
        for layer in self.layers:
            tensors = layer(tensors, lengths, powers, ends)
        return self.readout(tensors[0])[:, 0]


def _make(system: Arrays) -> Subject:
    elements = sorted(set(system["numbers"].tolist()))
    real = partial(torch.tensor, dtype=torch.get_default_dtype())
    senders, receivers = torch.tensor(system["senders"]), torch.tensor(system["receivers"])
    model = _HotPP(len(elements), len(senders) / len(system["numbers"]))
    batch = torch.tensor(system["systems"])
    shifts = (real(system["shifts"])[:, None] @ real(system["cells"])[batch[receivers]])[:, 0]
    species = torch.tensor(np.searchsorted(elements, system["numbers"]))
    count = len(system["cells"])

    def predict(train: bool) -> tuple[Tensor, Tensor]:
        positions = real(system["positions"]).requires_grad_()
        energies = model(positions, species, shifts, (senders, receivers))
        (gradient,) = torch.autograd.grad(energies.sum(), positions, create_graph=train)
        return energies.new_zeros(count).index_add(0, batch, energies), -gradient

    return Subject(predict, model)


MODELS = {"HotPP": _make}
