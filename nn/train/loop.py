"""The loop over epochs, which goes on where it stopped, bit by bit.

What a step does depends on the weights, what the optimiser remembers, and the numbers of step and epoch: the
order of frames and everything drawn are functions of the seed and these. A checkpoint holds them all.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cartesian.nn.data.dataset import Batch, Dataset
from cartesian.nn.data.frames import write_frames
from cartesian.nn.data.loading import batches, epoch_order, split_batches
from cartesian.nn.files import save_model
from cartesian.nn.files.plain import to_plain
from cartesian.nn.heads import Potential
from cartesian.nn.train.average import Average
from cartesian.nn.train.checkpoint import Progress, read_checkpoint, write_checkpoint
from cartesian.nn.train.config import TrainConfig
from cartesian.nn.train.errors import Errors
from cartesian.nn.train.logs import Display, Logs
from cartesian.nn.train.loss import Terms
from cartesian.nn.train.optimizers import make_optimizers, optimizer_tensors, restore_optimizers, set_rate
from cartesian.nn.train.prepare import prepare
from cartesian.nn.train.processes import Processes, processes
from cartesian.nn.train.run import checkpoint_path, open_run
from cartesian.nn.train.schedules import Plateau, Schedule


def train(config: TrainConfig, *, restart: bool = False, quiet: bool = False) -> Path:
    """Train a model, or go on with a run that was interrupted.

    Args:
        config: The configuration; its folder may hold a run with the same one.
        restart: Remove what the folder holds of a run before.
        quiet: Show nothing in the terminal.

    Returns:
        The folder of the model with the lowest validation loss, or without validation of the last one.

    Raises:
        ValueError: If the configuration differs from that of the run in the folder, the data are wrong, or
            the loss is no number any more; then the batch lies in `failed.extxyz`.
    """
    with processes(config.device) as here, _matmul(config.matmul):
        folder = Path(config.run)
        state = checkpoint_path(folder)
        if here.is_first:
            open_run(config, folder, restart)
        here.wait()
        with Display(quiet or not here.is_first) as display:
            trainer = Trainer(config, here, display, state if state.is_file() else None)
            trainer.run()
    return folder / "model"


class Trainer:
    """A run and its state.

    Args:
        config: The configuration.
        here: This process.
        display: The terminal.
        resume: A checkpoint to go on from.
    """

    def __init__(
        self, config: TrainConfig, here: Processes, display: Display, resume: Path | None = None
    ) -> None:
        tensors, state = ({}, None) if resume is None else read_checkpoint(resume)
        self.config, self.here, self.display, self.folder = config, here, display, Path(config.run)
        self.prepared = prepare(config, state and state["model"])
        self.model = self.prepared.model.to(here.device)
        derived = {"forces", "virial", "stress"} & {*config.loss.weights}
        potential: nn.Module = self.model
        if derived:
            potential = Potential(self.model, stress=bool(derived - {"forces"}))
        self.potential, self.wrapped = potential, here.wrap(potential)
        self.loss, self.dataset = self.prepared.loss, self.prepared.train
        self.optimizers = make_optimizers(self.model, config.optimizer)
        self.average = Average(self.model, config.average)
        self.plateau = Plateau(config.schedule.factor, config.schedule.patience)
        steps = math.ceil(len(self.dataset) / config.data.batch)
        section = config.schedule
        self.schedule = Schedule(section.name, section.warmup, section.final, steps * config.epochs)
        self.at = Progress()
        self.sums = torch.zeros(2, len(config.loss.weights), dtype=torch.float64)
        names = list(config.loss.weights)
        columns = ["epoch", "step", "seconds", "rate", "train_loss"]
        columns += ["valid_loss", *Errors(names).found()] if self.prepared.valid is not None else []
        self.logs = Logs(self.folder, columns, config) if here.is_first else None
        for note in self.prepared.notes:
            display.say(note)
        if state is not None:
            self._restore(tensors, state)
        elif self.logs is not None:
            # Rows that were written before the first checkpoint.
            self.logs.cut([0, 0])
        display.begin(steps * config.epochs, self.at.step)

    def run(self) -> None:
        """Train to the end."""
        self._clock, self._saved = time.monotonic() - self.at.seconds, time.monotonic()
        while self.at.epoch < self.config.epochs and not self._is_stopped():
            self._train_epoch()
            self._end_epoch()
        if self.logs is not None:
            self.logs.close()
        best = f", best validation loss {self.at.best:.4g}" if math.isfinite(self.at.best) else ""
        self.display.say(f"done: {self.at.step} steps{best}; the model is in {self.folder / 'model'}")

    def _train_epoch(self) -> None:
        config = self.config
        parts = split_batches(epoch_order(len(self.dataset), config.seed, self.at.epoch), config.data.batch)
        self.wrapped.train()
        began, frames = time.monotonic(), 0
        rest = parts[self.at.position :]
        for batch in batches(self.dataset, rest, self.here.rank, self.here.world, config.data.ahead):
            self._train_step(batch.to(self.here.device))
            self.at.position += 1
            frames += config.data.batch
            self.display.step(self.at.step, self.at.epoch, frames / (time.monotonic() - began))
            self._save_if_due()

    def _train_step(self, batch: Batch) -> None:
        """One step; everything drawn in it depends on its number alone."""
        torch.manual_seed(_seed(self.config.seed, self.at.step, self.here.rank))
        rate = self._rate()
        set_rate(self.optimizers, rate * self.config.optimizer.rate)
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        terms = self.loss.terms(self.wrapped(batch.graph), batch)
        # Sums over all processes: the loss is that of the whole batch, and all see when it is no number.
        whole = self.here.sum(torch.stack([terms.sums.detach(), terms.counts]))
        value = float(self.loss.total(Terms(*whole), rate))
        if not math.isfinite(value):
            self._fail(batch, f"the loss is {value}")
        # Gradients are averaged over the processes, and each has a part of the sum.
        share = self.loss.total(Terms(terms.sums, whole[1]), rate) * self.here.world
        share.backward()  # type: ignore[no-untyped-call]
        parameters = [p for p in self.model.parameters() if p.grad is not None]
        clip = math.inf if self.config.clip is None else self.config.clip
        norm = nn.utils.clip_grad_norm_(parameters, clip)
        if not math.isfinite(norm):
            self._fail(batch, f"the norm of the gradient is {float(norm)}")
        for optimizer in self.optimizers:
            optimizer.step()
        self.average.update(self.at.step)
        self.sums += whole.cpu()
        self.at.step += 1

    def _rate(self) -> float:
        """The factor of the learning rate at this step."""
        return self.schedule(self.at.step, self.plateau.value)

    def _end_epoch(self) -> None:
        rate = self._rate()
        row: dict[str, Any] = {
            "epoch": self.at.epoch + 1,
            "step": self.at.step,
            "seconds": round(time.monotonic() - self._clock, 3),
            "rate": rate * self.config.optimizer.rate,
            "train_loss": float(self.loss.total(Terms(*self.sums), rate)),
        }
        valid = self.prepared.valid
        is_last = self.at.epoch + 1 == self.config.epochs
        if valid is None:
            self._save_model()
        elif is_last or (self.at.epoch + 1) % self.config.validate_every == 0:
            loss, found = self._validate(valid)
            row |= {"valid_loss": loss, **found}
            self.plateau.update(loss)
            self.at.waited += 1
            if loss < self.at.best:
                self.at.best, self.at.waited = loss, 0
                self._save_model()
        self.sums.zero_()
        self.at.epoch, self.at.position = self.at.epoch + 1, 0
        if self.logs is not None:
            self.logs.write(row)
        self.display.row(row)
        self._save()

    def _validate(self, dataset: Dataset) -> tuple[float, dict[str, float]]:
        """Loss and errors of the averaged weights; weights of the loss are those at the end of the run."""
        torch.manual_seed(_seed(self.config.seed, self.at.step, self.here.rank))
        self.potential.eval()
        errors = Errors(list(self.config.loss.weights))
        sums = torch.zeros_like(self.sums)
        parts = split_batches(range(len(dataset)), self.config.data.batch)
        with self.average.applied(), torch.no_grad():
            for batch in batches(dataset, parts, self.here.rank, self.here.world, self.config.data.ahead):
                moved = batch.to(self.here.device)
                results = self.potential(moved.graph)
                sums += torch.stack(self.loss.terms(results, moved)).cpu()
                errors.add(results, moved)
        sums = self.here.sum(sums.to(self.here.device)).cpu()
        errors.sums = self.here.sum(errors.sums.to(self.here.device)).cpu()
        return float(self.loss.total(Terms(*sums), rate=0.0)), errors.found()

    def _is_stopped(self) -> bool:
        patience = self.config.stop.patience
        if patience is None or self.at.waited < patience:
            return False
        self.display.say(f"stopped early: no better model in {self.at.waited} validations")
        return True

    def _save_if_due(self) -> None:
        section = self.config.checkpoint
        by_steps = section.steps is not None and self.at.step % section.steps == 0
        by_time = section.seconds is not None and time.monotonic() - self._saved > section.seconds
        if by_steps or by_time:
            self._save()

    def _save(self) -> None:
        """Write the state of the run."""
        if self.logs is None:
            return
        tensors = {f"weight.{name}": p.detach() for name, p in self.model.named_parameters()}
        tensors |= {f"average.{name}": value for name, value in self.average.averages.items()}
        tensors |= {f"optimizer.{key}": value for key, value in optimizer_tensors(self.optimizers).items()}
        self.at.seconds = time.monotonic() - self._clock
        state = {
            "model": {"config": to_plain(self.model.config), "statistics": self.prepared.statistics},
            "frames": len(self.dataset),
            "progress": asdict(self.at),
            "plateau": self.plateau.state(),
            "logs": self.logs.sizes(),
        }
        write_checkpoint(checkpoint_path(self.folder), tensors | {"sums": self.sums}, state)
        self._saved = time.monotonic()

    def _restore(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        if state["frames"] != len(self.dataset):
            raise ValueError(
                f"the training set has {len(self.dataset)} frames, and had {state['frames']} when the run "
                f"{self.folder} was interrupted: take another folder, or --restart"
            )
        parts: dict[str, dict[str, Tensor]] = {"weight": {}, "average": {}, "optimizer": {}}
        for name, value in tensors.items():
            part, _, key = name.partition(".")
            parts.setdefault(part, {})[key] = value
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(parts["weight"][name])
                self.average.averages[name].copy_(parts["average"][name])
        restore_optimizers(self.optimizers, parts["optimizer"])
        self.sums = tensors["sums"].clone()
        self.at = Progress(**state["progress"])
        self.plateau.restore(state["plateau"])
        if self.logs is not None:
            self.logs.cut(state["logs"])
        self.display.say(f"going on at step {self.at.step}, epoch {self.at.epoch + 1}")

    def _save_model(self) -> None:
        if self.here.is_first:
            with self.average.applied():
                save_model(self.model, self.folder / "model", statistics=self.prepared.statistics)

    def _fail(self, batch: Batch, what: str) -> None:
        """Stop, and keep the batch."""
        frames = [self.dataset.frames[number] for number in batch.numbers]
        path = self.folder / f"failed{'' if self.here.is_first else self.here.rank}.extxyz"
        write_frames(path, frames)
        raise ValueError(
            f"{what} at step {self.at.step} (epoch {self.at.epoch + 1}); the batch is in {path}: "
            f"{', '.join(frame.where for frame in frames)}. Look at these frames, or lower optimizer.rate"
        )


def _seed(*numbers: int) -> int:
    """A seed from several numbers, 64 bits, by the finaliser of splitmix64."""
    value = 0
    for number in numbers:
        value = (value + number + 0x9E3779B97F4A7C15) % 2**64
        value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        value = (value ^ value >> 27) * 0x94D049BB133111EB % 2**64
        value ^= value >> 31
    return value


@contextmanager
def _matmul(precision: str) -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
