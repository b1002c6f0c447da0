r"""TensorNet2: TensorNet whose atoms have charges, which shape the messages and attract each other.

Matrices of the atoms give charges, which are shifted to the total charge of the system; the next messages
depend on the charges of both atoms. Each stage (the embedding, and every interaction) has new charges.

Source:
    G. Simeon et al., arXiv:2601.00581; G. Simeon, G. de Fabritiis, NeurIPS 2023 (arXiv:2306.06482).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from cartesian.nn.graph import Graph, safe_norm
from cartesian.nn.heads import Outputs, Repulsion, Targets
from cartesian.nn.heads.charges import COULOMB, coulomb_energies, equilibrate, reaction_field_energies
from cartesian.nn.heads.energy import Values
from cartesian.nn.layers import Species
from cartesian.nn.layers.matrix_charges import ChargedFilters, MatrixCharges
from cartesian.nn.layers.matrix_network import (
    MatrixEmbedding,
    MatrixInteraction,
    MatrixInvariants,
    MatrixReadout,
    activated,
)
from cartesian.nn.radial import CosineEnvelope, ExpNormal, PolynomialEnvelope


@dataclass(frozen=True)
class TensorNet2Config:
    r"""Hyperparameters; channels, layers and charges are by default those of AceFF-2.

    Attributes:
        elements: Symbols or atomic numbers.
        cutoff: In Å.
        channels, layers: Number of channels, and of interactions.
        charge_channels: Number of charges of an atom at each stage.
        radial_functions: Number of radial functions.
        trainable_basis: Whether their centres and widths are trained.
        group: "O(3)" multiplies $YM + MY$, "SO(3)" $2YM$, which knows left from right.
        self_loops: Whether atoms send messages to themselves, as in the published code.
        envelope: The published "cosine", whose curvature jumps at the cutoff, or "polynomial", which makes
            phonons smooth.
        envelope_twice: Whether the radial functions have an envelope too, as in the published code.
        conserve: Whether charges add up exactly; in the published form a millionth may be lost.
        coulomb: "none"; "pairs", the Coulomb energy of all pairs of a molecule; or "reaction field" for
            pairs up to `coulomb_cutoff`, periodic or not.
        coulomb_cutoff: In Å.
        stage_weights: How much the charges of each stage count, one number for the embedding and one for each
            interaction; by default all the same.
        damping: Distance, in Å, within which the Coulomb energy is damped.
        permittivity: Of the medium of the reaction field.
        coulomb_constant: $k_e$, in eV Å.
        readout_layers: Further hidden layers of the perceptron that reads the energy.
        max_atomic_number: One less than the rows of the embedding.
        scale, shift, isolated: Of the energies, in eV; see `Energy`; the Coulomb energy is scaled too.
        repulsion: Of the nuclei at short range; see `parse_repulsion`.
        targets: Further results; see `cartesian.nn.Target`.
    """

    elements: Sequence[str | int]
    cutoff: float = 5.0
    channels: int = 128
    layers: int = 1
    charge_channels: int = 16
    radial_functions: int = 32
    trainable_basis: bool = False
    group: Literal["O(3)", "SO(3)"] = "O(3)"
    self_loops: bool = True
    envelope: Literal["cosine", "polynomial"] = "cosine"
    envelope_twice: bool = True
    conserve: bool = True
    coulomb: Literal["none", "pairs", "reaction field"] = "none"
    coulomb_cutoff: float = 12.0
    stage_weights: Sequence[float] = ()
    damping: float = 4.6
    permittivity: float = 78.3
    coulomb_constant: float = COULOMB
    readout_layers: int = 0
    max_atomic_number: int = 127
    scale: Values = 1.0
    shift: Values = 0.0
    isolated: Values = 0.0
    repulsion: Repulsion = False
    targets: Targets = ()

    def __post_init__(self) -> None:
        if self.group not in ("O(3)", "SO(3)"):
            raise ValueError(f"TensorNet2 is equivariant under 'O(3)' or 'SO(3)', not {self.group!r}")
        if self.envelope not in ("cosine", "polynomial"):
            raise ValueError(f"the envelope is 'cosine' or 'polynomial', not {self.envelope!r}")
        if self.coulomb not in ("none", "pairs", "reaction field"):
            raise ValueError(f"coulomb is 'none', 'pairs' or 'reaction field', not {self.coulomb!r}")
        weights = list(self.stage_weights)
        if weights and (len(weights) != self.layers + 1 or sum(weights) == 0):
            raise ValueError(
                f"{self.layers} layers make charges at {self.layers + 1} stages, which have as many weights "
                f"whose sum is not zero, not {weights}"
            )

    @property
    def parity(self) -> int:
        """Of the vector parts: -1, or +1 where parity does not count."""
        return -1 if self.group == "O(3)" else 1

    @property
    def graph_cutoff(self) -> float:
        """What the edges of a graph have to reach, in Å: the longer of both cutoffs."""
        return max(self.cutoff, self.coulomb_cutoff) if self.coulomb == "reaction field" else self.cutoff


class TensorNet2(nn.Module):
    r"""The potential.

    Args:
        config: Hyperparameters.

    Shape:
        A graph with all edges up to `config.graph_cutoff` to a dictionary of `"energy"` `(systems,)` and
        `"energies"` `(nodes,)`, float64, in eV, of `"charges"` `(nodes,)`, those of all stages averaged with
        their weights, in elementary charges, and of the targets.

    Raises:
        ValueError: If a target has irreps that matrices do not hold, or the embedding has no row for an
            element; when called, if a system is periodic and its Coulomb energy is that of all pairs.

    Examples:
        >>> model = TensorNet2(TensorNet2Config(["H", "C", "N", "O"]))
        >>> sum(p.numel() for p in model.parameters())
        681153
    """

    def __init__(self, config: TensorNet2Config) -> None:
        super().__init__()
        self.config = config
        self.species = Species(config.elements)
        if max(self.species.atomic_numbers) > config.max_atomic_number:
            raise ValueError(
                f"elements {', '.join(self.species.symbols)} go beyond the largest atomic number of the "
                f"embedding, {config.max_atomic_number}"
            )
        channels, functions, parity = config.channels, config.radial_functions, config.parity
        count = config.charge_channels
        self.basis = ExpNormal(functions, config.cutoff, trainable=config.trainable_basis)
        envelope = CosineEnvelope if config.envelope == "cosine" else PolynomialEnvelope
        self.envelope = envelope(config.cutoff)
        self.embedding_filters = nn.Linear(functions, 3 * channels)
        self.embedding = MatrixEmbedding(channels, config.max_atomic_number + 1, parity)
        self.filters = nn.ModuleList(ChargedFilters(functions, count, channels) for _ in range(config.layers))
        self.interactions = nn.ModuleList(MatrixInteraction(channels, parity) for _ in range(config.layers))
        self.charges = nn.ModuleList(MatrixCharges(channels, count) for _ in range(config.layers + 1))
        self.invariants = MatrixInvariants(channels)
        half = channels // 2
        hidden = activated(channels, *[half] * (config.readout_layers + 1))
        self.values = nn.Sequential(*hidden, nn.Linear(half, 1))
        energies, repulsion = (config.scale, config.shift, config.isolated), (config.repulsion, config.cutoff)
        self.outputs = Outputs(config.elements, *energies, config.targets, *repulsion)
        self.readouts = nn.ModuleDict(
            {name: MatrixReadout(channels, out, parity) for name, out in self.outputs.irreps.items()}
        )

    @property
    def basis_readers(self) -> tuple[str, ...]:
        """Names of the parameters that multiply radial functions."""
        return "embedding_filters.weight", *(f"filters.{k}.first.weight" for k in range(len(self.filters)))

    def forward(self, graph: Graph) -> dict[str, Tensor]:
        """Results for a graph."""
        whole, graph = graph, _within(graph, self.config)
        species = self.species(graph.atomic_numbers)
        # The last length, zero, is that from an atom to itself.
        lengths = nn.functional.pad(safe_norm(graph.vectors), (0, 1))
        envelope = self.envelope(lengths)[:, None]
        radial = self.basis(lengths)
        if self.config.envelope_twice:
            radial = radial * envelope
        loops = self.config.self_loops
        edges, own = torch.split(envelope * self.embedding_filters(radial), [radial.shape[0] - 1, 1])
        matrices = self.embedding(graph, edges, own if loops else None)
        stages = [self._charges(0, matrices, graph)]
        for k, interaction in enumerate(self.interactions):
            edges, own = self.filters[k](radial, stages[-1], graph)
            matrices = interaction(matrices, envelope[:-1] * edges, graph, own if loops else None)
            stages.append(self._charges(k + 1, matrices, graph))
        scalars = self.invariants(matrices)
        charges, weights = torch.cat(stages, dim=-1), self._weights(scalars)
        values = self.values(scalars)[:, 0]
        if self.config.coulomb != "none":
            values = values + self._coulomb(charges, whole) @ weights
        parts = {name: readout(matrices, scalars) for name, readout in self.readouts.items()}
        return {**self.outputs(values, parts, species, graph), "charges": charges @ weights}

    def _charges(self, stage: int, matrices: Tensor, graph: Graph) -> Tensor:
        """Charges of a stage, which add up to that of the system."""
        charges, softness = self.charges[stage](matrices)
        return equilibrate(charges, softness, graph, conserve=self.config.conserve)

    def _weights(self, like: Tensor) -> Tensor:
        """Of the charges of all stages; they add up to one."""
        stages = self.config.stage_weights or (1.0,) * len(self.charges)
        weights = like.new_tensor(stages).repeat_interleave(self.config.charge_channels)
        return weights / weights.sum()

    def _coulomb(self, charges: Tensor, graph: Graph) -> Tensor:
        """Coulomb energies of the atoms for each of their charges."""
        config = self.config
        if config.coulomb == "pairs":
            return coulomb_energies(charges, graph, config.damping, config.coulomb_constant)
        return reaction_field_energies(
            charges,
            graph,
            config.coulomb_cutoff,
            config.permittivity,
            config.damping,
            config.coulomb_constant,
        )


def _within(graph: Graph, config: TensorNet2Config) -> Graph:
    """The graph without the edges that only the reaction field needs."""
    if config.graph_cutoff == config.cutoff:
        return graph
    kept = (safe_norm(graph.vectors) < config.cutoff).nonzero()[:, 0]
    receivers = graph.receivers[kept]
    return graph.replace(
        senders=graph.senders[kept],
        receivers=receivers,
        shifts=graph.shifts[kept],
        order=torch.arange(kept.shape[0], device=kept.device),
        starts=torch.searchsorted(receivers, torch.arange(graph.nodes + 1, device=kept.device)),
    )
