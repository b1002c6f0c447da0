r"""A model for any build of LAMMPS that Python can load, through `fix external`, on one rank.

LAMMPS hands over the positions of its atoms at each step, and takes back forces, energy and virial

$$W = \sum_i r_i \otimes F_i = -V \sigma, \qquad \text{in the order } xx, yy, zz, xy, xz, yz,$$

with the stress $\sigma$ positive under tension. Neighbours are searched here, so no pair style is needed.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from ase import Atoms

from cartesian.nn.calculators.ase import ASE
from cartesian.nn.calculators.source import Model

VOIGT = [0, 1, 2, 5, 4, 3]
"""The components of LAMMPS by their places in the stress of ASE."""


class FixExternal:
    """A trained potential for `fix external` of LAMMPS; metal units, one rank.

    Args:
        model: The folder of a model or of a run, or a model; a list of them makes a committee.
        elements: The element of each atom type, in their order.
        charge: Total charge, in elementary charges.
        device, dtype, skin: As of `ASE`.

    Attributes:
        calculator: The `ASE` calculator; its `results` are those of the last step.

    Raises:
        ValueError: If the model does not know an element.

    Examples:
        In Python::

            lmp = lammps.lammps()
            lmp.file("copper.in")
            FixExternal("runs/copper", ["Cu"]).attach(lmp)
            lmp.command("run 1000")
    """

    def __init__(
        self,
        model: Model | Sequence[Model],
        elements: Sequence[str],
        *,
        charge: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        skin: float = 0.5,
    ) -> None:
        self.calculator = ASE(model, device=device, dtype=dtype, skin=skin)
        self.elements, self.charge = list(elements), charge
        types = Atoms(self.elements)
        for source in self.calculator.sources:
            source.check(torch.from_numpy(types.numbers), "the types of LAMMPS")
        self._numbers = types.numbers

    def attach(self, lmp: Any, name: str = "cartesian") -> None:
        """Add the fix to an instance of LAMMPS that has atoms.

        When a step fails, Python prints the error and the run ends; forces, energy and virial are no numbers.

        Args:
            lmp: A `lammps.lammps`.
            name: Of the fix.

        Raises:
            ValueError: If units are not metal, ranks are several, or types and elements differ in number.
        """
        units, ranks, types = (
            lmp.extract_global("units"),
            lmp.extract_setting("world_size"),
            lmp.extract_global("ntypes"),
        )
        if units != "metal":
            raise ValueError(f"LAMMPS works in units {units}; eV, Å and ps are units metal")
        if ranks > 1:
            raise ValueError(
                f"fix external sees the atoms of one rank, and there are {ranks}: "
                "on several, a model runs as cartesian.nn.calculators.LAMMPS"
            )
        if types != len(self.elements):
            raise ValueError(f"there are {types} atom types, but the elements {', '.join(self.elements)}")
        lmp.command(f"fix {name} all external pf/callback 1 1")
        lmp.command(f"fix_modify {name} energy yes virial yes")
        lmp.set_fix_external_callback(name, self._forces, (lmp, name))

    def _forces(
        self, caller: tuple[Any, str], _step: int, own: int, tags: np.ndarray, x: np.ndarray, f: np.ndarray
    ) -> None:
        lmp, name = caller
        try:
            # By their numbers: LAMMPS sorts atoms now and then.
            order = np.argsort(tags[:own])
            atoms = self._atoms(lmp, x[order], lmp.numpy.extract_atom("type")[:own][order])
            self.calculator.calculate(atoms, ["stress"])
            results = self.calculator.results
            f[order] = results["forces"]
            virial = -atoms.cell.volume * results["stress"][VOIGT]
            lmp.fix_external_set_energy_global(name, results["energy"])
            lmp.fix_external_set_virial_global(name, virial.tolist())
        except Exception:
            # LAMMPS does not see exceptions of Python, and would go on with the forces of the step before.
            lmp.force_timeout()
            f[:] = np.nan
            lmp.fix_external_set_energy_global(name, np.nan)
            lmp.fix_external_set_virial_global(name, [np.nan] * 6)
            raise

    def _atoms(self, lmp: Any, positions: np.ndarray, types: np.ndarray) -> Atoms:
        low, high, xy, yz, xz, periodic, _ = lmp.extract_box()
        cell = np.diag(np.subtract(high, low))
        cell[1, 0], cell[2, 0], cell[2, 1] = xy, xz, yz
        info = {"total_charge": self.charge}
        return Atoms(self._numbers[types - 1], positions, cell=cell, pbc=periodic, info=info)
