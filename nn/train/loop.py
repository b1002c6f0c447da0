"""The loop over epochs, which goes on where it stopped, bit by bit.

What a step does depends on the weights, what the optimiser remembers, and the numbers of step and epoch: the
order of frames and everything drawn are functions of the seed and these. A checkpoint holds them all.
"""

import json
import math
import signal
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cartesian.nn.data.dataset import Batch
from cartesian.nn.data.frames import write_frames
from cartesian.nn.data.loading import batches, epoch_order, split_batches
from cartesian.nn.files import atomic, load_model, save_model
from cartesian.nn.files.plain import to_plain
from cartesian.nn.train.average import Average
from cartesian.nn.train.budget import Budget
from cartesian.nn.train.checkpoint import Progress, join_parts, read_checkpoint, split_parts, write_checkpoint
from cartesian.nn.train.config import TrainConfig
from cartesian.nn.train.errors import Errors
from cartesian.nn.train.gradient import Gradient
from cartesian.nn.train.logs import Display, Logs
from cartesian.nn.train.loss import Terms
from cartesian.nn.train.optimizers import optimizer_tensors, restore_optimizers
from cartesian.nn.train.prepare import prepare
from cartesian.nn.train.processes import Processes, matmul_precision, processes
from cartesian.nn.train.run import checkpoint_path, open_run
from cartesian.nn.train.schedules import Plateau, Schedule
from cartesian.nn.train.seeds import draw_at
from cartesian.nn.train.settings import derived
from cartesian.nn.train.signals import Signals, StopError
from cartesian.nn.train.step import NotFiniteError, Step
from cartesian.nn.train.validation import validate


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
        KeyboardInterrupt, SystemExit: After Ctrl-C or SIGTERM, once the state is written.
    """
    folder = Path(config.run)
    with processes(config.device) as here, matmul_precision(config.matmul):
        if here.is_first:
            open_run(config, folder, restart)
        here.wait()
        with Display(quiet or not here.is_first) as display:
            # Held by no name: it ends before the processes part.
            Trainer(config, here, display).run()
    return folder / "model"


class Trainer:
    """A run and its state.

    Args:
        config: The configuration.
        here: This process.
        display: The terminal.
    """

    def __init__(self, config: TrainConfig, here: Processes, display: Display) -> None:
        self._clock, self._work = time.monotonic(), time.process_time()
        self.config, self.here, self.display, self.folder = config, here, display, Path(config.run)
        before = checkpoint_path(self.folder)
        tensors, state = read_checkpoint(before) if before.is_file() else ({}, None)
        self.prepared = prepare(config, state and state["model"])
        self.model = self.prepared.model.to(here.device)
        self.potential = derived(self.model, config.loss.weights)
        self.loss, self.dataset = self.prepared.loss, self.prepared.train
        self.step = Step(self.model, self._gradient(), self.loss, config)
        self.average = Average(self.model, config.average)
        self.plateau = Plateau(config.schedule.factor, config.schedule.patience)
        steps = math.ceil(len(self.dataset) / config.data.batch)
        section = config.schedule
        self.schedule = Schedule(section.name, section.warmup, section.final)
        self.budget = Budget(config.epochs, steps, config.minutes)
        self.signals = Signals(patient=here.world > 1)
        self.at = Progress()
        self.sums = torch.zeros(2, len(config.loss.weights), dtype=torch.float64)
        columns = ["epoch", "step", "seconds", "processor", "rate", "train_loss"]
        if self.prepared.valid is not None:
            columns += ["valid_loss", *Errors(list(config.loss.weights)).found()]
        self.logs = Logs(self.folder, columns, config) if here.is_first else None
        for note in self.prepared.notes:
            display.say(note)
        if state is not None:
            self._restore(tensors, state)
        elif self.logs is not None:
            # Rows that were written before the first checkpoint.
            self.logs.cut([0, 0])
        display.begin(self.at.step)

    def run(self) -> None:
        """Train to the end, or until a signal asks to stop."""
        self._clock, self._work = self._clock - self.at.seconds, self._work - self.at.processor
        self._saved, self._is_new = time.monotonic(), True
        what = (
            "steps that are new, for minutes"
            if self.config.compile
            else "kernels that are new to this machine"
        )
        self.display.wait(f"the first step takes long: it compiles {what}")
        with self.signals:
            try:
                while not self._is_over():
                    self._train_epoch()
                    self._end_epoch()
                self._test()
            except StopError as stop:
                self._save()
                place = f"step {self.at.step}, epoch {self.at.epoch + 1}"
                self.display.say(f"{stop} at {place}: to go on from there, run cartesian train {self.folder}")
                raise stop.exit() from None
        if self.logs is not None:
            self.logs.close()
        best = f", best validation loss {self.at.best:.4g}" if math.isfinite(self.at.best) else ""
        minutes = f"{self.at.seconds / 60:.1f} minutes, {self.at.processor / 60:.1f} of the processor"
        self.display.say(
            f"done: {self.at.step} steps{best}; {minutes}; the model is in {self.folder / 'model'}"
        )

    def _gradient(self) -> Callable[[Batch, float], Terms]:
        if not self.config.compile:
            return Gradient(self.potential, self.loss, self.here)
        # Loads the compiler of torch, which takes a second.
        from cartesian.nn.train.compiled import CompiledGradient

        # The same batch whenever the run goes on.
        first = range(min(self.config.data.batch, len(self.dataset)))
        (example,) = batches(self.dataset, [first], self.here.rank, self.here.world)
        return CompiledGradient(self.potential, self.loss, self.here, example.to(self.here.device))

    def _train_epoch(self) -> None:
        config = self.config
        parts = split_batches(epoch_order(len(self.dataset), config.seed, self.at.epoch), config.data.batch)
        self.potential.train()
        began, frames = time.monotonic(), 0
        rest = parts[self.at.position :]
        total = self.budget.last * self.budget.steps
        for batch in batches(self.dataset, rest, self.here.rank, self.here.world, config.data.workers):
            draw_at(config.seed, self.at.step, self.here.rank)
            try:
                self.sums += self.step(batch.to(self.here.device), self._rate())
            except NotFiniteError as error:
                self._fail(batch, str(error))
            self.average.update(self.at.step)
            self.at.step, self.at.position = self.at.step + 1, self.at.position + 1
            frames += config.data.batch
            self.display.step(self.at.step, total, self.at.epoch, frames / (time.monotonic() - began))
            if self._is_new:
                self._take_times()
                self.budget.begin(self.at.step, self.here.of_first(self.at.seconds))
                self._is_new = False
            self._stop_if_asked()
            self._save_if_due()

    def _rate(self) -> float:
        """The factor of the learning rate at this step."""
        return self.schedule(self.at.step, self.budget.at(self.at.step), self.plateau.value)

    def _end_epoch(self) -> None:
        rate, epoch, config = self._rate(), self.at.epoch + 1, self.config
        row: dict[str, Any] = {
            "epoch": epoch,
            "step": self.at.step,
            "rate": rate * config.optimizer.rate,
            "train_loss": float(self.loss.total(Terms(*self.sums), rate)),
        }
        valid = self.prepared.valid
        is_validated = valid is None or self.budget.is_over(epoch) or epoch % config.validate_every == 0
        if valid is None:
            self._save_model()
        elif is_validated:
            draw_at(config.seed, self.at.step, self.here.rank)
            with self.average.applied():
                loss, found = validate(
                    self.potential, valid, self.loss, config.data, self.here, self._stop_if_asked
                )
            row |= {"valid_loss": loss, **found}
            self.plateau.update(loss)
            self.at.waited += 1
            if loss < self.at.best:
                self.at.best, self.at.waited = loss, 0
                self._save_model()
        self._take_times()
        self.budget.update(epoch, self.here.of_first(self.at.seconds), at_least=not is_validated)
        self.sums.zero_()
        self.at.epoch, self.at.position = epoch, 0
        row |= {"seconds": round(self.at.seconds, 3), "processor": round(self.at.processor, 3)}
        if self.logs is not None:
            self.logs.write(row)
        self.display.row(row)
        self._save()

    def _is_over(self) -> bool:
        """Whether no epoch follows; says why if there might be more."""
        patience = self.config.stop.patience
        if patience is not None and self.at.waited >= patience:
            self.display.say(f"stopped early: no better model in {self.at.waited} validations")
        elif not self.budget.is_over(self.at.epoch):
            return False
        elif self.at.epoch < self.config.epochs:
            minutes = f"the {self.config.minutes:g} minutes are over"
            self.display.say(f"stopped after {self.at.epoch} of {self.config.epochs} epochs: {minutes}")
        return True

    def _test(self) -> None:
        """Evaluate the saved model on the test set."""
        if self.prepared.test is None:
            return
        self.here.wait()
        model = derived(load_model(self.folder / "model", device=self.here.device), self.loss.weights)
        loss, found = validate(
            model, self.prepared.test, self.loss, self.config.data, self.here, self._stop_if_asked
        )
        self.display.errors("test", {"loss": loss, **found})
        if self.here.is_first:
            text = json.dumps({"loss": loss, **found}, indent=2) + "\n"
            atomic.write(self.folder / "test.json", text.encode())

    def _stop_if_asked(self) -> None:
        if self.here.any(bool(self.signals.asked)):
            raise StopError(self.signals.asked or signal.SIGTERM)

    def _take_times(self) -> None:
        self.at.seconds = time.monotonic() - self._clock
        self.at.processor = time.process_time() - self._work

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
        tensors = join_parts(
            weight=dict(self.model.named_parameters()),
            average=self.average.averages,
            optimizer=optimizer_tensors(self.step.optimizers),
        )
        self._take_times()
        state = {
            "model": {"config": to_plain(self.model.config), "statistics": self.prepared.statistics},
            "frames": len(self.dataset),
            "progress": asdict(self.at),
            "plateau": self.plateau.state(),
            "budget": asdict(self.budget),
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
        parts = split_parts(tensors)
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(parts["weight"][name])
                self.average.averages[name].copy_(parts["average"][name])
        restore_optimizers(self.step.optimizers, parts.get("optimizer", {}))
        self.sums = tensors["sums"].clone()
        self.at = Progress(**state["progress"])
        self.plateau.restore(state["plateau"])
        self.budget.restore(state["budget"])
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
