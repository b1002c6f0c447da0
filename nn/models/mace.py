r"""MACE: messages of many bodies, as products of correlation $\nu$ on the atoms.

With $Y$ the harmonics of an edge, $R$ its radial functions and $B^\nu$ the products of $\nu$ equal factors,

$$A_i = \frac{W}{\bar n} \sum_{j \to i} R(d_{ji}) \cdot (W_\text{up} h_j \otimes Y_{ji}), \qquad
  h'_i = W' \sum_\nu W^\nu_{z_i} B^\nu(A_i) + W_{z_i} h_i .$$

Each layer gives an energy linear in its scalars, and the last one a perceptron of them; it keeps nothing else
but what the targets read.

Source:
    I. Batatia, D. P. Kovács, G. N. C. Simm, C. Ortner, G. Csányi, Adv. Neural Inf. Process. Syst. 35 (2022).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from cartesian.kernels.edges import Edges
from cartesian.nn.graph import Graph, safe_norm
from cartesian.nn.heads.energy import Values
from cartesian.nn.heads.outputs import Outputs, Targets
from cartesian.nn.heads.repulsion import Repulsion
from cartesian.nn.layers.basis import ProductBasis
from cartesian.nn.layers.embedding import Species, SpeciesEmbedding
from cartesian.nn.layers.linear import Linear, SpeciesLinear
from cartesian.nn.layers.message import Message
from cartesian.nn.layers.readout import Readout
from cartesian.nn.layers.update import SelfConnection
from cartesian.nn.radial import BasisName, PolynomialEnvelope, RadialNetwork, named_basis
from cartesian.nn.radial.interpolation import Interpolated
from cartesian.nn.radial.pairs import Pairs
from cartesian.nn.radial.table import RadialTable
from cartesian.ops.harmonics import harmonics
from cartesian.spec import Irreps
from cartesian.symbolic.trees import trees

PRODUCTS = {"independent": None, "ordered": trees}
"""Which products have weights: a basis, or all ordered coupling trees as in the published model."""


@dataclass(frozen=True)
class MACEConfig:
    r"""Settings of MACE.

    Attributes:
        elements: Symbols or atomic numbers.
        cutoff: $r_c$, in Å.
        layers: Number of convolutions.
        hidden: Irreps of the features, all with the same number of channels.
        max_degree: Largest degree of the harmonics, and of the factors of the products.
        correlation: Largest number of factors $\nu$, for all layers or for each.
        products: "independent" gives weights to a basis of the products; "ordered" to all coupling trees, as
            published: the same functions, more parameters.
        residual: Whether the first layer keeps the scalars it starts from. Without them its messages are
            mixed with weights of each element before the product.
        basis: Of the radial functions; see `named_basis`.
        functions: Number of functions in it.
        power: $p$ of the polynomial envelope.
        radial: Widths of the hidden layers of radial networks, which know no elements; `None` for tables of
            radial functions of each element $z_j$.
        knots: Number of intervals of a spline by which the radial networks are interpolated; with 0 they are
            evaluated at every edge.
        readout: Width of the last readout.
        neighbors: $\bar n$, which divides the sums: the average number of neighbours in the training set.
        scale, shift, isolated: Of the energies, in eV; see `Energy`.
        repulsion: Of the nuclei at short range; see `parse_repulsion`.
        targets: Further results, read out from the last layer; see `cartesian.nn.Target`.
    """

    elements: Sequence[str | int]
    cutoff: float = 5.0
    layers: int = 2
    hidden: str = "256x0e + 256x1o + 256x2e"
    max_degree: int = 3
    correlation: int | Sequence[int] = 3
    products: Literal["independent", "ordered"] = "independent"
    residual: bool = True
    basis: BasisName = "bessel"
    functions: int = 8
    power: int = 5
    radial: Sequence[int] | None = (64, 64, 64)
    knots: int = 0
    readout: int = 16
    neighbors: float = 1.0
    scale: Values = 1.0
    shift: Values = 0.0
    isolated: Values = 0.0
    repulsion: Repulsion = False
    targets: Targets = ()


PUBLISHED = {
    "AcAc": MACEConfig(("H", "C", "O"), products="ordered"),
    "3BPA": MACEConfig(("H", "C", "N", "O"), products="ordered"),
}
"""Settings by data set, for $L = 2$; scale and shift are the root mean square force and the mean energy."""


class Layer(nn.Module):
    """One convolution, the products of what arrives, and the update, from `irreps` to `out`."""

    def __init__(
        self, irreps: Irreps, out: Irreps, correlation: int, config: MACEConfig, keeps: bool
    ) -> None:
        super().__init__()
        species = len(config.elements)
        channels = irreps[0].channels
        factors = Irreps((channels, irrep) for _, irrep in Irreps.harmonics(config.max_degree))
        self.message = Message(irreps, factors, config.max_degree, config.neighbors)
        basis = named_basis(config.basis, config.functions, config.cutoff)
        envelope, outputs = PolynomialEnvelope(config.cutoff, config.power), self.message.weights
        self.radial: RadialTable | RadialNetwork | Interpolated
        if config.radial is None:
            self.radial = RadialTable(basis, envelope, outputs, species)
        else:
            network = RadialNetwork(basis, envelope, outputs, config.radial, envelope_first=True)
            self.radial = Interpolated(network, config.cutoff, config.knots) if config.knots else network
        self.mix = None if keeps else SpeciesLinear(factors, factors, species)
        self.product = ProductBasis(factors, correlation, out, species, PRODUCTS[config.products])
        self.linear = Linear(out, out)
        self.update = SelfConnection(irreps, out, species, scale=1) if keeps else None

    def forward(self, h: Tensor, species: Tensor, lengths: Tensor, y: Tensor, edges: Edges) -> Tensor:
        """New features of all atoms; `lengths` are those of the pairs."""
        if isinstance(self.radial, RadialTable):
            weights = self.radial(lengths, species.index_select(0, edges.senders))
        else:
            weights = self.radial(lengths)
        a = self.message(h, y, weights, edges)
        if self.mix is not None:
            a = self.mix(a, species)
        new: Tensor = self.linear(self.product(a, species))
        return new if self.update is None else self.update(h, new, species)


class MACE(nn.Module):
    """The energy of a graph, and further targets.

    Args:
        config: Settings; `PUBLISHED` holds some.

    Shape:
        A graph to a dictionary of `"energy"` `(systems,)` and `"energies"` `(nodes,)`, float64, in eV, and
        the targets.

    Raises:
        ValueError: If the features differ in channels or lack scalars, if there is not one correlation for
            each layer, if tables should be interpolated, or if no product gives an irrep of a target.

    Examples:
        >>> sum(p.numel() for p in MACE(PUBLISHED["AcAc"]).parameters())
        2803984
        >>> sum(p.numel() for p in MACE(MACEConfig(("H", "C", "O"))).parameters())
        2707984
    """

    def __init__(self, config: MACEConfig) -> None:
        super().__init__()
        self.config = config
        self.species = Species(config.elements)
        hidden = Irreps(config.hidden).simplify()
        channels = hidden.count("0e")
        if {block.channels for block in hidden} != {channels}:
            raise ValueError(f"hidden irreps have equal numbers of channels and include 0e, not {hidden}")
        correlation = config.correlation
        correlations = [correlation] * config.layers if isinstance(correlation, int) else list(correlation)
        if len(correlations) != config.layers or config.layers < 1:
            raise ValueError(f"{config.layers} layers need one correlation each, not {correlations}")
        if config.radial is None and config.knots:
            raise ValueError(f"{config.knots} knots are for radial networks; tables of elements have none")
        energies, repulsion = (config.scale, config.shift, config.isolated), (config.repulsion, config.cutoff)
        self.outputs = Outputs(config.elements, *energies, config.targets, *repulsion)
        read = {block.irrep for irreps in self.outputs.irreps.values() for block in irreps}
        last = Irreps([(channels, "0e"), *((channels, irrep) for irrep in read)])
        last = Irreps((channels, irrep) for _, irrep in last.simplify())
        self.embedding = SpeciesEmbedding(len(self.species), channels)
        irreps, self.layers, self.energies = Irreps([(channels, "0e")]), nn.ModuleList(), nn.ModuleList()
        for t, order in enumerate(correlations):
            is_last = t == config.layers - 1
            out = last if is_last else hidden
            self.layers.append(Layer(irreps, out, order, config, keeps=config.residual or t > 0))
            self.energies.append(
                Readout(out, "0e", hidden=f"{config.readout}x0e") if is_last else Linear(out, "0e")
            )
            irreps = out
        self.readouts = nn.ModuleDict({name: Readout(last, out) for name, out in self.outputs.irreps.items()})

    def forward(self, graph: Graph) -> dict[str, Tensor]:
        """Results for a graph."""
        species = self.species(graph.atomic_numbers)
        vectors = graph.vectors
        pairs = Pairs() if self.config.radial is None else Pairs.of(graph)
        lengths, y = pairs.reduce(safe_norm(vectors)), harmonics(vectors, self.config.max_degree)
        edges = pairs.join(graph.edges)
        h, total = self.embedding(species), vectors.new_zeros(graph.nodes, 1)
        for layer, energy in zip(self.layers, self.energies, strict=True):
            h = layer(h, species, lengths, y, edges)
            total = total + energy(h)
        parts = {name: readout(h) for name, readout in self.readouts.items()}
        results: dict[str, Tensor] = self.outputs(total, parts, species, graph)
        return results
