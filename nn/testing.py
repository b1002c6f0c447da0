r"""Drawn structures and graphs, and the laws that every potential obeys.

A model is anything that takes a `Graph` in float64 and returns a dictionary of tensors, one row per system or
per atom. How each result transforms is said by `OUTPUTS`, to which further names can be added by hand:
`outputs={**OUTPUTS, "gyration": ("system", Full(2, axial=True))}`.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st
from torch import Tensor

from cartesian.nn.data.batching import batch, to_graph
from cartesian.nn.graph import Graph
from cartesian.testing.arguments import Argument, Element, Full
from cartesian.testing.strategies import orthogonals

Model = Callable[[Graph], Mapping[str, Tensor]]
Outputs = Mapping[str, tuple[Literal["system", "atom"], Argument]]

OUTPUTS: Outputs = {
    "energy": ("system", Full(0)),
    "energies": ("atom", Full(0)),
    "charges": ("atom", Full(0)),
    "forces": ("atom", Full(1)),
    "virial": ("system", Full(2)),
    "stress": ("system", Full(2)),
    "dipole": ("system", Full(1)),
    "polarizability": ("system", Full(2)),
}
# Of these, the sums over two systems that do not see each other.
EXTENSIVE = ("energy", "virial", "polarizability")

TOLERANCE = 1e-9
"""Allowed deviation in units of 1 + the largest result: positions far from the origin lose a few digits."""


class Structure(NamedTuple):
    """Atoms as they stand in a file.

    Attributes:
        positions: `(atoms, 3)`, in Å.
        numbers: `(atoms,)`, atomic numbers.
        cell: `(3, 3)` in Å, or `None`.
        periodic: Which directions repeat.
    """

    positions: np.ndarray
    numbers: np.ndarray
    cell: np.ndarray | None
    periodic: tuple[bool, bool, bool]

    def graph(self, cutoff: float) -> Graph:
        """The graph with all edges shorter than `cutoff`, in float64."""
        return to_graph(self.positions, self.numbers, cutoff, self.cell, self.periodic, dtype=torch.float64)


@st.composite
def structures(
    draw: st.DrawFn,
    elements: Sequence[int],
    max_atoms: int = 6,
    min_atoms: int = 1,
    crystal: bool | None = None,
) -> Structure:
    """Molecules, crystals, slabs and wires; atoms are at least 0.7 Å apart and may lie outside the cell.

    Args:
        elements: Atomic numbers to draw from.
        min_atoms, max_atoms: Number of atoms.
        crystal: `True` for all three directions periodic, `False` for none; by default any.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    atoms = draw(st.integers(min_atoms, max_atoms))
    flags = st.tuples(st.booleans(), st.booleans(), st.booleans())
    periodic = draw(flags) if crystal is None else (crystal,) * 3
    # Sites of a lattice, each moved by less than half of what separates them.
    sites = np.array(list(np.ndindex(2, 2, 2)))[rng.permutation(8)[:atoms] if atoms <= 8 else slice(None)]
    if atoms > 8:
        edge = int(np.ceil(atoms ** (1 / 3)))
        sites = np.array(list(np.ndindex(edge, edge, edge)))[:atoms]
    positions = 1.5 * sites + rng.uniform(-0.22, 0.22, sites.shape)
    width = 1.5 * (sites.max(initial=0) + 1)
    cell = np.eye(3) * width + rng.uniform(-0.15, 0.15, (3, 3)) if any(periodic) else None
    if cell is not None and draw(st.booleans()):
        cell[2] *= -1
    if cell is not None:
        positions = positions + np.where(periodic, rng.integers(-1, 2, positions.shape), 0) @ cell
    return Structure(positions, rng.choice(np.asarray(elements), atoms), cell, periodic)


def graphs(
    elements: Sequence[int], cutoff: float, max_atoms: int = 6, max_systems: int = 3
) -> st.SearchStrategy[Graph]:
    """Batches of drawn structures as one graph, float64."""
    drawn = st.lists(structures(elements, max_atoms, min_atoms=0), min_size=1, max_size=max_systems)
    return drawn.map(lambda parts: batch([part.graph(cutoff) for part in parts]))


