r"""Energies: what a network says about each atom, in units and on the scale of the data, and summed."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from cartesian.nn.elements import SYMBOLS, atomic_numbers, element_values
from cartesian.nn.graph import Graph
from cartesian.nn.heads.tables import Tables

Values = float | Sequence[float] | Mapping[str | int, float]


class Energy(Tables):
    r"""The energy of each system from one number per atom.

    $$E = \sum_i \left( a_{z_i} x_i + b_{z_i} + E^0_{z_i} \right)$$

    Everything is computed in float64 and extensive: energies of atoms that do not interact add up.

    Args:
        elements: Symbols or atomic numbers, in the order of the species.
        scale: $a$, in eV: one number, one per element in order, or by symbol.
        shift: $b$, in eV, likewise.
        isolated: $E^0$, in eV, the energy of each isolated atom, likewise.
        trainable: Whether $a$ and $b$ are parameters; then their digits are those of the module's dtype.

    Shape:
        Numbers `(nodes,)` or `(nodes, 1)`, species `(nodes,)` and a graph to `(systems,)`, float64, in eV.

    Raises:
        ValueError: If a number is missing.

    Examples:
        >>> head = Energy(["H", "O"], isolated={"H": -13.6, "O": -2042.0})
        >>> graph = Graph.from_edges(torch.zeros(3, 3), [1, 1, 8], [], [])
        >>> head(torch.zeros(3), torch.tensor([0, 0, 1]), graph)
        tensor([-2069.2000], dtype=torch.float64)
    """

    scale: Tensor
    shift: Tensor
    isolated: Tensor

    def __init__(
        self,
        elements: Sequence[str | int],
        scale: Values = 1.0,
        shift: Values = 0.0,
        isolated: Values = 0.0,
        trainable: bool = False,
    ) -> None:
        super().__init__()
        self.symbols = tuple(SYMBOLS[number] for number in atomic_numbers(elements))
        for name, given in (("scale", scale), ("shift", shift), ("isolated", isolated)):
            values = torch.tensor(element_values(given, elements, f"values of {name}"), dtype=torch.float64)
            if trainable and name != "isolated":
                self.register_parameter(name, nn.Parameter(values.to(torch.get_default_dtype())))
            else:
                self.register_buffer(name, values)

    def forward(self, values: Tensor, species: Tensor, graph: Graph) -> Tensor:
        """Energy of each system, `(systems,)`, float64."""
        return graph.sum_systems(self.energies(values, species))

    def energies(self, values: Tensor, species: Tensor) -> Tensor:
        """Energy of each atom, `(nodes,)`, float64."""
        # In float32 the total of 10⁵ atoms at -10³ eV is known only to a multiple of 8 eV.
        scale, shift = self.scale.double()[species], self.shift.double()[species]
        scaled = scale * values.reshape(species.shape[0]) + shift
        return scaled + self.isolated[species]

    def extra_repr(self) -> str:
        """The elements."""
        return " ".join(self.symbols)
