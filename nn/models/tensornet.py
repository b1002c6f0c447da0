r"""TensorNet: every channel of an atom is a 3×3 matrix $X_i$, and atoms learn by matrix products.

G. Simeon, G. de Fabritiis, NeurIPS 2023 (arXiv:2306.06482); charges: A. Mirarchi, G. Simeon et al.,
arXiv:2403.15073. Under inversion $X \mapsto X^T$, so $YM + MY$ keeps parity and $YM$ does not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from cartesian.nn.graph import Graph, safe_norm
from cartesian.nn.heads import Dipole, Energy, TensorHead
from cartesian.nn.layers import Species
from cartesian.nn.layers.matrix_network import (
    MatrixEmbedding,
    MatrixInteraction,
    MatrixInvariants,
    MatrixReadout,
    activated,
)
from cartesian.nn.radial import CosineEnvelope, ExpNormal
from cartesian.nn.radial.envelopes import Envelope


@dataclass(frozen=True)
class TensorNetConfig:
    """Hyperparameters; the defaults are those of the published model for rMD17.

    Attributes:
        cutoff: In Å.
        channels, layers: Number of channels, and of interactions.
        radial_functions: Number of radial functions.
        trainable_basis: Whether their centres and widths are trained.
        group: "O(3)" multiplies $YM + MY$, "SO(3)" $2YM$, which knows left from right.
        self_loops: Whether atoms send messages to themselves, as in the published code.
        envelope_twice: Whether the radial functions have an envelope too: so in the code, not in the paper.
        charge_factor: How much an elementary charge of the system changes the products.
        max_atomic_number: One less than the rows of the embedding.
    """

    cutoff: float = 4.5
    channels: int = 128
    layers: int = 2
    radial_functions: int = 32
    trainable_basis: bool = False
    group: Literal["O(3)", "SO(3)"] = "O(3)"
    self_loops: bool = True
    envelope_twice: bool = True
    charge_factor: float = 0.1
    max_atomic_number: int = 127

    def __post_init__(self) -> None:
        if self.group not in ("O(3)", "SO(3)"):
            raise ValueError(f"TensorNet is equivariant under 'O(3)' or 'SO(3)', not {self.group!r}")

    @property
    def parity(self) -> int:
        """Of the vector parts: -1, or +1 where parity does not count."""
        return -1 if self.group == "O(3)" else 1


class TensorNet(nn.Module):
    r"""The potential.

    Args:
        elements: Elements it is made for.
        config: Hyperparameters.
        envelope: $c(d)$; by default the published half cosine, whose curvature jumps at the cutoff. A
            `PolynomialEnvelope` makes phonons smooth.
        energy: How energies are scaled; by default `Energy(elements)`.
        tensors: Heads of further results by name, such as `{"dipole": Dipole()}`.

    Shape:
        A graph to a dictionary: `"energy"` `(systems,)` in eV, and what the heads give.

    Raises:
        ValueError: If a head asks for irreps that matrices do not hold, or the embedding has no row for an
            element.
    """

    def __init__(
        self,
        elements: Sequence[str | int],
        config: TensorNetConfig | None = None,
        *,
        envelope: Envelope | None = None,
        energy: Energy | None = None,
        tensors: Mapping[str, Dipole | TensorHead] | None = None,
    ) -> None:
        super().__init__()
        self.config = config = TensorNetConfig() if config is None else config
        self.species = Species(elements)
        if max(self.species.atomic_numbers) > config.max_atomic_number:
            raise ValueError(
                f"elements {', '.join(self.species.symbols)} go beyond the largest atomic number of the "
                f"embedding, {config.max_atomic_number}"
            )
        self.basis = ExpNormal(config.radial_functions, config.cutoff, trainable=config.trainable_basis)
        self.envelope = CosineEnvelope(config.cutoff) if envelope is None else envelope
        channels, functions, parity = config.channels, config.radial_functions, config.parity
        self.embedding_filters = nn.Linear(functions, 3 * channels)
        self.embedding = MatrixEmbedding(channels, config.max_atomic_number + 1, parity)
        self.filters = nn.ModuleList(
            nn.Sequential(*activated(functions, channels, 2 * channels, 3 * channels))
            for _ in range(config.layers)
        )
        self.interactions = nn.ModuleList(MatrixInteraction(channels, parity) for _ in range(config.layers))
        self.invariants = MatrixInvariants(channels)
        self.values = nn.Sequential(*activated(channels, channels // 2), nn.Linear(channels // 2, 1))
        self.energy = Energy(elements) if energy is None else energy
        tensors = {} if tensors is None else tensors
        self.heads = nn.ModuleDict(tensors)
        self.readouts = nn.ModuleDict(
            {name: MatrixReadout(channels, head.irreps, parity) for name, head in tensors.items()}
        )

    def forward(self, graph: Graph) -> dict[str, Tensor]:
        """Results for a graph."""
        species = self.species(graph.atomic_numbers)
        # The last length, zero, is that from an atom to itself.
        lengths = nn.functional.pad(safe_norm(graph.vectors), (0, 1))
        envelope = self.envelope(lengths)[:, None]
        radial = self.basis(lengths)
        if self.config.envelope_twice:
            radial = radial * envelope
        charge = 1 + self.config.charge_factor * graph.charges.index_select(0, graph.systems)[:, None]
        edges, own = self._split(envelope * self.embedding_filters(radial))
        matrices = self.embedding(graph, edges, own)
        for filters, interaction in zip(self.filters, self.interactions, strict=True):
            edges, own = self._split(envelope * filters(radial))
            matrices = interaction(matrices, edges, graph, own, charge)
        scalars = self.invariants(matrices)
        results = {"energy": self.energy(self.values(scalars), species, graph)}
        for name, head in self.heads.items():
            results[name] = head(self.readouts[name](matrices, scalars), graph)
        return results

    def _split(self, filters: Tensor) -> tuple[Tensor, Tensor | None]:
        """Filters of the edges, and those of an atom on itself."""
        return filters[:-1], filters[-1] if self.config.self_loops else None
