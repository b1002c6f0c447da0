r"""A model for LAMMPS, as an object of `pair_style mliap unified`, on any number of ranks.

LAMMPS gives each rank its own atoms, ghosts (copies of atoms of other ranks, or of images) and the pairs
$(i, j)$ of own atoms with any atom within the cutoff, with $r_{ij} = r_j - r_i$. The energy is a function of
these vectors alone, and a rank adds up its own atoms. What it hands back is

$$f_{ij} = \frac{\partial E}{\partial r_{ij}}, \qquad
  F_i \mathrel{+}= f_{ij}, \quad F_j \mathrel{-}= f_{ij},$$

and LAMMPS returns what falls on ghosts to their owners.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cartesian.nn.calculators.domain import compute, make_domain, require_local
from cartesian.nn.calculators.source import open_model
from cartesian.nn.elements import SYMBOLS


class LAMMPS:
    """A trained potential for `pair_style mliap unified`; metal units.

    What is pickled is the folder of the model, so LAMMPS loads it where it runs.

    Args:
        folder: Of a model or of a run.
        elements: In the order of the types of `pair_coeff`; by default those of the model.
        device, dtype: By default those of the model.

    Raises:
        ValueError: If an element is unknown to the model, or the model reads neighbours in a way in which
            ghosts cannot be served, as by charges that depend on all atoms.
        RuntimeError: When called, if this build of LAMMPS cannot exchange features; that needs KOKKOS.

    Examples:
        In Python, beside the library of LAMMPS::

            potential = LAMMPS("runs/copper")
            lammps.mliap.load_unified(potential)  # pair_style mliap unified EXISTS; pair_coeff * * Cu
    """

    def __init__(
        self,
        folder: str | Path | nn.Module,
        elements: list[str] | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self._arguments = (folder, elements, device, dtype)
        self.source = open_model(folder, device, dtype)
        symbols = [SYMBOLS[number] for number in self.source.elements]
        self.element_types = list(symbols if elements is None else elements)
        unknown = [symbol for symbol in self.element_types if symbol not in symbols]
        if unknown:
            raise ValueError(
                f"{self.source.name} does not know {', '.join(unknown)}: it was made for {', '.join(symbols)}"
            )
        self._numbers = torch.tensor([SYMBOLS.index(symbol) for symbol in self.element_types])
        # Names and meanings that LAMMPS asks for; half the cutoff is the radius of one atom.
        self.interface, self.ndescriptors, self.nparams = None, 1, 1
        self.rcutfac = self.source.cutoff / 2
        require_local(self.source)

    def __reduce__(self) -> tuple[Any, ...]:
        if isinstance(self._arguments[0], nn.Module):
            raise TypeError("a model at hand is not pickled: save it with save_model, and give the folder")
        return (LAMMPS, self._arguments)

    def compute_descriptors(self, data: Any) -> None:
        """Nothing; a unified model has none."""

    def compute_gradients(self, data: Any) -> None:
        """Nothing; forces are computed together with energies."""

    def compute_forces(self, data: Any) -> None:
        """Energies of the own atoms and forces of the pairs of one rank, into `data`."""
        own, total, device, dtype = data.nlistatoms, data.ntotal, self.source.device, self.source.dtype
        numbers = self._numbers[_tensor(data.elems).long()[:total]].to(device)
        receivers, senders = (_tensor(values).long().to(device) for values in (data.pair_i, data.pair_j))
        order = torch.argsort(receivers, stable=True)
        rij = _tensor(data.rij).to(device, dtype).reshape(-1, 3).requires_grad_()
        # LAMMPS: from the own atom to its neighbour; here from the sender, the neighbour, to the receiver.
        edges = (senders[order], receivers[order], -rij[order])
        domain = make_domain(numbers, *edges, self.source.elements[0])
        energies = compute(self.source.model, domain, own, data)
        (gradient,) = torch.autograd.grad(energies.sum(), rij, materialize_grads=True)
        data.energy = float(energies.detach().sum())
        target = _tensor(data.eatoms)
        target[:own] = energies.detach().to(target)
        if device.type == "cpu":
            data.update_pair_forces(gradient.double().numpy())
        else:
            data.update_pair_forces_gpu(gradient.double())


def _tensor(values: Any) -> Tensor:
    """What LAMMPS hands out: NumPy on the CPU, CuPy or DLPack on GPUs; shares its memory."""
    return (
        torch.utils.dlpack.from_dlpack(values) if hasattr(values, "__dlpack__") else torch.as_tensor(values)
    )
