r"""Checks of a potential against the laws of physics, each with a number and the limit that it must not pass.

Everything runs in float64, where a law that holds, holds to many digits, and one that is broken shows.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from cartesian.nn.calculators.source import Source
from cartesian.nn.data.batching import batch
from cartesian.nn.data.frames import Frame
from cartesian.nn.graph import Graph
from cartesian.nn.heads.forces import Potential
from cartesian.nn.heads.outputs import parse_targets

EXACT, SLOPE, JUMP = 1e-9, 1e-6, 1e-6
"""Limits of deviations: of equal results, of finite differences, and of a step over the cutoff."""
STEP, CROSSING, APART, DRIFT_STEPS = 1e-3, 1e-10, 1e4, 50
"""Of finite differences, in Å; before and behind the cutoff, in parts of it; of copies, in Å; of dynamics."""
EXTENSIVE = ("energy", "virial", "polarizability")


@dataclass(frozen=True)
class Check:
    """A law and how well it holds.

    Attributes:
        law: What must hold.
        deviation: The largest over all structures, relative to 1 + the largest value compared.
        limit: What is allowed.
        where: The structure of the largest deviation.
        skipped: Why there was nothing to check; empty if there was.
    """

    law: str
    deviation: float
    limit: float
    where: str = ""
    skipped: str = ""

    @property
    def passed(self) -> bool:
        """Whether the law holds, or there was nothing to check. Not a number is no pass."""
        return bool(self.skipped) or self.deviation <= self.limit


Law = Callable[["Subject", Frame], float | None]


class Subject:
    """A potential in float64, and random numbers for its checks."""

    def __init__(self, source: Source, seed: int = 0) -> None:
        self.source = source
        self.potential = Potential(source.model.double()).eval()
        self.rng = np.random.default_rng(seed)
        targets = parse_targets(getattr(source.model.config, "targets", ()))
        self.axial = {target.name for target in targets if target.axial}
        self.atomic = {"energies", "forces"} | {target.name for target in targets if target.pool == "none"}

    def graph(self, frame: Frame) -> Graph:
        """The graph of a frame, float64."""
        return frame.graph(self.source.cutoff, torch.float64).to(self.source.device)

    def results(self, graph: Graph) -> dict[str, np.ndarray]:
        """Everything the potential says, without what has no value; stress without volume is left out."""
        found: dict[str, Tensor] = self.potential(graph)
        return {
            name: value.detach().double().cpu().numpy()
            for name, value in found.items()
            if name != "stress" or bool((graph.volumes > 0).all())
        }

    def energy(self, graph: Graph) -> float:
        """The energy alone, in eV."""
        with torch.no_grad():
            return float(self.source.model(graph)["energy"].sum())

    def slope(self, moved: Callable[[float], Graph]) -> float:
        """Derivative of the energy along a path of graphs, by a difference of fourth order."""
        e = {k: self.energy(moved(k * STEP)) for k in (-2, -1, 1, 2)}
        return (8 * (e[1] - e[-1]) - (e[2] - e[-2])) / (12 * STEP)


def verify(source: Source, frames: Sequence[Frame], seed: int = 0) -> Iterator[Check]:
    """Check all laws, one after the other.

    Args:
        source: The model, from `open_model`; its dtype becomes float64.
        frames: Structures; `drawn_frames` makes some.
        seed: Of the random directions, rotations and velocities.

    Yields:
        The checks, as they are made.
    """
    subject = Subject(source, seed)
    yield _worst("forces are the slopes of the energy", SLOPE, _forces, subject, frames)
    yield _worst("virial is the slope of the energy under strain", SLOPE, _virial, subject, frames)
    for sign, name in ((1, "rotations and translations"), (-1, "reflections")):
        yield _worst(f"equivariance under {name}", EXACT, partial(_equivariance, sign=sign), subject, frames)
    yield _worst("order of atoms does not matter", EXACT, _permutation, subject, frames)
    yield _worst("systems of a batch do not see each other", EXACT, _batch, subject, frames)
    yield _worst("energies of distant copies add up", EXACT, _copies, subject, frames)
    yield _worst("energy and forces are continuous at the cutoff", JUMP, _cutoff, subject, frames)
    yield _worst("a shorter time step conserves energy better", 0.5, _drift, subject, frames[:1])


def drawn_frames(source: Source, count: int = 4, seed: int = 0) -> list[Frame]:
    """Random clusters and crystals of the elements of a model, atoms 1 to 2 Å apart."""
    rng = np.random.default_rng(seed)
    found = []
    for k in range(count):
        atoms = int(rng.integers(2, 7))
        sites = np.array(list(np.ndindex(2, 2, 2)))[rng.permutation(8)[:atoms]]
        positions = 1.5 * sites + rng.uniform(-0.2, 0.2, (atoms, 3))
        is_crystal = bool(k % 2)
        cell = (np.eye(3) * 3.2 + rng.uniform(-0.1, 0.1, (3, 3))) * is_crystal
        numbers = rng.choice(np.array(source.elements), atoms)
        where = f"drawn {'crystal' if is_crystal else 'molecule'} {k}"
        found.append(Frame(positions, numbers, cell, np.full(3, is_crystal), where=where))
    return found


def _worst(law: str, limit: float, measure: Law, subject: Subject, frames: Sequence[Frame]) -> Check:
    """The largest deviation over all frames that a law says something about."""
    measured = [(measure(subject, frame), frame.where) for frame in frames]
    known = [(deviation, where) for deviation, where in measured if deviation is not None]
    if not known:
        return Check(law, 0.0, limit, skipped="no structure that it could be checked on")
    deviation, where = max(known, key=lambda one: np.nan_to_num(one[0], nan=np.inf))
    return Check(law, deviation, limit, where)


def _forces(subject: Subject, frame: Frame) -> float:
    graph = subject.graph(frame)
    direction = torch.from_numpy(subject.rng.standard_normal((graph.nodes, 3))).to(graph.positions)
    slope = subject.slope(lambda t: graph.replace(positions=graph.positions + t * direction))
    found = float((subject.results(graph)["forces"] * direction.cpu().numpy()).sum())
    return abs(slope + found) / (1 + abs(slope))


def _virial(subject: Subject, frame: Frame) -> float:
    graph = subject.graph(frame)
    strain = subject.rng.standard_normal((1, 3, 3))
    strain = 0.1 * (strain + strain.transpose(0, 2, 1))
    tensor = torch.from_numpy(strain).to(graph.positions)
    slope = subject.slope(lambda t: graph.strain(t * tensor))
    found = float((subject.results(graph)["virial"] * strain).sum())
    return abs(slope + found) / (1 + abs(slope))


def _equivariance(subject: Subject, frame: Frame, sign: int) -> float:
    matrix = np.linalg.qr(subject.rng.standard_normal((3, 3))).Q
    matrix *= sign * np.linalg.det(matrix)
    shift = subject.rng.uniform(-5, 5, 3)
    moved = replace(frame, positions=frame.positions @ matrix.T + shift, cell=frame.cell @ matrix.T)
    before, after = (subject.results(subject.graph(one)) for one in (frame, moved))
    wanted = {name: _rotated(value, matrix) for name, value in before.items()}
    for name in subject.axial & wanted.keys():
        wanted[name] = sign * wanted[name]
    return _deviation(wanted, after)


def _permutation(subject: Subject, frame: Frame) -> float:
    order = subject.rng.permutation(len(frame.numbers))
    moved = replace(frame, positions=frame.positions[order], numbers=frame.numbers[order])
    before, after = (subject.results(subject.graph(one)) for one in (frame, moved))
    wanted = {name: value[order] if name in subject.atomic else value for name, value in before.items()}
    return _deviation(wanted, after)


def _batch(subject: Subject, frame: Frame) -> float:
    wider = replace(frame, positions=1.01 * frame.positions, cell=1.01 * frame.cell)
    graphs = [subject.graph(one) for one in (frame, wider)]
    alone = [subject.results(graph) for graph in graphs]
    together = subject.results(batch(graphs))
    return _deviation({name: np.concatenate([one[name] for one in alone]) for name in together}, together)


def _copies(subject: Subject, frame: Frame) -> float | None:
    if frame.periodic.any():
        return None
    away = frame.positions + np.array([APART, 0, 0])
    double = replace(
        frame,
        positions=np.concatenate([frame.positions, away]),
        numbers=np.tile(frame.numbers, 2),
        charge=2 * frame.charge,
    )
    one, two = (subject.results(subject.graph(part)) for part in (frame, double))
    wanted = {name: 2 * one[name] for name in EXTENSIVE if name in one}
    wanted |= {name: np.concatenate([one[name]] * 2) for name in subject.atomic & one.keys()}
    return _deviation(wanted, two)


def _cutoff(subject: Subject, frame: Frame) -> float | None:
    """Jump of energy and forces, in eV and eV/Å, as the pair closest to the cutoff crosses it."""
    cutoff = subject.source.cutoff
    wide = frame.graph(2 * cutoff, torch.float64)
    lengths = wide.vectors.norm(dim=1).numpy()
    if not len(lengths):
        return None
    length = lengths[np.abs(lengths - cutoff).argmin()]
    sides = []
    for side in (1 - CROSSING, 1 + CROSSING):
        factor = side * cutoff / length
        scaled = replace(frame, positions=factor * frame.positions, cell=factor * frame.cell)
        sides.append(subject.results(subject.graph(scaled)))
    return max(float(np.abs(sides[0][name] - sides[1][name]).max()) for name in ("energy", "forces"))


def _drift(subject: Subject, frame: Frame) -> float | None:
    """Largest error of the energy of velocity Verlet with half the time step, over that with the whole."""
    from ase.data import atomic_masses
    from ase.units import fs, kB

    graph = subject.graph(frame)
    masses = atomic_masses[frame.numbers][:, None]
    start = subject.rng.standard_normal((graph.nodes, 3)) * np.sqrt(300 * kB / masses)
    strongest = np.abs(subject.results(graph)["forces"]).max(initial=0.0)
    step = 0.5 * fs / np.sqrt(1 + strongest / 10)

    def error(steps: int, dt: float) -> float:
        positions, velocities = frame.positions, start
        results, energies = subject.results(graph), []
        for _ in range(steps):
            velocities = velocities + 0.5 * dt * results["forces"] / masses
            positions = positions + dt * velocities
            results = subject.results(subject.graph(replace(frame, positions=positions)))
            velocities = velocities + 0.5 * dt * results["forces"] / masses
            energies.append(results["energy"][0] + 0.5 * (masses * velocities**2).sum())
        return float(np.abs(np.array(energies) - energies[0]).max())

    whole, half = error(DRIFT_STEPS, step), error(2 * DRIFT_STEPS, step / 2)
    scale = 1 + abs(subject.results(graph)["energy"][0])
    return 0.0 if whole < EXACT * scale else half / whole


def _rotated(value: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Tensors `(rows, 3, ..., 3)` turned; numbers `(rows,)` stay."""
    for axis in range(1, value.ndim):
        value = np.moveaxis(np.tensordot(matrix, value, (1, axis)), 0, axis)
    return value


def _deviation(wanted: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray]) -> float:
    """The largest deviation of any result, relative to 1 + its largest value."""
    worst = [0.0]
    for name, value in wanted.items():
        scale = 1 + np.abs(value).max(initial=0.0)
        worst.append(float(np.abs(value - found[name]).max(initial=0.0) / scale))
    return float(np.max(worst))
