"""Which element an atom is, as an index and as scalar channels; the charge of its system."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cartesian.nn.elements import SYMBOLS, atomic_numbers
from cartesian.nn.graph import Graph


class Species(nn.Module):
    """The elements a model knows, and the index of each.

    Args:
        elements: Symbols or atomic numbers, each once; their order is that of the indices.

    Shape:
        Atomic numbers `(nodes,)` to indices `(nodes,)`.

    Raises:
        ValueError: If an element does not exist or occurs twice; when called, if an atom is of an element
            that the model does not know (on other devices than the CPU and in compiled code a RuntimeError).

    Examples:
        >>> Species(["H", "O"])(torch.tensor([8, 1, 1]))
        tensor([1, 0, 0])
    """

    table: Tensor

    def __init__(self, elements: Sequence[str | int]) -> None:
        super().__init__()
        self.atomic_numbers = atomic_numbers(elements)
        table = torch.full((len(SYMBOLS),), -1)
        table[list(self.atomic_numbers)] = torch.arange(len(self.atomic_numbers))
        self.register_buffer("table", table, persistent=False)

    def __len__(self) -> int:
        return len(self.atomic_numbers)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols of the elements, in the order of the indices."""
        return tuple(SYMBOLS[number] for number in self.atomic_numbers)

    def forward(self, numbers: Tensor) -> Tensor:
        """Index of each atom's element."""
        indices = self.table[numbers]
        known = (indices >= 0).all()
        if torch.compiler.is_compiling() or numbers.device.type != "cpu":
            # Elsewhere a look at the numbers would wait for the device.
            torch._assert_async(known, f"atoms of elements other than {', '.join(self.symbols)}")
        elif not known:
            atom = int((indices < 0).int().argmax())
            raise ValueError(
                f"atom {atom} is {SYMBOLS[int(numbers[atom])]}, which the model does not know: "
                f"it was made for {', '.join(self.symbols)}"
            )
        return indices

    def extra_repr(self) -> str:
        """The symbols."""
        return " ".join(self.symbols)


class SpeciesEmbedding(nn.Module):
    r"""Scalar channels of each species, $x_{ic} = W_{z_i c}$, at first $N(0, 1)$.

    Args:
        species: Number of species.
        channels: Number of channels.

    Shape:
        Indices `(nodes,)` to features `(nodes, channels)` of `channels x 0e`.
    """

    def __init__(self, species: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(species, channels))

    def forward(self, species: Tensor) -> Tensor:
        """Features of atoms of these species."""
        return self.weight.index_select(0, species)


class ChargeEmbedding(nn.Module):
    r"""Scalar channels of the total charge of an atom's system, $x_{ic} = Q\, w_c$; zero if it is neutral.

    Args:
        channels: Number of channels.

    Shape:
        A graph to features `(nodes, channels)` of `channels x 0e`.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels))

    def forward(self, graph: Graph) -> Tensor:
        """Features of the atoms of a graph."""
        return graph.charges.index_select(0, graph.systems)[:, None] * self.weight