def degenerate_structures(elements: Sequence[int]) -> dict[str, Structure]:
    """Structures in which directions, angles or neighbours are missing or cancel."""
    number, free, bound = elements[0], (False,) * 3, (True,) * 3

    def molecule(*positions: Sequence[float]) -> Structure:
        return Structure(np.array(positions).reshape(-1, 3), np.full(len(positions), number), None, free)

    return {
        "no atoms": molecule(),
        "one atom": molecule((0, 0, 0)),
        "a dimer along z": molecule((0, 0, 0), (0, 0, 1.5)),
        "a linear molecule along y": molecule((0, -1.5, 0), (0, 0, 0), (0, 1.5, 0)),
        "a square": molecule((0, 0, 0), (1.5, 0, 0), (1.5, 1.5, 0), (0, 1.5, 0)),
        "a cubic crystal": Structure(np.zeros((1, 3)), np.array([number]), 1.7 * np.eye(3), bound),
    }


def assert_potential(
    model: Model,
    elements: Sequence[int],
    cutoff: float,
    *,
    reach: float | None = None,
    parity: bool = True,
    outputs: Outputs = OUTPUTS,
    tolerance: float = TOLERANCE,
    examples: int = 5,
) -> None:
    r"""Check all laws of this file.

    Args:
        model: In evaluation mode and in float64, such as `Potential(model).double().eval()`.
        elements: Atomic numbers that the model knows.
        cutoff: Of its graphs, in Å.
        reach: How far atoms influence each other, in Å: the cutoff times the number of layers; by default
            twice the cutoff is taken for distant.
        parity: Whether reflections are symmetries of the model.
        outputs: How results transform.
        tolerance: Allowed deviation, in units of 1 + the largest result.
        examples: Number of drawn examples of each law.

    Raises:
        AssertionError: If a law is broken; says which one, for which result, and by how much.
    """
    options: dict[str, Any] = {"outputs": outputs, "tolerance": tolerance, "examples": examples}
    assert_euclidean(model, elements, cutoff, parity=parity, **options)
    assert_permutable(model, elements, cutoff, **options)
    assert_extensive(model, elements, cutoff, reach=reach, **options)
    assert_replicable(model, elements, cutoff, **options)
    assert_finite(model, elements, cutoff)
    assert_smooth(model, elements, cutoff, examples=examples)
    assert_conservative(model, elements, cutoff, examples=examples)


def assert_euclidean(
    model: Model,
    elements: Sequence[int],
    cutoff: float,
    *,
    parity: bool = True,
    outputs: Outputs = OUTPUTS,
    tolerance: float = TOLERANCE,
    examples: int = 5,
) -> None:
    """Check translations, rotations and, with `parity`, reflections; arguments as in `assert_potential`."""

    @_drawn(examples)
    @given(
        structures(elements, max_atoms=3),
        structures(elements, min_atoms=4),
        orthogonals(parity),
        st.integers(0, 2**32 - 1),
    )
    def check(small: Structure, large: Structure, drawn: np.ndarray, seed: int) -> None:
        shift = np.random.default_rng(seed).uniform(-9, 9, 3)
        # Few are drawn. Only four atoms differ from their mirror image, so there are always as many, and a
        # matrix of either determinant.
        matrices = (drawn, -drawn) if parity else (drawn,)
        for structure, matrix in product((small, large), matrices):
            cell = None if structure.cell is None else structure.cell @ matrix.T
            moved = structure._replace(positions=structure.positions @ matrix.T + shift, cell=cell)
            before, after = (_run(model, s.graph(cutoff), outputs) for s in (structure, moved))
            element = Element(matrix, np.zeros(3))
            for name, (_, law) in _known(before, outputs):
                _compare(name, f"under {element}", law.act(element, before[name]), after[name], tolerance)

    check()


def assert_permutable(
    model: Model,
    elements: Sequence[int],
    cutoff: float,
    *,
    outputs: Outputs = OUTPUTS,
    tolerance: float = TOLERANCE,
    examples: int = 5,
) -> None:
    """Check that the order of atoms does not matter; arguments as in `assert_potential`."""

    @_drawn(examples)
    @given(structures(elements, min_atoms=2), st.randoms(use_true_random=False))
    def check(structure: Structure, random: Any) -> None:
        order = list(range(len(structure.numbers)))
        random.shuffle(order)
        moved = structure._replace(positions=structure.positions[order], numbers=structure.numbers[order])
        before, after = (_run(model, s.graph(cutoff), outputs) for s in (structure, moved))
        for name, (place, _) in _known(before, outputs):
            wanted = before[name][order] if place == "atom" else before[name]
            _compare(name, f"with the atoms in the order {order}", wanted, after[name], tolerance)

    check()


