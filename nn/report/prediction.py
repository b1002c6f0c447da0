"""What models say of structures: of a batch at once, and of whole files."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cartesian.nn.calculators.committee import joint
from cartesian.nn.calculators.source import Source, check_finite
from cartesian.nn.data.batching import batch
from cartesian.nn.data.frames import Frame, Frames
from cartesian.nn.files import atomic
from cartesian.nn.heads.forces import Potential

Results = dict[str, torch.Tensor]


def predict(source: Source, frames: Sequence[Frame], asked: AbstractSet[str]) -> Iterator[Results]:
    """The results for each of several frames, computed at once, in float64.

    Args:
        source: The model, from `open_model`.
        frames: Whose labels say what belongs to atoms, besides what always does.
        asked: Names of results; forces, stress and virial are computed if they are among them.

    Raises:
        ValueError: If an element is unknown to the model, or a result is not finite.
    """
    for frame in frames:
        source.check(torch.from_numpy(frame.numbers), frame.where or "a frame")
    graph = batch([frame.graph(source.cutoff, source.dtype) for frame in frames]).to(source.device)
    model = source.model
    if asked & {"forces", "stress", "virial"} and getattr(model.config, "energy", True):
        model = Potential(model, bool(asked & {"stress", "virial"})).eval()
    results = model(graph)
    check_finite(results, graph, " and ".join({frames[0].where, frames[-1].where}) or "the frames")
    values, of_atoms = {name: value.double().cpu() for name, value in results.items()}, source.of_atoms
    ends = np.cumsum([len(frame.numbers) for frame in frames])
    for k, (frame, end) in enumerate(zip(frames, ends, strict=True)):
        start = end - len(frame.numbers)
        yield {
            name: value[start:end] if name in of_atoms | frame.atomic else value[k]
            for name, value in values.items()
        }


def label(
    sources: Sequence[Source], frames: Frames, output: str | Path, prefix: str = "", size: int = 16
) -> int:
    """Write structures with what models say of them as extended XYZ.

    Energies and forces stand where ASE looks for them, further results under their names, tensors as flat
    rows, in eV, Å and e: so they can be trained on. There is a stress where there are three lattice vectors.
    Several models say their mean, and how far they disagree in energies and forces: `energy_deviation`,
    `energies_deviation`, `forces_deviation`, sample standard deviations. All else a file says of a structure
    is kept, except energies, forces and further results of a calculator.

    Args:
        sources: The models, from `open_model`.
        frames: The structures; labels are not needed. Unless they are told where charges stand, it is
            `total_charge`, by default zero, as for the calculator of ASE.
        output: The file, which exists whole or not at all.
        prefix: Of the names of results; with one, nothing that the files say is lost.
        size: Number of structures computed at once.

    Returns:
        The number of structures.

    Raises:
        ValueError: As `predict`; if `output` is not extended XYZ, or one of the files that are read.
    """
    from ase.io.extxyz import write_extxyz

    output = Path(output)
    if output.suffix not in (".xyz", ".extxyz"):
        raise ValueError(f"structures are written as extended XYZ, to .xyz or .extxyz: {output} is neither")
    if any(source.path.resolve() == output.resolve() for source in frames.sources):
        raise ValueError(f"{output} is one of the files that are read: name another one to write to")
    of_atoms = sources[0].of_atoms
    with atomic.replacing(output) as file:
        for start in range(0, len(frames), size):
            read = [frames.atoms(k) for k in range(start, min(start + size, len(frames)))]
            part = [frames.frame(atoms, where) for atoms, where in read]
            if frames.charge is None:
                part = [replace(frame, charge=frame.attributes.get("total_charge", 0.0)) for frame in part]
            has_volume = [bool(atoms.cell.rank == 3) for atoms, _ in read]
            asked = {"energy", "forces", *(["stress"] if any(has_volume) else [])}
            said = zip(*(predict(source, part, asked) for source in sources), strict=True)
            text = StringIO()
            for (atoms, _), results, has_stress in zip(read, said, has_volume, strict=True):
                said_of_it = joint(results) if len(sources) > 1 else results[0]
                left_out = {"virial"} if has_stress else {"virial", "stress"}
                kept = {name: value.numpy() for name, value in said_of_it.items() if name not in left_out}
                write_extxyz(text, [_labelled(atoms, kept, prefix, of_atoms)])
            file.write(text.getvalue().encode())
    return len(frames)


def _labelled(atoms: Any, results: Mapping[str, np.ndarray], prefix: str, of_atoms: AbstractSet[str]) -> Any:
    """A copy of a structure with results, under names that begin with a prefix."""
    from ase.calculators.calculator import all_properties
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.stress import full_3x3_to_voigt_6_stress

    copy = atoms.copy()
    known = dict(atoms.calc.results) if prefix and atoms.calc else {}
    for name, value in results.items():
        key, values = prefix + name, value
        for place in (copy.info, copy.arrays):
            place.pop(key, None)
        if name == "stress":
            values = full_3x3_to_voigt_6_stress(value)  # type: ignore[no-untyped-call]
        if key in all_properties:
            known[key] = values
        elif name in of_atoms:
            copy.arrays[key] = values.reshape(len(copy), -1)
        else:
            copy.info[key] = values.reshape(-1) if values.ndim else float(values)
    copy.calc = SinglePointCalculator(copy, **known)  # type: ignore[no-untyped-call]
    return copy
