r"""BOTNet: body-ordered messages, without any nonlinearity but in the last readout.

With $Y$ the harmonics of an edge and $R$ its radial functions,

$$m_i = \frac{W}{\bar n} \sum_{j \to i} R_{z_j}(d_{ji}) \cdot (W_\text{up} h_j \otimes Y_{ji}), \qquad
  h^{(1)}_i = W_{z_i} m_i, \quad h^{(t)}_i = m_i + W_{z_i} h^{(t-1)}_i,$$

so $h^{(t)}$ has body order $t + 1$. Each layer gives an energy linear in its scalars, and the last one a
perceptron of them: without neighbours all vanish, and an isolated atom has its own energy exactly.

Source:
    I. Batatia, S. Batzner, D. P. Kovács, A. Musaelian, G. N. C. Simm, R. Drautz, C. Ortner, B. Kozinsky,
    G. Csányi, Nat. Mach. Intell. 7, 56 (2025).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from cartesian.kernels.edges import Edges
from cartesian.nn.graph import Graph, safe_norm
from cartesian.nn.heads import Outputs, Repulsion, Targets
from cartesian.nn.heads.energy import Values
from cartesian.nn.layers.embedding import Species, SpeciesEmbedding
from cartesian.nn.layers.linear import Linear, SpeciesLinear
from cartesian.nn.layers.message import Message, reachable
from cartesian.nn.layers.readout import Readout
from cartesian.nn.layers.update import SelfConnection
from cartesian.nn.radial import BasisName, PolynomialEnvelope, RadialNetwork, named_basis
from cartesian.nn.radial.pairs import Pairs
from cartesian.nn.radial.table import RadialTable
from cartesian.ops.harmonics import harmonics
from cartesian.spec import Irreps


@dataclass(frozen=True)
class BOTNetConfig:
    r"""Settings of BOTNet.

    Attributes:
        elements: Symbols or atomic numbers.
        cutoff: $r_c$, in Å.
        layers: Number of convolutions.
        hidden: Irreps of the features; a layer keeps those that can be reached.
        max_degree: Largest degree of the harmonics.
        basis: Of the radial functions; see `named_basis`.
        functions: Number of functions in it.
        power: $p$ of the polynomial envelope.
        radial: Widths of the hidden layers of radial networks, which know no elements; `None` for tables of
            radial functions of each element $z_j$.
        readout: Width of the last readout.
        neighbors: $\bar n$, which divides the sums: the average number of neighbours in the training set.
        scale, shift, isolated: Of the energies, in eV; see `Energy`.
        repulsion: Of the nuclei at short range; see `parse_repulsion`.
        targets: Further results, read out from the last layer; see `cartesian.nn.Target`.
    """

    elements: Sequence[str | int]
    cutoff: float = 4.0
    layers: int = 5
    hidden: str = "80x0e + 80x0o + 80x1o + 80x1e + 80x2e + 80x2o + 80x3o + 80x3e"
    max_degree: int = 3
    basis: BasisName = "bessel"
    functions: int = 8
    power: int = 6
    radial: Sequence[int] | None = None
    readout: int = 16
    neighbors: float = 1.0
    scale: Values = 1.0
    shift: Values = 0.0
    isolated: Values = 0.0
    repulsion: Repulsion = False
    targets: Targets = ()


PUBLISHED = {
    "AcAc": BOTNetConfig(
        ("H", "C", "O"),
        isolated={"H": -13.568422178253735, "C": -1026.8538996116154, "O": -2037.796869412825},
    ),
    "3BPA": BOTNetConfig(
        ("H", "C", "N", "O"),
        radial=(64, 64, 64),
        isolated={
            "H": -13.587222780835477,
            "C": -1029.4889999855063,
            "N": -1484.9814568572233,
            "O": -2041.9816003861047,
        },
    ),
}
"""Settings by data set; AcAc has radial tables, 3BPA radial networks."""


class Layer(nn.Module):
    """One convolution and its update, on features of `irreps`; the first keeps nothing of them."""

    def __init__(self, irreps: Irreps, config: BOTNetConfig, is_first: bool) -> None:
        super().__init__()
        species = len(config.elements)
        self.out = reachable(irreps, config.max_degree, config.hidden)
        self.message = Message(irreps, self.out, config.max_degree, config.neighbors)
        basis = named_basis(config.basis, config.functions, config.cutoff)
        envelope, outputs = PolynomialEnvelope(config.cutoff, config.power), self.message.weights
        self.radial: RadialTable | RadialNetwork
        if config.radial is None:
            self.radial = RadialTable(basis, envelope, outputs, species)
        else:
            self.radial = RadialNetwork(basis, envelope, outputs, config.radial, envelope_first=True)
        self.update: SpeciesLinear | SelfConnection
        if is_first:
            self.update = SpeciesLinear(self.out, self.out, species)
        else:
            self.update = SelfConnection(irreps, self.out, species, scale=1)

    def forward(self, h: Tensor, species: Tensor, lengths: Tensor, y: Tensor, edges: Edges) -> Tensor:
        """New features of all atoms; `lengths` are those of the pairs."""
        if isinstance(self.radial, RadialTable):
            weights = self.radial(lengths, species.index_select(0, edges.senders))
        else:
            weights = self.radial(lengths)
        m = self.message(h, y, weights, edges)
        new: Tensor = (
            self.update(m, species) if isinstance(self.update, SpeciesLinear) else self.update(h, m, species)
        )
        return new


class BOTNet(nn.Module):
    """The energy of a graph, and further targets.

    Args:
        config: Settings; `PUBLISHED` holds some.

    Shape:
        A graph to a dictionary of `"energy"` `(systems,)` and `"energies"` `(nodes,)`, float64, in eV, and
        the targets.

    Raises:
        ValueError: If a target has irreps that the features do not.

    Examples:
        >>> model = BOTNet(PUBLISHED["AcAc"])
        >>> sum(p.numel() for p in model.parameters())
        2756416
    """

    def __init__(self, config: BOTNetConfig) -> None:
        super().__init__()
        self.config = config
        self.species = Species(config.elements)
        channels = Irreps(config.hidden).count("0e")
        self.embedding = SpeciesEmbedding(len(self.species), channels)
        irreps, self.layers, self.readouts = Irreps([(channels, "0e")]), nn.ModuleList(), nn.ModuleList()
        for t in range(config.layers):
            layer = Layer(irreps, config, is_first=t == 0)
            irreps = layer.out
            is_last = t == config.layers - 1
            self.layers.append(layer)
            self.readouts.append(
                Readout(irreps, "0e", hidden=f"{config.readout}x0e") if is_last else Linear(irreps, "0e")
            )
        energies, repulsion = (config.scale, config.shift, config.isolated), (config.repulsion, config.cutoff)
        self.outputs = Outputs(config.elements, *energies, config.targets, *repulsion)
        self.tensors = nn.ModuleDict(
            {name: Readout(irreps, out) for name, out in self.outputs.irreps.items()}
        )

    def forward(self, graph: Graph) -> dict[str, Tensor]:
        """Results for a graph."""
        species = self.species(graph.atomic_numbers)
        vectors = graph.vectors
        pairs = Pairs() if self.config.radial is None else Pairs.of(graph)
        lengths, y = pairs.reduce(safe_norm(vectors)), harmonics(vectors, self.config.max_degree)
        edges = pairs.join(graph.edges)
        h, total = self.embedding(species), vectors.new_zeros(graph.nodes, 1)
        for layer, readout in zip(self.layers, self.readouts, strict=True):
            h = layer(h, species, lengths, y, edges)
            total = total + readout(h)
        parts = {name: readout(h) for name, readout in self.tensors.items()}
        results: dict[str, Tensor] = self.outputs(total, parts, species, graph)
        return results