def assert_extensive(
    model: Model,
    elements: Sequence[int],
    cutoff: float,
    *,
    reach: float | None = None,
    outputs: Outputs = OUTPUTS,
    tolerance: float = TOLERANCE,
    examples: int = 5,
) -> None:
    """Check that two systems of a batch, and two distant molecules, do not see each other.

    Arguments as in `assert_potential`.
    """

    @_drawn(examples)
    @given(structures(elements, 4), structures(elements, 4), structures(elements, 4, crystal=False))
    def check(first: Structure, second: Structure, third: Structure) -> None:
        parts = [structure.graph(cutoff) for structure in (first, second, third)]
        alone = [_run(model, part, outputs) for part in parts]
        together = _run(model, batch(parts), outputs)
        for name, _ in _known(together, outputs):
            wanted = np.concatenate([result[name] for result in alone])
            _compare(name, "in a batch of three systems", wanted, together[name], tolerance)
        away = third.positions + np.array([20.0 + 2 * max(reach or 0.0, cutoff), 0, 0])
        both = third._replace(
            positions=np.concatenate([third.positions, away]), numbers=np.tile(third.numbers, 2)
        )
        pair = _run(model, both.graph(cutoff), outputs)
        for name, (place, _) in _known(pair, outputs):
            if place == "atom" or name in EXTENSIVE:
                wanted = np.tile(alone[2][name].T, 2).T if place == "atom" else 2 * alone[2][name]
                _compare(name, "with a copy far away", wanted, pair[name], tolerance)

    check()


def assert_replicable(
    model: Model,
    elements: Sequence[int],
    cutoff: float,
    *,
    outputs: Outputs = OUTPUTS,
    tolerance: float = TOLERANCE,
    examples: int = 5,
) -> None:
    """Check that a doubled cell of a crystal is the same crystal; arguments as in `assert_potential`."""

    @_drawn(examples)
    @given(structures(elements, 4, crystal=True), st.integers(0, 2))
    def check(structure: Structure, axis: int) -> None:
        cell = np.array(structure.cell)
        positions = np.concatenate([structure.positions, structure.positions + cell[axis]])
        cell[axis] *= 2
        double = Structure(positions, np.tile(structure.numbers, 2), cell, structure.periodic)
        single, twice = (_run(model, s.graph(cutoff), outputs) for s in (structure, double))
        for name, (place, _) in _known(single, outputs):
            wanted = single[name]
            if place == "atom":
                wanted = np.concatenate([wanted, wanted])
            elif name in EXTENSIVE:
                wanted = 2 * wanted
            elif name != "stress":
                continue
            _compare(name, f"with the cell doubled along {axis}", wanted, twice[name], tolerance)

    check()


def assert_finite(model: Model, elements: Sequence[int], cutoff: float) -> None:
    """Check results, their gradients and those of the forces, where angles and neighbours are missing.

    Arguments as in `assert_potential`; the stress of what has no volume is left out.
    """
    for name, structure in degenerate_structures(elements).items():
        graph = structure.graph(cutoff)
        graph = graph.replace(positions=graph.positions.requires_grad_())
        results = dict(model(graph))
        results.pop("stress", None)
        total = sum((value.sum() + value.square().sum() for value in results.values()), torch.zeros(()))
        gradient = torch.zeros(())
        if total.requires_grad:
            (gradient,) = torch.autograd.grad(total, graph.positions, materialize_grads=True)
        for key, value in {**results, "gradient": gradient}.items():
            if not torch.isfinite(value).all():
                raise AssertionError(f"{key} is not finite for {name}")


