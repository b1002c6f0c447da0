"""HotPP in plain torch, from its equations: full tensors, one einsum per path, only what is needed."""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise, product
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.systems import CUTOFF, Arrays
from benchmarks.worker import Subject

RANK, POWER = 2, 5
OBSERVABLES = {"energy": (0,), "dipole": (1,), "polarizability": (0, 2)}
"""Ranks of the tensors that each is read from."""


@dataclass(frozen=True)
class Settings:
    """Settings under the names of `cartesian.nn.models.HotPPConfig`."""

    cutoff: float = CUTOFF
    layers: int = 2
    channels: int = 64
    functions: int = 8
    radial: tuple[int, ...] = (64, 64, 64)
    neighbors: float = 1.0
    targets: tuple[str, ...] = ()


class _Gate(nn.Module):
    def __init__(self, channels: int, rank: int) -> None:
        super().__init__()
        self.rank = rank
        self.factor, self.shift = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, tensors: Tensor) -> Tensor:
        if self.rank == 0:
            return nn.functional.silu(tensors)
        gate = torch.sigmoid(self.factor * tensors.square().flatten(2).sum(2) + self.shift)
        return gate.reshape(*gate.shape, *[1] * self.rank) * tensors


class _Mix(nn.Module):
    def __init__(self, inputs: int, outputs: int, rank: int) -> None:
        super().__init__()
        self.rank, self.linear = rank, nn.Linear(inputs, outputs, bias=rank == 0)

    def forward(self, tensors: Tensor) -> Tensor:
        if self.rank == 0:
            return self.linear(tensors)
        return torch.einsum("nc...,dc->nd...", tensors, self.linear.weight)


class _Layer(nn.Module):
    def __init__(self, inputs: int, outputs: int, settings: Settings) -> None:
        super().__init__()
        self.cutoff, self.neighbors = settings.cutoff, settings.neighbors
        functions, channels = settings.functions, settings.channels
        self.frequencies = nn.Parameter(torch.arange(1, functions + 1) * torch.pi / self.cutoff)
        parts: list[nn.Module] = []
        for width, further in pairwise([functions, *settings.radial]):
            parts += [nn.Linear(width, further), nn.SiLU()]
        self.network = nn.Sequential(*parts[:-1])
        self.filters = nn.ModuleList(nn.Linear(settings.radial[-1], channels) for _ in range(RANK + 1))
        self.before = nn.ModuleList(_Mix(channels, channels, rank) for rank in range(inputs + 1))
        self.after = nn.ModuleList(_Mix(channels, channels, rank) for rank in range(outputs + 1))
        self.gates = nn.ModuleList(_Gate(channels, rank) for rank in range(outputs + 1))
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
        x, p = lengths / self.cutoff, POWER
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
            total = (
                sums[o].new_zeros(tensors[0].shape[0], *sums[o].shape[1:]).index_add(0, receivers, sums[o])
            )
            change = gate(mix(total / self.neighbors))
            new.append(change + tensors[o] if o < len(tensors) else change)
        return new


def _contraction(left: int, right: int, contracted: int) -> str:
    """The last indices of the left with the first of the right."""
    own, other = "abd"[: left - contracted], "hij"[:right]
    return f"ec{own}{other[:contracted]},e{other}->ec{own}{other[contracted:]}"


class HotPP(nn.Module):
    """Tensors of each atom for the energy, `(nodes,)`, and for other observables by name."""

    def __init__(self, species: int, settings: Settings) -> None:
        super().__init__()
        self.embedding = nn.Embedding(species, settings.channels)
        wanted = {name: OBSERVABLES[name] for name in ("energy", *settings.targets)}
        last = max(rank for ranks in wanted.values() for rank in ranks)
        ranks = [0] + [RANK] * (settings.layers - 1) + [last]
        self.layers = nn.ModuleList(_Layer(inputs, outputs, settings) for inputs, outputs in pairwise(ranks))
        channels = settings.channels
        self.readouts = nn.ModuleDict(
            {
                name: nn.ModuleDict(
                    {
                        str(rank): nn.Sequential(
                            _Mix(channels, channels, rank), _Gate(channels, rank), _Mix(channels, 1, rank)
                        )
                        for rank in ranks
                    }
                )
                for name, ranks in wanted.items()
            }
        )

    def forward(self, positions: Tensor, species: Tensor, shifts: Tensor, ends: Any) -> dict[str, Tensor]:
        vectors = positions[ends[1]] - positions[ends[0]] + shifts
        lengths = vectors.norm(dim=1)[:, None]
        directions = vectors / lengths
        powers = [torch.ones_like(lengths[:, 0])]
        for _ in range(RANK):
            powers.append(torch.einsum("e...,ea->e...a", powers[-1], directions))
        tensors = [self.embedding(species)]
        for layer in self.layers:
            tensors = layer(tensors, lengths, powers, ends)
        found = {}
        for name, readouts in self.readouts.items():
            parts = {int(rank): readout(tensors[int(rank)])[:, 0] for rank, readout in readouts.items()}
            found[name] = next(iter(parts.values()))
            if name == "polarizability":
                identity = torch.eye(3, dtype=positions.dtype)
                found[name] = parts[0][:, None, None] * identity + 0.5 * (parts[2] + parts[2].mT)
        return found


def _make(system: Arrays) -> Subject:
    elements = sorted(set(system["numbers"].tolist()))
    real = partial(torch.tensor, dtype=torch.get_default_dtype())
    senders, receivers = torch.tensor(system["senders"]), torch.tensor(system["receivers"])
    model = HotPP(len(elements), Settings(neighbors=len(senders) / len(system["numbers"])))
    batch = torch.tensor(system["systems"])
    shifts = (real(system["shifts"])[:, None] @ real(system["cells"])[batch[receivers]])[:, 0]
    species = torch.tensor(np.searchsorted(elements, system["numbers"]))
    count = len(system["cells"])

    def predict() -> tuple[Tensor, Tensor]:
        positions = real(system["positions"]).requires_grad_()
        energies = model(positions, species, shifts, (senders, receivers))["energy"]
        (gradient,) = torch.autograd.grad(energies.sum(), positions, create_graph=model.training)
        return energies.new_zeros(count).index_add(0, batch, energies), -gradient

    return Subject(predict, model)


MODELS = {"HotPP": _make}
