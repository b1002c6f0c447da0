r"""ICTP: irreducible Cartesian tensor potentials, with products of many bodies on the atoms.

With $Y$ the trace-free tensors of an edge, $R$ its radial network and $U_\nu$ the products of $\nu$ equal
factors, all couplings contractions without a Levi-Civita tensor,

$$A_i = \frac{W}{\bar n} \sum_{j \to i} R(d_{ji}) \cdot (W_\text{up} h_j \otimes Y_{ji}), \qquad
  h'_i = W_\text{out} \sum_\nu W^\nu_{z_i} U_\nu(A_i) + W_{z_i} h_i .$$

The tensors are stored by their $2\ell + 1$ independent components, and couplings have the squared norm
$2\ell_3 + 1$, so that every layer begins with second moments about one; the published ones, which give 1 when
contracted with the direction, differ by a factor for each path, which the weights take up.

Source:
    V. Zaverkin, F. Alesiani, T. Maruyama, F. Errica, H. Christiansen, M. Takamoto, N. Weber, M. Niepert,
    Adv. Neural Inf. Process. Syst. 37 (2024), arXiv:2405.14253.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch import Tensor, nn

from cartesian.kernels.edges import Edges
from cartesian.nn.graph import Graph, safe_norm
from cartesian.nn.heads.energy import Values
from cartesian.nn.heads.outputs import Outputs, Targets
from cartesian.nn.heads.repulsion import Repulsion
from cartesian.nn.layers.basis import ProductBasis
from cartesian.nn.layers.embedding import Species, SpeciesEmbedding
from cartesian.nn.layers.latent_products import LatentProducts
from cartesian.nn.layers.linear import Linear
from cartesian.nn.layers.message import Message
from cartesian.nn.layers.readout import Readout
from cartesian.nn.layers.update import SelfConnection
from cartesian.nn.radial import BasisName, PolynomialEnvelope, RadialNetwork, named_basis
from cartesian.nn.radial.interpolation import Interpolated
from cartesian.nn.radial.pairs import Pairs
from cartesian.ops.harmonics import harmonics
from cartesian.spec import Irreps
from cartesian.symbolic.trees import trees

Products = Literal["independent", "full", "sym"]


@dataclass(frozen=True)
class ICTPConfig:
    r"""Settings of ICTP.

    Attributes:
        elements: Symbols or atomic numbers.
        cutoff: $r_c$, in Å.
        layers: Number of convolutions.
        channels: Number of channels of the features.
        max_degree: Largest degree $L$ of the features.
        edge_degree: Largest degree of the tensors of an edge, and of the factors and intermediates of the
            products.
        correlation: Largest number of factors $\nu$.
        products: "independent" gives weights to a basis of the products; the published "full" to all
            recursive products, "sym" to those whose first factors come in order: the same functions.
        latent: Number of channels of the products if these mix them ("lt"); by default the products take
            channel by channel, as many as the features have. "independent" then means "sym".
        basis: Of the radial functions; see `named_basis`.
        functions: Number of functions in it.
        power: $p$ of the polynomial envelope.
        radial: Widths of the hidden layers of the radial networks.
        knots: Number of intervals of a spline by which the radial networks are interpolated; with 0 they are
            evaluated at every distance.
        readout: Width of the last readout.
        neighbors: $\bar n$, which divides the sums: the average number of neighbours in the training set.
        scale, shift, isolated: Of the energies, in eV; see `Energy`.
        repulsion: Of the nuclei at short range; see `parse_repulsion`.
        targets: Further results, read out from the last layer; see `cartesian.nn.Target`.
    """

    elements: Sequence[str | int]
    cutoff: float = 5.0
    layers: int = 2
    channels: int = 256
    max_degree: int = 2
    edge_degree: int = 3
    correlation: int = 3
    products: Products = "independent"
    latent: int | None = None
    basis: BasisName = "bessel"
    functions: int = 8
    power: int = 5
    radial: Sequence[int] = (64, 64, 64)
    knots: int = 0
    readout: int = 16
    neighbors: float = 1.0
    scale: Values = 1.0
    shift: Values = 0.0
    isolated: Values = 0.0
    repulsion: Repulsion = False
    targets: Targets = ()

    def __post_init__(self) -> None:
        if self.products not in ("independent", "full", "sym"):
            raise ValueError(f"products are 'independent', 'full' or 'sym', not {self.products!r}")
        if self.layers < 1:
            raise ValueError(f"there is at least one layer, not {self.layers}")


PUBLISHED = {
    "3BPA full": ICTPConfig(("H", "C", "N", "O"), products="full"),
    "3BPA sym": ICTPConfig(("H", "C", "N", "O"), products="sym"),
    "3BPA sym+lt": ICTPConfig(("H", "C", "N", "O"), products="sym", latent=64),
}
"""Settings by data set and variant."""


class Layer(nn.Module):
    """One convolution, the products of what arrives, and the update, from `irreps` to `out`."""

    def __init__(self, irreps: Irreps, out: Irreps, config: ICTPConfig) -> None:
        super().__init__()
        species, width = len(config.elements), config.latent or config.channels
        factors = Irreps((width, irrep) for _, irrep in Irreps.harmonics(config.edge_degree))
        products = Irreps((width, irrep) for _, irrep in out)
        self.message = Message(irreps, factors, config.edge_degree, config.neighbors)
        network = RadialNetwork(
            named_basis(config.basis, config.functions, config.cutoff),
            PolynomialEnvelope(config.cutoff, config.power),
            self.message.weights,
            config.radial,
            envelope_first=True,
        )
        self.radial = Interpolated(network, config.cutoff, config.knots) if config.knots else network
        ordered = config.products == "full"
        self.product: ProductBasis | LatentProducts
        if config.latent is None:
            slots = partial(trees, ordered=ordered, contractions=True, max_degree=config.edge_degree)
            chosen = None if config.products == "independent" else slots
            self.product = ProductBasis(factors, config.correlation, products, species, chosen)
        else:
            self.product = LatentProducts(factors, config.correlation, products, species, ordered)
        self.linear = Linear(products, out)
        self.update = SelfConnection(irreps, out, species, scale=1)

    def forward(self, h: Tensor, species: Tensor, lengths: Tensor, y: Tensor, edges: Edges) -> Tensor:
        """New features of all atoms; `lengths` are those of the pairs."""
        a = self.message(h, y, self.radial(lengths), edges)
        new: Tensor = self.update(h, self.linear(self.product(a, species)), species)
        return new


class ICTP(nn.Module):
    """The energy of a graph, and further targets.

    Args:
        config: Settings; `PUBLISHED` holds some.

    Shape:
        A graph to a dictionary of `"energy"` `(systems,)` and `"energies"` `(nodes,)`, float64, in eV, and
        the targets.

    Raises:
        ValueError: If no product gives an irrep of a target.

    Examples:
        >>> [sum(p.numel() for p in ICTP(config).parameters()) for config in PUBLISHED.values()]
        [2944272, 2893072, 3184912]
    """

    def __init__(self, config: ICTPConfig) -> None:
        super().__init__()
        self.config = config
        self.species = Species(config.elements)
        energies, repulsion = (config.scale, config.shift, config.isolated), (config.repulsion, config.cutoff)
        self.outputs = Outputs(config.elements, *energies, config.targets, *repulsion)
        channels = config.channels
        hidden = Irreps((channels, irrep) for _, irrep in Irreps.harmonics(config.max_degree))
        read = {block.irrep for irreps in self.outputs.irreps.values() for block in irreps}
        last = Irreps((channels, irrep) for irrep in sorted({hidden[0].irrep, *read}))
        self.embedding = SpeciesEmbedding(len(self.species), channels)
        irreps, self.layers, self.energies = Irreps([(channels, "0e")]), nn.ModuleList(), nn.ModuleList()
        for t in range(config.layers):
            is_last = t == config.layers - 1
            out = last if is_last else hidden
            self.layers.append(Layer(irreps, out, config))
            self.energies.append(
                Readout(out, "0e", hidden=f"{config.readout}x0e") if is_last else Linear(out, "0e")
            )
            irreps = out
        self.readouts = nn.ModuleDict({name: Readout(last, out) for name, out in self.outputs.irreps.items()})

    def forward(self, graph: Graph) -> dict[str, Tensor]:
        """Results for a graph."""
        species = self.species(graph.atomic_numbers)
        vectors, pairs = graph.vectors, Pairs.of(graph)
        lengths, y = pairs.reduce(safe_norm(vectors)), harmonics(vectors, self.config.edge_degree)
        h, total = self.embedding(species), vectors.new_zeros(graph.nodes, 1)
        edges = pairs.join(graph.edges)
        for layer, energy in zip(self.layers, self.energies, strict=True):
            h = layer(h, species, lengths, y, edges)
            total = total + energy(h)
        parts = {name: readout(h) for name, readout in self.readouts.items()}
        results: dict[str, Tensor] = self.outputs(total, parts, species, graph)
        return results
