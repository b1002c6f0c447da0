"""What a calculator needs to know of a model: where it is, how far it sees, which elements it knows."""

from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from cartesian.nn.elements import SYMBOLS, atomic_numbers
from cartesian.nn.files import load_model
from cartesian.nn.graph import Graph
from cartesian.nn.heads.outputs import parse_targets

Model = str | Path | nn.Module
"""The folder of a model or of a run, or the model itself."""


class Source(NamedTuple):
    """A model ready for use, and what its settings say.

    Attributes:
        model: In evaluation mode; its parameters require no gradients.
        name: For errors.
        cutoff: In Å.
        elements: Atomic numbers.
        dtype, device: Of its parameters.
    """

    model: nn.Module
    name: str
    cutoff: float
    elements: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device

    @property
    def of_atoms(self) -> frozenset[str]:
        """Names of results that belong to atoms, and of their deviations in a committee."""
        targets = parse_targets(getattr(self.model.config, "targets", ()))
        own = {target.name for target in targets if target.pool == "none"}
        both = ("energies", "forces")
        return frozenset({*own, *both, *(f"{name}_deviation" for name in both)})

    def check(self, numbers: Tensor, structure: str) -> None:
        """Refuse a structure with an element that the model does not know.

        Raises:
            ValueError: Names the atom, its element, the structure and the model.
        """
        known = torch.isin(numbers, torch.tensor(self.elements, device=numbers.device))
        if not bool(known.all()):
            atom = int((~known).int().argmax())
            raise ValueError(
                f"atom {atom} of {structure} is {SYMBOLS[int(numbers[atom])]}, which {self.name} does not "
                f"know: it was made for {', '.join(SYMBOLS[number] for number in self.elements)}"
            )


def open_model(
    model: Model, device: torch.device | str | None = None, dtype: torch.dtype | None = None
) -> Source:
    """A model from its folder, or a copy of one at hand.

    Args:
        model: The folder of a model or of a run; or a model, whose `config` has `elements` and `cutoff`.
        device, dtype: By default those of the model.

    Raises:
        TypeError: If it is no such model, as a `Potential`, which a calculator makes by itself.
    """
    if isinstance(model, nn.Module):
        config = getattr(model, "config", None)
        if config is None or not hasattr(config, "elements") or not hasattr(config, "cutoff"):
            raise TypeError(
                f"a {type(model).__name__} does not say which elements it knows and how far it sees: hand in "
                "a model with a config that has elements and cutoff, without a Potential around it"
            )
        name, model = type(model).__name__, deepcopy(model).to(device, dtype)
    else:
        name, model = f"the model in {model}", load_model(model).to(device, dtype)
    found = next(model.parameters(), None)
    settings: Any = model.config
    return Source(
        model.eval().requires_grad_(False),
        name,
        float(settings.cutoff),
        atomic_numbers(settings.elements),
        torch.get_default_dtype() if found is None else found.dtype,
        torch.device("cpu") if found is None else found.device,
    )


def structure_name(numbers: Tensor, formula: str = "") -> str:
    """How a structure without a name is called in errors, such as "a structure of 3 atoms (H2O)"."""
    return f"a structure of {len(numbers)} atoms" + (f" ({formula})" if formula else "")


def check_finite(results: dict[str, Tensor], graph: Graph, structure: str) -> None:
    """Refuse results that are no numbers; the stress of what has no volume may be none.

    Raises:
        ValueError: Names the result, the first atom where it belongs to one, and the structure.
    """
    for name, value in results.items():
        if name == "stress" or bool(torch.isfinite(value).all()):
            continue
        rows = (~torch.isfinite(value)).reshape(len(value), -1).any(1)
        place = f" of atom {int(rows.int().argmax())}" if len(value) == graph.nodes else ""
        raise ValueError(
            f"{name}{place} of {structure} is not finite: the structure is far from all that the model was "
            "made for, or the dynamics has exploded; look at its last steps, or take a shorter time step"
        )
