"""A calculator for ASE: energies, forces, stress and every further result of a model, or of several."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from torch import Tensor, nn

from cartesian.nn.calculators.committee import Committee
from cartesian.nn.calculators.moving_graph import MovingGraph
from cartesian.nn.calculators.source import Model, check_finite, open_model, structure_name
from cartesian.nn.heads.forces import Potential
from cartesian.nn.heads.outputs import parse_targets

PROPERTIES = ("energy", "free_energy", "energies", "forces", "stress")
"""Of any model."""


class ASE(Calculator):
    r"""A trained potential as an ASE calculator.

    `results` holds, in the units of ASE: `energy` and `free_energy` in eV, `energies` of the atoms in eV,
    `forces` in eV/Å, `stress` in eV/Å³ in the order xx, yy, zz, yz, xz, xy, positive under tension; and what
    the model was trained for besides, such as `dipole` in eÅ or `polarizability` in eÅ²/V. The stress exists
    where there are three lattice vectors. The total charge is `atoms.info["total_charge"]`, by default zero.

    Of several models the results are means, and there are `energy_deviation`, `energies_deviation` and
    `forces_deviation`, their sample standard deviations, and `energy_members` and `forces_members`.

    Args:
        model: The folder of a model or of a run, or a model; a list of them makes a committee.
        device: By default that of the model.
        dtype: By default that of the model; float64 for relaxations to small forces and for phonons.
        skin: In Å; neighbours are searched again when an atom has moved half of it.

    Attributes:
        members: The models.
        moving: Its `searches` counts the neighbour searches.

    Raises:
        TypeError: If a model does not say which elements it knows.
        ValueError: If models of a committee differ in their cutoffs; when asked, if an atom is of an element
            that a model does not know, or a result is not finite.

    Examples:
        >>> from ase.build import molecule
        >>> from cartesian.nn.models import TensorNet, TensorNetConfig
        >>> atoms = molecule("H2O")
        >>> atoms.calc = ASE(TensorNet(TensorNetConfig(("H", "O"), channels=4)))
        >>> atoms.get_forces().shape
        (3, 3)
    """

    def __init__(
        self,
        model: Model | Sequence[Model],
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        skin: float = 0.5,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        models: Sequence[Model] = [model] if isinstance(model, (str, Path, nn.Module)) else model
        self.sources = [open_model(entry, device, dtype) for entry in models]
        self.members = [source.model for source in self.sources]
        cutoffs = sorted({source.cutoff for source in self.sources})
        if len(cutoffs) != 1:
            raise ValueError(f"models of a committee share a cutoff; these have {cutoffs} Å")
        first = self.sources[0]
        self.moving = MovingGraph(cutoffs[0], skin, first.dtype, first.device)
        self.potential = Potential(first.model) if len(self.members) == 1 else Committee(self.members)
        self.potential.eval()
        self._of_atoms = first.of_atoms
        targets = parse_targets(getattr(first.model.config, "targets", ()))
        self.implemented_properties = [*PROPERTIES, *(target.name for target in targets)]
        if len(self.members) > 1:
            self.implemented_properties += [f"{name}_deviation" for name in ("energy", "energies", "forces")]
            self.implemented_properties += ["energy_members", "forces_members"]

    def calculate(
        self,
        atoms: Any = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Fill `results` for a structure."""
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        atoms = self.atoms
        has_volume = bool(atoms.cell.rank == 3)
        if "stress" in properties and not has_volume:
            raise PropertyNotImplementedError(
                f"the stress of {atoms.get_chemical_formula()} is a force per area, and there is no cell: "
                "give three lattice vectors"
            )
        numbers = torch.from_numpy(atoms.numbers)
        name = structure_name(numbers, atoms.get_chemical_formula())
        for source in self.sources:
            source.check(numbers, name)
        graph = self.moving.graph(
            atoms.positions,
            atoms.numbers,
            atoms.cell.array if atoms.cell.rank else None,
            atoms.pbc,
            float(atoms.info.get("total_charge", 0.0)),
            name,
        )
        for member in [self.potential, *getattr(self.potential, "members", [])]:
            member.stress = has_volume
        found = self.potential(graph)
        check_finite(found, graph, name)
        found.pop("virial", None)
        self.results = {key: self._own(key, value) for key, value in found.items()}
        self.results["free_energy"] = self.results["energy"]
        if "stress" in self.results:
            self.results["stress"] = full_3x3_to_voigt_6_stress(self.results["stress"])  # type: ignore[no-untyped-call]

    def _own(self, name: str, value: Tensor) -> Any:
        """The result of the only system there is."""
        array = value.detach().double().cpu().numpy()
        if name.endswith("_members"):
            return array[:, 0] if name == "energy_members" else array
        if name in self._of_atoms:
            return array
        return array[0] if array.ndim > 1 else float(array[0])