def assert_smooth(
    model: Model,
    elements: Sequence[int],
    cutoff: float,
    *,
    step: float = 1e-7,
    tolerance: float = 1e-5,
    examples: int = 5,
) -> None:
    """Check that energy and forces do not jump when an atom crosses the cutoff of another.

    Args:
        model, elements, cutoff, examples: As in `assert_potential`.
        step: Distance before and behind the cutoff, in Å.
        tolerance: Allowed jump, in units of 1 + the largest result.
    """

    @_drawn(examples)
    @given(structures(elements, 4, crystal=False), st.integers(0, 2**32 - 1))
    def check(structure: Structure, seed: int) -> None:
        rng = np.random.default_rng(seed)
        direction = rng.standard_normal(3)
        direction /= np.linalg.norm(direction)
        # The atom farthest along the direction is the one whose cutoff the probe crosses.
        edge = structure.positions[np.argmax(structure.positions @ direction)]
        results = []
        for distance in (cutoff - step, cutoff + step):
            probe = structure._replace(
                positions=np.vstack([structure.positions, edge + distance * direction]),
                numbers=np.append(structure.numbers, elements[-1]),
            )
            results.append(_run(model, probe.graph(cutoff), OUTPUTS))
        for name in ("energy", "forces"):
            if name in results[0]:
                _compare(name, "as an atom crosses the cutoff", results[0][name], results[1][name], tolerance)

    check()


def assert_conservative(
    model: Model,
    elements: Sequence[int],
    cutoff: float,
    *,
    step: float = 1e-3,
    tolerance: float = 1e-6,
    examples: int = 5,
) -> None:
    r"""Check that forces and virial are minus the slopes of the energy, by finite differences.

    Args:
        model, elements, cutoff, examples: As in `assert_potential`; the edges are kept while atoms move.
        step: Of the difference $(8 (E_1 - E_{-1}) - (E_2 - E_{-2})) / 12 h$, in Å.
        tolerance: Allowed deviation, in units of 1 + the largest energy or slope.
    """

    @_drawn(examples)
    @given(structures(elements), st.integers(0, 2**32 - 1))
    def check(structure: Structure, seed: int) -> None:
        rng = np.random.default_rng(seed)
        graph = structure.graph(cutoff)
        results = _run(model, graph, OUTPUTS)
        direction = torch.from_numpy(rng.standard_normal((graph.nodes, 3)))
        strain = torch.from_numpy(rng.standard_normal((1, 3, 3)))
        strain = 0.1 * (strain + strain.mT)

        def slope(moved: Callable[[float], Graph]) -> float:
            energies = {k: float(model(moved(k * step))["energy"].sum().detach()) for k in (-2, -1, 1, 2)}
            return (8 * (energies[1] - energies[-1]) - (energies[2] - energies[-2])) / (12 * step)

        scale = 1 + np.abs(results["energy"]).max()
        if "forces" in results:
            wanted = -slope(lambda t: graph.replace(positions=graph.positions + t * direction))
            found = float((results["forces"] * direction.numpy()).sum())
            if not abs(wanted - found) < tolerance * (scale + abs(wanted)):
                raise AssertionError(f"forces give a slope of {found:.9g}, the energy one of {wanted:.9g}")
        if "virial" in results:
            wanted = -slope(lambda t: graph.strain(t * strain))
            found = float((results["virial"] * strain.numpy()).sum())
            if not abs(wanted - found) < tolerance * (scale + abs(wanted)):
                raise AssertionError(f"the virial gives {found:.9g}, the strained energy {wanted:.9g}")

    check()


def _run(model: Model, graph: Graph, outputs: Outputs) -> dict[str, np.ndarray]:
    results = {}
    for name, value in model(graph).items():
        if name in outputs:
            place, law = outputs[name]
            shape = (graph.nodes if place == "atom" else len(graph.cells), *law.shape)
            if tuple(value.shape) != shape:
                raise AssertionError(
                    f"{name} has shape {tuple(value.shape)}, not {shape}: one row per {place}"
                )
            results[name] = value.detach().double().cpu().numpy()
    if not results:
        raise AssertionError(f"the model returns none of {', '.join(outputs)}")
    return results


def _known(results: Mapping[str, Any], outputs: Outputs) -> list[tuple[str, tuple[str, Argument]]]:
    return [(name, outputs[name]) for name in results]


def _compare(name: str, where: str, wanted: np.ndarray, found: np.ndarray, tolerance: float) -> None:
    if wanted.shape != found.shape or (np.isnan(wanted) != np.isnan(found)).any():
        raise AssertionError(f"{name} changes its shape, or is no number, {where}")
    deviation = np.nanmax(np.abs(wanted - found), initial=0.0)
    if deviation > tolerance * (1 + np.nanmax(np.abs(wanted), initial=0.0)):
        raise AssertionError(f"{name} deviates by {deviation:.3g} {where}")


def _drawn(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # a smaller seed is no simpler structure
        verbosity=Verbosity.quiet,  # the message says what was drawn
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
