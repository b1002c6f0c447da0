r"""HotPP: messages of tensors with all their components, contracted with powers of the directions.

With tensors $T_n$ of ranks $n = 0, 1, 2$, the direction $u$ of an edge, and $\cdot_z$ the contraction of the
last $z$ indices of the left with the first of the right,

$$M_{i,o} = \frac{1}{\bar n} \sum_{j \to i} \sum_{n + r - 2z = o}
    f_r(d_{ji})\; (U T)_{j,n} \cdot_z u_{ji}^{\otimes r}, \qquad
  T'_{i,o} = T_{i,o} + g(\lVert V M_{i,o} \rVert^2)\, V M_{i,o}.$$

By default that is the published network, with one change: the envelope multiplies the filters $f$ and not
the functions they are made of, so that neighbours come and go smoothly. The authors' code has
`envelope="first"`, and with its biases the energy jumps at the cutoff.

Two variants by name: `project="irreducible"` keeps of all tensors the symmetric trace-free part, and
`factors=3` multiplies the messages with themselves ("MiaoMiao").

Source:
    Y. Wang, Y. Wang, L. Zhang, et al., Nat. Commun. 15, 7607 (2024), arXiv:2402.15286.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from cartesian.kernels.edges import Edges
from cartesian.nn.graph import Graph, safe_norm
from cartesian.nn.heads import Outputs, Repulsion, Targets
from cartesian.nn.heads.energy import Values
from cartesian.nn.heads.outputs import parse_targets
from cartesian.nn.layers.embedding import Species, SpeciesEmbedding
from cartesian.nn.layers.gate import Gate, NormGate, step, tanh_ratio
from cartesian.nn.layers.message import Message
from cartesian.nn.layers.readout import Readout
from cartesian.nn.layers.reducible import RankGates, RankMessage, RankReadout
from cartesian.nn.radial import BasisName, PolynomialEnvelope, named_basis
from cartesian.nn.radial.filters import RadialFilters
from cartesian.nn.radial.interpolation import Interpolated
from cartesian.nn.radial.pairs import Pairs
from cartesian.ops.harmonics import harmonics
from cartesian.ops.spaces import TensorSpace
from cartesian.programs.reducible import Sharing
from cartesian.spec import Irreps

GATES: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "silu": (torch.sigmoid, torch.sigmoid),
    "jilu": (torch.sigmoid, torch.tanh),
    "tanh": (tanh_ratio, tanh_ratio),
    "relu": (step, step),
}
"""Functions that scale scalars, and those that scale tensors, by the published names."""


@dataclass(frozen=True)
class HotPPConfig:
    r"""Settings of HotPP.

    Attributes:
        elements: Symbols or atomic numbers.
        cutoff: $r_c$, in Å.
        layers: Number of messages.
        channels: Number of channels.
        rank: Largest rank of the tensors of atoms; after the last layer it is the largest that is read out.
        edge_rank: Largest power $r$ of the direction.
        basis: Of the radial functions; see `named_basis`.
        functions: Number of functions in it.
        trainable_basis: Whether its frequencies, or centres and widths, are trained.
        power: $p$ of the polynomial envelope.
        radial: Widths of the hidden layers of the filters; the last has no activation.
        project: "none" keeps all components; "irreducible" the symmetric trace-free ones, and then each path
            has its own filter.
        sharing: "rank" for one filter for each power $r$, as published, "path" for one for each contraction.
        envelope: "last" multiplies the filters, "first" the radial functions, as in the authors' code; there
            the energy is not continuous at the cutoff.
        knots: Number of intervals of a spline by which the filters are interpolated; with 0 they are
            evaluated at every edge.
        gate: "silu", "jilu", "tanh" or "relu".
        factors: Largest number of messages that an atom multiplies with each other.
        energy: Whether there is an energy beside the targets.
        max_atomic_number: Makes the embedding have a row for every atomic number up to this one, as
            published; by default it has one for every element.
        neighbors: $\bar n$, which divides the sums: the average number of neighbours in the training set.
        scale, shift, isolated: Of the energies, in eV; see `Energy`.
        repulsion: Of the nuclei at short range; see `parse_repulsion`.
        targets: Further results, read out from the last layer; see `cartesian.nn.Target`.

    Raises:
        ValueError: If a variant is called what none is called.
    """

    elements: Sequence[str | int]
    cutoff: float = 5.0
    layers: int = 5
    channels: int = 64
    rank: int = 2
    edge_rank: int = 2
    basis: BasisName = "sinc"
    functions: int = 8
    trainable_basis: bool = True
    power: int = 5
    radial: Sequence[int] = (64, 64, 64)
    project: Literal["none", "irreducible"] = "none"
    sharing: Sharing = "rank"
    envelope: Literal["last", "first"] = "last"
    knots: int = 0
    gate: str = "silu"
    factors: int = 1
    energy: bool = True
    max_atomic_number: int | None = None
    neighbors: float = 1.0
    scale: Values = 1.0
    shift: Values = 0.0
    isolated: Values = 0.0
    repulsion: Repulsion = False
    targets: Targets = ()

    def __post_init__(self) -> None:
        choices = {
            "project": ("none", "irreducible"),
            "sharing": ("rank", "path"),
            "envelope": ("last", "first"),
            "gate": tuple(GATES),
        }
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is one of {', '.join(known)}, not {getattr(self, name)!r}")
        if self.layers < 1:
            raise ValueError(f"a network of messages has at least one layer, not {self.layers!r}")
        if self.repulsion and not self.energy:
            raise ValueError("a repulsion is part of the energy, which this model does not tell")
        if self.project == "irreducible" and self.factors > 1:
            raise ValueError("products of messages are made of all components: leave out project or factors")


PUBLISHED = {
    "carbon": HotPPConfig(("C",), 3.0, scale=2.8689, shift=-156.7956, neighbors=13.58, max_atomic_number=6),
    "water dipole": HotPPConfig(
        ("H", "O"), 4.0, layers=4, energy=False, max_atomic_number=8, targets=("dipole",)
    ),
    "water polarizability": HotPPConfig(
        ("H", "O"), 4.0, 4, energy=False, max_atomic_number=8, neighbors=25.78, targets=("polarizability",)
    ),
}
"""Settings by data set."""


class Layer(nn.Module):
    """One message and its update, from tensors up to `rank` to tensors up to `out`."""

    def __init__(self, rank: int, out: int, config: HotPPConfig) -> None:
        super().__init__()
        channels, neighbors, (even, gate) = config.channels, config.neighbors, GATES[config.gate]
        self.message: RankMessage | Message
        self.gate: RankGates | NormGate
        if config.project == "irreducible":
            irreps, wanted = (channels * Irreps.harmonics(n) for n in (rank, out))
            self.message = Message(irreps, wanted, config.edge_rank, neighbors, kind="summed")
            self.gate = NormGate(wanted, gate, partial(_activated, even))
        else:
            shape = channels, rank, config.edge_rank, out
            self.message = RankMessage(*shape, config.sharing, config.factors, neighbors)
            self.gate = RankGates(channels, out, even, gate)
        filters = RadialFilters(
            named_basis(config.basis, config.functions, config.cutoff, config.trainable_basis),
            PolynomialEnvelope(config.cutoff, config.power),
            self.message.weights,
            config.radial,
            envelope_first=config.envelope == "first",
        )
        knots = config.knots
        self.filters = Interpolated(filters, config.cutoff, knots) if knots else filters

    def forward(self, h: Tensor, lengths: Tensor, angular: Tensor, edges: Edges, pairs: Pairs) -> Tensor:
        """New tensors of all atoms."""
        filters = self.filters(lengths)
        if isinstance(self.message, Message):
            edges = pairs.join(edges)
        else:
            filters = pairs.expand(filters)
        new: Tensor = self.gate(self.message(h, angular, filters, edges))
        # Ranks ascend: what both have in common stands in front.
        return new + nn.functional.pad(h, (0, new.shape[1] - h.shape[1]))


def _activated(gate: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return gate(x) * x


class HotPP(nn.Module):
    """The energy of a graph, and further targets.

    Args:
        config: Settings; `PUBLISHED` holds some.

    Shape:
        A graph to a dictionary of `"energy"` `(systems,)` and `"energies"` `(nodes,)`, float64, in eV, and
        the targets.

    Raises:
        ValueError: If a target needs tensors of a rank that there is not.

    Examples:
        >>> for name, config in PUBLISHED.items():
        ...     print(name, sum(p.numel() for p in HotPP(config).parameters()))
        carbon 220521
        water dipole 178336
        water polarizability 186913
    """

    def __init__(self, config: HotPPConfig) -> None:
        super().__init__()
        self.config = config
        self.species = Species(config.elements)
        rows = len(self.species) if config.max_atomic_number is None else config.max_atomic_number + 1
        self.embedding = SpeciesEmbedding(rows, config.channels)
        energies, repulsion = (config.scale, config.shift, config.isolated), (config.repulsion, config.cutoff)
        self.outputs = Outputs(config.elements, *energies, config.targets, *repulsion)
        spaces = {
            target.name: TensorSpace(target.formula, axial=target.axial)
            for target in parse_targets(config.targets)
        }
        needed = max((space.rank for space in spaces.values()), default=0)
        # A message raises the rank by that of the edges at most.
        wanted = [*[config.rank] * (config.layers - 1), min(needed, config.rank)]
        ranks = list(accumulate(wanted, lambda rank, out: min(out, rank + config.edge_rank), initial=0))
        self.layers = nn.ModuleList(Layer(rank, out, config) for rank, out in pairwise(ranks))

        def readout(irreps: Irreps, space: TensorSpace | None = None) -> RankReadout | Readout:
            if config.project == "none":
                return RankReadout(config.channels, ranks[-1], irreps, space)
            hidden = config.channels * Irreps.harmonics(ranks[-1])
            own = hidden.filter(lambda irrep: irrep in irreps)
            is_scalar = all(block.irrep.degree == 0 for block in own)
            return Readout(hidden, irreps, own, Gate if is_scalar else NormGate, bias="0e" in irreps)

        self.readout = readout(Irreps("0e")) if config.energy else None
        self.readouts = nn.ModuleDict(
            {name: readout(irreps, spaces[name]) for name, irreps in self.outputs.irreps.items()}
        )

    def forward(self, graph: Graph) -> dict[str, Tensor]:
        """Results for a graph."""
        config, species = self.config, self.species(graph.atomic_numbers)
        vectors = graph.vectors
        lengths = safe_norm(vectors)
        if config.project == "irreducible":
            angular = harmonics(vectors, config.edge_rank)
        else:
            angular = vectors / torch.where(lengths > 0, lengths, 1.0)[:, None]
        h = self.embedding(species if config.max_atomic_number is None else graph.atomic_numbers)
        # A table takes less time than to find the pairs.
        pairs = Pairs.of(graph) if isinstance(self.layers[0].filters, RadialFilters) else Pairs()
        lengths = pairs.reduce(lengths)
        for layer in self.layers:
            h = layer(h, lengths, angular, graph.edges, pairs)
        parts = {name: readout(h) for name, readout in self.readouts.items()}
        values = h.new_zeros(graph.nodes) if self.readout is None else self.readout(h)
        results: dict[str, Tensor] = self.outputs(values, parts, species, graph)
        if self.readout is None:
            del results["energy"], results["energies"]
        return results
