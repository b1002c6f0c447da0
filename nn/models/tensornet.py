r"""TensorNet: every channel of an atom is a 3×3 matrix $X_i$, and atoms learn by matrix products.

G. Simeon, G. de Fabritiis, NeurIPS 2023 (arXiv:2306.06482); charges: A. Mirarchi, G. Simeon et al.,
arXiv:2403.15073. Under inversion $X \mapsto X^T$, so $YM + MY$ keeps parity and $YM$ does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from cartesian.nn.graph import Graph, safe_norm
from cartesian.nn.heads import Outputs, Repulsion, Targets
from cartesian.nn.heads.energy import Values
from cartesian.nn.layers import Species
from cartesian.nn.layers.matrix_network import (
    MatrixEmbedding,
    MatrixInteraction,
    MatrixInvariants,
    MatrixReadout,
    activated,
)
from cartesian.nn.radial import CosineEnvelope, ExpNormal, PolynomialEnvelope
from cartesian.nn.radial.pairs import Pairs


@dataclass(frozen=True)
class TensorNetConfig:
    """Hyperparameters; the defaults are those of the published model for rMD17.

    Attributes:
        elements: Symbols or atomic numbers.
        cutoff: In Å.
        channels, layers: Number of channels, and of interactions.
        radial_functions: Number of radial functions.
        trainable_basis: Whether their centres and widths are trained.
        group: "O(3)" multiplies $YM + MY$, "SO(3)" $2YM$, which knows left from right.
        self_loops: Whether atoms send messages to themselves, as in the published code.
        envelope: The published "cosine", whose curvature jumps at the cutoff, or "polynomial", which makes
            phonons smooth.
        envelope_twice: Whether the radial functions have an envelope too: so in the code, not in the paper.
        charge_factor: How much an elementary charge of the system changes the products.
        max_atomic_number: One less than the rows of the embedding.
        scale, shift, isolated: Of the energies, in eV; see `Energy`.
        repulsion: Of the nuclei at short range; see `parse_repulsion`.
        targets: Further results; see `cartesian.nn.Target`.
    """

    elements: Sequence[str | int]
    cutoff: float = 4.5
    channels: int = 128
    layers: int = 2
    radial_functions: int = 32
    trainable_basis: bool = False
    group: Literal["O(3)", "SO(3)"] = "O(3)"
    self_loops: bool = True
    envelope: Literal["cosine", "polynomial"] = "cosine"
    envelope_twice: bool = True
    charge_factor: float = 0.1
    max_atomic_number: int = 127
    scale: Values = 1.0
    shift: Values = 0.0
    isolated: Values = 0.0
    repulsion: Repulsion = False
    targets: Targets = ()

    def __post_init__(self) -> None:
        if self.group not in ("O(3)", "SO(3)"):
            raise ValueError(f"TensorNet is equivariant under 'O(3)' or 'SO(3)', not {self.group!r}")
        if self.envelope not in ("cosine", "polynomial"):
            raise ValueError(f"the envelope is 'cosine' or 'polynomial', not {self.envelope!r}")

    @property
    def parity(self) -> int:
        """Of the vector parts: -1, or +1 where parity does not count."""
        return -1 if self.group == "O(3)" else 1


class TensorNet(nn.Module):
    r"""The potential.

    Args:
        config: Hyperparameters.

    Shape:
        A graph to a dictionary of `"energy"` `(systems,)` and `"energies"` `(nodes,)`, float64, in eV, and
        the targets.

    Raises:
        ValueError: If a target has irreps that matrices do not hold, or the embedding has no row for an
            element.
    """

    def __init__(self, config: TensorNetConfig) -> None:
        super().__init__()
        self.config = config
        self.species = Species(config.elements)
        if max(self.species.atomic_numbers) > config.max_atomic_number:
            raise ValueError(
                f"elements {', '.join(self.species.symbols)} go beyond the largest atomic number of the "
                f"embedding, {config.max_atomic_number}"
            )
        self.basis = ExpNormal(config.radial_functions, config.cutoff, trainable=config.trainable_basis)
        envelope = CosineEnvelope if config.envelope == "cosine" else PolynomialEnvelope
        self.envelope = envelope(config.cutoff)
        channels, functions, parity = config.channels, config.radial_functions, config.parity
        self.embedding_filters = nn.Linear(functions, 3 * channels)
        self.embedding = MatrixEmbedding(channels, config.max_atomic_number + 1, parity)
        self.filters = nn.ModuleList(
            nn.Sequential(*activated(functions, channels, 2 * channels, 3 * channels))
            for _ in range(config.layers)
        )
        self.interactions = nn.ModuleList(MatrixInteraction(channels, parity) for _ in range(config.layers))
        self.table: nn.Module | None = None
        self.invariants = MatrixInvariants(channels)
        self.values = nn.Sequential(*activated(channels, channels // 2), nn.Linear(channels // 2, 1))
        energies, repulsion = (config.scale, config.shift, config.isolated), (config.repulsion, config.cutoff)
        self.outputs = Outputs(config.elements, *energies, config.targets, *repulsion)
        self.readouts = nn.ModuleDict(
            {name: MatrixReadout(channels, out, parity) for name, out in self.outputs.irreps.items()}
        )

    @property
    def basis_readers(self) -> tuple[str, ...]:
        """Names of the parameters that multiply radial functions."""
        return "embedding_filters.weight", *(f"filters.{k}.0.weight" for k in range(len(self.filters)))

    def forward(self, graph: Graph) -> dict[str, Tensor]:
        """Results for a graph."""
        species = self.species(graph.atomic_numbers)
        pairs = Pairs.of(graph)
        # The last length, zero, is that from an atom to itself.
        lengths = nn.functional.pad(pairs.reduce(safe_norm(graph.vectors)), (0, 1))
        if self.table is None:
            filters = self.filters_at(lengths)
        else:
            filters = [*self.table(lengths).chunk(len(self.filters) + 1, dim=-1)]
        charge = 1 + self.config.charge_factor * graph.charges.index_select(0, graph.systems)[:, None]
        matrices = self.embedding(graph, *self._split(filters[0], pairs))
        for own_filters, interaction in zip(filters[1:], self.interactions, strict=True):
            edges, own = self._split(own_filters, pairs)
            matrices = interaction(matrices, edges, graph, own, charge)
        scalars = self.invariants(matrices)
        parts = {name: readout(matrices, scalars) for name, readout in self.readouts.items()}
        results: dict[str, Tensor] = self.outputs(self.values(scalars), parts, species, graph)
        return results

    def filters_at(self, lengths: Tensor) -> list[Tensor]:
        """Filters of the embedding and of each interaction, all `(points, 3 channels)`."""
        envelope, radial = self.envelope(lengths)[:, None], self.basis(lengths)
        if self.config.envelope_twice:
            radial = radial * envelope
        return [envelope * network(radial) for network in (self.embedding_filters, *self.filters)]

    def _split(self, filters: Tensor, pairs: Pairs) -> tuple[Tensor, Tensor | None]:
        """Filters of the edges, and those of an atom on itself."""
        of_pairs, own = torch.split(filters, [filters.shape[0] - 1, 1])
        return pairs.expand(of_pairs), own if self.config.self_loops else None
