"""Training of the demo, an epoch at a time: with any model, and batches that are loaded or held."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.libraries import plain
from cartesian.nn.data.dataset import Batch, Dataset
from cartesian.nn.data.loading import batches, epoch_order, split_batches
from cartesian.nn.graph import Graph
from cartesian.nn.heads import Potential
from cartesian.nn.heads.energy import Energy
from cartesian.nn.heads.outputs import parse_targets
from cartesian.nn.layers.embedding import Species
from cartesian.nn.train import loop
from cartesian.nn.train.average import Average
from cartesian.nn.train.compiled import CompiledGradient
from cartesian.nn.train.config import TrainConfig
from cartesian.nn.train.gradient import Gradient
from cartesian.nn.train.prepare import prepare
from cartesian.nn.train.processes import Processes
from cartesian.nn.train.reading import read_config
from cartesian.nn.train.step import Step

EXAMPLES = Path(__file__).parents[1] / "examples"


def demo(folder: str, *changes: str) -> TrainConfig:
    """`examples/demo.yaml` with AdamW, trained frequencies as published, and a folder for its run."""
    published = ["optimizer={rate: 0.01}", "model.trainable_basis=true"]
    data = [f"data.{part}={EXAMPLES / 'data' / part}.xyz" for part in ("train", "valid")]
    return read_config(EXAMPLES / "demo.yaml", [*published, f"run={folder}", *data, *changes])


class Plain(nn.Module):
    """HotPP in plain torch as a model of the training loop; for molecules, which have no cell."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config, self.species = config, Species(config.elements)
        self.energy = Energy(config.elements, config.scale, config.shift, config.isolated)
        self.scales = {target.name: target.scale for target in parse_targets(config.targets)}
        settings = {name: getattr(config, name) for name in plain.Settings.__dataclass_fields__}
        settings["targets"] = tuple(self.scales)
        self.network = plain.HotPP(len(config.elements), plain.Settings(**settings))

    def forward(self, graph: Graph) -> dict[str, Tensor]:
        species = self.species(graph.atomic_numbers)
        shifts = torch.zeros_like(graph.shifts)
        found = self.network(graph.positions, species, shifts, (graph.senders, graph.receivers))
        energies = self.energy.energies(found.pop("energy"), species)
        results = {name: self.scales[name] * graph.sum_systems(values) for name, values in found.items()}
        return results | {"energy": graph.sum_systems(energies), "energies": energies}


class Trainer:
    """A model and all that trains it, as in the demo, for its first epoch again and again.

    Args:
        folder: Of a run.
        here: This process.
        is_plain: Whether the model is the one in plain torch.
        is_compiled: Whether steps are compiled.

    Attributes:
        steps: Of an epoch.
        waited: Seconds for which the last epoch stood still until its batches came.
    """

    def __init__(
        self, folder: str, here: Processes, is_plain: bool = False, is_compiled: bool = False
    ) -> None:
        self.config = demo(folder)
        prepared = prepare(self.config)
        self.dataset, self.waited = prepared.train, 0.0
        self.model = Plain(prepared.model.config) if is_plain else prepared.model
        potential = Potential(self.model, stress=False).train()
        self.average = Average(self.model, self.config.average)
        order = epoch_order(len(self.dataset), self.config.seed, 0)
        self.parts = split_batches(order, self.config.data.batch)
        self.steps = len(self.parts)
        gradient: Gradient | CompiledGradient = Gradient(potential, prepared.loss, here)
        if is_compiled:
            gradient = CompiledGradient(potential, prepared.loss, here, self.hold()[0])
        self.step = Step(self.model, gradient, prepared.loss, self.config)

    def epoch(self, held: Sequence[Batch] | None = None, workers: int = 0) -> None:
        """Train on the batches of the data set, made by so many processes, or on those held."""
        self.waited = 0.0
        coming = iter(batches(self.dataset, self.parts, workers=workers) if held is None else held)
        for number in range(self.steps):
            begin = time.perf_counter()
            batch = next(coming)
            self.waited += time.perf_counter() - begin
            self.step(batch, 1.0)
            self.average.update(number)

    def first(self) -> None:
        """Take the first step."""
        self.step(next(iter(batches(self.dataset, self.parts))), 1.0)

    def hold(self) -> list[Batch]:
        """The batches of the epoch."""
        return [*batches(self.dataset, self.parts)]

    def stream(self) -> None:
        """Read frames and search neighbours anew whenever a batch is made."""
        known = self.dataset
        self.dataset = Dataset(known.frames, known.cutoff, known.dtype, keep=False)


class Watched(loop.Trainer):
    """The training loop, which writes down the memory that its process holds after each epoch, in MiB."""

    def _end_epoch(self) -> None:
        super()._end_epoch()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.memory = [*getattr(self, "memory", []), pages / 256]
