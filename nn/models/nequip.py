r"""NequIP: convolutions of tensors of both parities, gated by scalars.

With $Y$ the harmonics of an edge, $R$ its radial network and $\hat\sigma$ the gate,

$$m_i = \frac{W}{\bar n} \sum_{j \to i} R(d_{ji}) \cdot (W_\text{up} h_j \otimes Y_{ji}), \qquad
  h'_i = \hat\sigma(m_i + W_{z_i} h_i), \qquad x_i = W_2 W_1\, h_i.$$

Source:
    S. Batzner, A. Musaelian, L. Sun, M. Geiger, J. P. Mailoa, M. Kornbluth, N. Molinari, T. E. Smidt,
    B. Kozinsky, Nat. Commun. 13, 2453 (2022).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from cartesian.kernels.edges import Edges
from cartesian.nn.graph import Graph, safe_norm
from cartesian.nn.heads import Outputs, Repulsion, Targets
from cartesian.nn.heads.energy import Values
from cartesian.nn.layers.embedding import Species, SpeciesEmbedding
from cartesian.nn.layers.gate import Gate
from cartesian.nn.layers.linear import Linear
from cartesian.nn.layers.message import Message, reachable
from cartesian.nn.layers.readout import Readout
from cartesian.nn.layers.update import SelfConnection
from cartesian.nn.radial import BasisName, Normalized, PolynomialEnvelope, Radial, RadialNetwork, named_basis
from cartesian.nn.radial.interpolation import Interpolated
from cartesian.nn.radial.pairs import Pairs
from cartesian.ops.harmonics import harmonics
from cartesian.spec import Irreps


@dataclass(frozen=True)
class NequIPConfig:
    r"""Settings of NequIP.

    Attributes:
        elements: Symbols or atomic numbers.
        cutoff: $r_c$, in Å.
        layers: Number of convolutions.
        embedding: Number of channels of the embedding of the elements; by default that of the scalars.
        hidden: Irreps of the features; a layer keeps those that can be reached.
        max_degree: Largest degree of the harmonics.
        basis: Of the radial functions; see `named_basis`.
        functions: Number of functions in it.
        trainable_basis: Whether its frequencies, or centres and widths, are trained.
        power: $p$ of the polynomial envelope.
        radial: Widths of the hidden layers of the radial networks.
        knots: Number of intervals of a spline by which the radial networks are interpolated; with 0 they are
            evaluated at every edge.
        readout: Widths of the hidden layers of the readout.
        readout_activation: "none", or "silu" between the layers of the readout.
        first_skip: Whether the first layer adds $W_{z_i} h_i$ too. Without it, as in the authors' own code,
            the energy of an isolated atom is what `shift` and `isolated` say.
        prune: Whether the last layer keeps only the irreps that are read out. The published counts of
            parameters include the others.
        neighbors: $\bar n$, which divides the sums: the average number of neighbours in the training set, or
            its root, as in the authors' own code.
        scale, shift, isolated: Of the energies, in eV; see `Energy`.
        repulsion: Of the nuclei at short range; see `parse_repulsion`.
        targets: Further results; see `cartesian.nn.Target`.
    """

    elements: Sequence[str | int]
    cutoff: float = 4.0
    layers: int = 5
    embedding: int | None = None
    hidden: str = "64x0e + 64x0o + 64x1o + 64x1e + 64x2e + 64x2o + 64x3o + 64x3e"
    max_degree: int = 3
    basis: BasisName = "bessel"
    functions: int = 8
    trainable_basis: bool = True
    power: int = 6
    radial: Sequence[int] = (64, 64, 64)
    knots: int = 0
    readout: Sequence[int] = (16,)
    readout_activation: Literal["none", "silu"] = "none"
    first_skip: bool = True
    prune: bool = False
    neighbors: float = 1.0
    scale: Values = 1.0
    shift: Values = 0.0
    isolated: Values = 0.0
    repulsion: Repulsion = False
    targets: Targets = ()

    def __post_init__(self) -> None:
        if self.readout_activation not in ("none", "silu"):
            raise ValueError(
                f"the readout has the activation 'none' or 'silu', not {self.readout_activation!r}"
            )


PUBLISHED = {
    "AcAc": NequIPConfig(("H", "C", "O")),
    "3BPA": NequIPConfig(("H", "C", "N", "O"), power=2),
}
"""Settings by data set, as in I. Batatia et al., Adv. Neural Inf. Process. Syst. 35 (2022)."""


class Layer(nn.Module):
    """One convolution and its gate, on features of `irreps`."""

    def __init__(
        self, irreps: Irreps, out: Irreps, radial: Radial, config: NequIPConfig, skip: bool = True
    ) -> None:
        super().__init__()
        self.out = reachable(irreps, config.max_degree, out)
        self.gate = Gate(self.out)
        self.message = Message(irreps, self.gate.irreps, config.max_degree, config.neighbors)
        network = radial.network(self.message.weights)
        self.radial: RadialNetwork | Interpolated = network
        if config.knots:
            self.radial = Interpolated(network, config.cutoff, config.knots)
        species = len(config.elements)
        self.update = SelfConnection(irreps, self.gate.irreps, species, scale=1) if skip else None

    def forward(self, h: Tensor, species: Tensor, lengths: Tensor, y: Tensor, edges: Edges) -> Tensor:
        """New features of all atoms; `lengths` are those of the pairs."""
        m = self.message(h, y, self.radial(lengths), edges)
        gated: Tensor = self.gate(m if self.update is None else self.update(h, m, species))
        return gated


class NequIP(nn.Module):
    """The energy of a graph, and further targets.

    Args:
        config: Settings; `PUBLISHED` holds some.

    Shape:
        A graph to a dictionary of `"energy"` `(systems,)` and `"energies"` `(nodes,)`, float64, in eV, and
        the targets.

    Raises:
        ValueError: If a target has irreps that the features do not.

    Examples:
        >>> model = NequIP(PUBLISHED["AcAc"])
        >>> sum(p.numel() for p in model.parameters())
        3190488
    """

    def __init__(self, config: NequIPConfig) -> None:
        super().__init__()
        self.config = config
        self.species = Species(config.elements)
        hidden = Irreps(config.hidden)
        scalars = hidden.filter(lambda irrep: irrep.degree == 0 and irrep.parity == 1)
        energies, repulsion = (config.scale, config.shift, config.isolated), (config.repulsion, config.cutoff)
        self.outputs = Outputs(config.elements, *energies, config.targets, *repulsion)
        read = {block.irrep for irreps in self.outputs.irreps.values() for block in irreps}
        kept = hidden.filter(lambda irrep: irrep in scalars or irrep in read)
        channels = scalars.dim if config.embedding is None else config.embedding
        self.embedding = SpeciesEmbedding(len(self.species), channels)
        radial = Radial(
            config.functions,
            config.cutoff,
            basis=named_basis(config.basis, config.functions, config.cutoff, config.trainable_basis),
            envelope=PolynomialEnvelope(config.cutoff, config.power),
            hidden=config.radial,
            envelope_first=True,
        )
        irreps, self.layers = Irreps(f"{channels}x0e"), nn.ModuleList()
        for t in range(config.layers):
            is_last = t == config.layers - 1
            out = kept if is_last and config.prune else hidden
            layer = Layer(irreps, out, radial, config, skip=t > 0 or config.first_skip)
            self.layers.append(layer)
            irreps = layer.out
        stages = [irreps, *(Irreps(f"{width}x0e") for width in config.readout), Irreps("0e")]
        readout: list[nn.Module] = []
        for stage, out in pairwise(stages):
            if readout and config.readout_activation == "silu":
                readout.append(Normalized(nn.SiLU()))
            readout.append(Linear(stage, out))
        self.readout = nn.Sequential(*readout)
        self.readouts = nn.ModuleDict(
            {name: Readout(irreps, out) for name, out in self.outputs.irreps.items()}
        )

    def forward(self, graph: Graph) -> dict[str, Tensor]:
        """Results for a graph."""
        species = self.species(graph.atomic_numbers)
        vectors, pairs = graph.vectors, Pairs.of(graph)
        lengths, y = pairs.reduce(safe_norm(vectors)), harmonics(vectors, self.config.max_degree)
        h, edges = self.embedding(species), pairs.join(graph.edges)
        for layer in self.layers:
            h = layer(h, species, lengths, y, edges)
        parts = {name: readout(h) for name, readout in self.readouts.items()}
        results: dict[str, Tensor] = self.outputs(self.readout(h), parts, species, graph)
        return results
