r"""What a model tells: the energy, and further results named in its settings, such as a dipole moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from math import inf
from typing import Any, Literal

from torch import Tensor, nn

from cartesian.nn.graph import Graph
from cartesian.nn.heads.energy import Energy, Values
from cartesian.nn.heads.forces import DirectForces
from cartesian.nn.heads.repulsion import Repulsion, parse_repulsion
from cartesian.nn.heads.tensors import Dipole, PositiveTensor, TensorHead, mean_atoms, sum_atoms
from cartesian.ops.spaces import TensorSpace
from cartesian.spec import Irreps

DERIVED = ("energy", "forces", "virial", "stress")
"""Results that need no target: the energy, and what `Potential` derives from it."""

_POOLS = {"sum": sum_atoms, "mean": mean_atoms, "none": None}


@dataclass(frozen=True)
class Target:
    r"""A result beside the energy.

    Attributes:
        name: Its key in what the model returns.
        formula: Index symmetry of the tensor, such as `"ij=ji"`; `"i"` is a vector.
        pool: "sum" over the atoms of a system (extensive), "mean" (intensive), or "none": one per atom.
        scale: A factor, with the unit of the observable.
        axial: Whether the tensor changes sign under reflections beyond the rule of its indices.
        head: "tensor"; "positive" for a symmetric matrix with positive eigenvalues, of which the logarithm is
            pooled; "charges" for a dipole of atomic dipoles and charges; "forces" for vectors of the atoms
            without their mean over the system.

    Raises:
        ValueError: If the name is that of a derived result, or a field has no such value.
    """

    name: str
    formula: str
    pool: Literal["sum", "mean", "none"] = "sum"
    scale: float = 1.0
    axial: bool = False
    head: Literal["tensor", "positive", "charges", "forces"] = "tensor"

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or self.name in (*DERIVED, "energies"):
            raise ValueError(
                f"{self.name!r} cannot be the name of a target: it is a word, and "
                f"{', '.join(DERIVED)} are there without being asked for"
            )
        if self.pool not in _POOLS:
            raise ValueError(f"target {self.name!r} is pooled by 'sum', 'mean' or 'none', not {self.pool!r}")
        if self.head not in ("tensor", "positive", "charges", "forces"):
            raise ValueError(f"target {self.name!r} has the head {self.head!r}: no such head")
        if self.head == "positive" and (self.formula != "ij=ji" or self.axial):
            axial = "axial " * self.axial
            raise ValueError(
                f"target {self.name!r}: positive are matrices 'ij=ji', not {axial}{self.formula!r}"
            )
        if self.head in ("charges", "forces") and self.formula != "i":
            raise ValueError(f"target {self.name!r}: {self.head} make vectors 'i', not {self.formula!r}")

    def make(self) -> "Dipole | DirectForces | PositiveTensor | TensorHead":
        """The head."""
        if self.head == "positive":
            return PositiveTensor(_POOLS[self.pool], self.scale)
        if self.head == "forces":
            return DirectForces(self.scale)
        if self.head == "charges":
            return Dipole(charges=True, scale=self.scale)
        return TensorHead(TensorSpace(self.formula, axial=self.axial), _POOLS[self.pool], self.scale)


NAMED = {
    target.name: target
    for target in (
        Target("dipole", "i"),
        Target("polarizability", "ij=ji"),
        Target("hyperpolarizability", "ijk=jik=ikj"),
        Target("second_hyperpolarizability", "ijkl=jikl=ikjl=ijlk"),
        Target("dielectric", "ij=ji", "mean"),
        Target("piezoelectric", "ijk=ikj", "mean"),
        Target("stiffness", "ijkl=jikl=klij", "mean"),
        Target("direct_forces", "i", "none", head="forces"),
        Target("shielding", "ij", "none"),
        Target("born_charges", "ij", "none"),
    )
}
"""Targets that a name is enough for."""

Targets = Sequence[str | Mapping[str, Any] | Target]
"""What `parse_targets` reads."""


def parse_targets(targets: Targets) -> tuple[Target, ...]:
    """Targets from names, from mappings of the fields of a `Target`, or as they are.

    A mapping with the name of a known target changes some of its fields.

    Raises:
        ValueError: If a name is unknown, and no formula is given; if two targets have one name.

    Examples:
        >>> parse_targets(["dipole", {"name": "quadrupole", "formula": "ij=ji"}])[1].make().irreps
        1x0e+1x2e
    """
    parsed = tuple(_parse(target) for target in targets)
    names = [target.name for target in parsed if target.name not in DERIVED]
    if len(set(names)) < len(names):
        raise ValueError(f"each target has a name of its own, not as in {', '.join(names)}")
    return parsed


def _parse(target: str | Mapping[str, Any] | Target) -> Target:
    if isinstance(target, Target):
        return target
    given = {"name": target} if isinstance(target, str) else dict(target)
    known = [field.name for field in fields(Target)]
    wrong = [key for key in given if key not in known]
    if "name" not in given or wrong:
        raise ValueError(f"a target is a name, or a mapping of {', '.join(known)}; not {target!r}")
    if given["name"] in NAMED:
        given = {**{key: getattr(NAMED[given["name"]], key) for key in known}, **given}
    if "formula" not in given:
        near = get_close_matches(str(given["name"]), NAMED, 1)
        raise ValueError(
            f"no target is called {given['name']!r}"
            + (f"; is it {near[0]!r}?" if near else "")
            + f" Known are {', '.join(NAMED)}; any other tensor needs its index symmetry, as in "
            '{"name": "quadrupole", "formula": "ij=ji"}'
        )
    return Target(**given)


class Outputs(nn.Module):
    r"""Energies and further targets from what the readouts of a model say about each atom.

    Args:
        elements: Symbols or atomic numbers, in the order of the species.
        scale, shift, isolated: Of the energies, in eV; see `Energy`.
        targets: See `parse_targets`.
        repulsion: Of the nuclei, which is added to the energies; see `parse_repulsion`.
        cutoff: Of the graph, in Å, beyond which there is no repulsion.

    Attributes:
        irreps: What a readout has to give for each target, by name.

    Shape:
        Numbers `(nodes,)` or `(nodes, 1)`, parts `{name: (nodes, irreps[name].dim)}`, species and a graph to
        a dictionary of `"energy"` `(systems,)` and `"energies"` `(nodes,)`, float64, in eV, and the targets.

    Examples:
        >>> Outputs(["H", "O"], targets=["dipole", "polarizability"]).irreps
        {'dipole': 1x1o, 'polarizability': 1x0e+1x2e}
    """

    def __init__(
        self,
        elements: Sequence[str | int],
        scale: Values = 1.0,
        shift: Values = 0.0,
        isolated: Values = 0.0,
        targets: Targets = (),
        repulsion: Repulsion = False,
        cutoff: float = inf,
    ) -> None:
        super().__init__()
        self.energy = Energy(elements, scale, shift, isolated)
        self.repulsion = parse_repulsion(repulsion, cutoff)
        self.tensors = nn.ModuleDict({target.name: target.make() for target in parse_targets(targets)})

    @property
    def irreps(self) -> dict[str, Irreps]:
        """What a readout has to give for each target."""
        return {name: head.irreps for name, head in self.tensors.items()}  # type: ignore[misc]

    def forward(
        self, values: Tensor, parts: Mapping[str, Tensor], species: Tensor, graph: Graph
    ) -> dict[str, Tensor]:
        """All results."""
        energies = self.energy.energies(values, species)
        if self.repulsion is not None:
            energies = energies + self.repulsion(graph)
        results = {"energy": graph.sum_systems(energies), "energies": energies}
        for name, head in self.tensors.items():
            results[name] = head(parts[name], graph)
        return results
