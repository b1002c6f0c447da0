r"""EquiREANN: Gaussian orbitals of the neighbours, which grow by what the neighbours themselves hold.

With $V^0 = 0$ and $c_j^0$ of each element, an iteration is

$$W_i^t = \sum_{j \to i} c_j^t \left( u(d) e^{-\alpha (d - s)^2} r^{\otimes n} + u(d) V_j^t \right), \qquad
  \rho_i^t = \sum_n \lVert \gamma_n^t W_i^t \rVert^2,$$
$$c_i^{t+1} = c_i^t + N_{z_i}^t(\rho_i^t), \qquad V_i^{t+1} = V_i^t + W_i^t, \qquad x_i = N_{z_i}(\rho_i^T).$$

This is the published recursion of states of edges $\phi_{ji}^t$ without any such state: the paper's
$\phi^{t+1}_{ji} = \phi^t_{ji} + u W_j^t$ is $\phi^t_{ji} = \phi^0_{ji} + u V_j^t$. Without $V$ it is REANN.

Two settings go beyond the paper, for what many bonds away changes the energy. There $V$ fades by $u$ on every
bond: `power` gives it an envelope that stays near one. And what fades is a small part of a density, which
`standardize` makes larger.

Source:
    Y. Zhang, J. Xia, B. Jiang, Phys. Rev. Lett. 127, 156002 (2021); arXiv:2409.19864.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cartesian.nn.graph import Graph, safe_norm
from cartesian.nn.heads.energy import Values
from cartesian.nn.heads.outputs import Outputs, Targets
from cartesian.nn.heads.repulsion import Repulsion
from cartesian.nn.layers.embedding import Species
from cartesian.nn.layers.filter_message import scale_channels
from cartesian.nn.layers.orbitals import Density, OrbitalMessage
from cartesian.nn.layers.readout import Readout
from cartesian.nn.layers.species_network import SpeciesNetwork
from cartesian.nn.layers.standard import SpeciesStandard
from cartesian.nn.radial import CosineSquaredEnvelope, GaussianOrbitals, PolynomialEnvelope
from cartesian.ops.vector_powers import vector_powers


@dataclass(frozen=True)
class EquiREANNConfig:
    r"""Settings of EquiREANN, and of REANN.

    Attributes:
        elements: Symbols or atomic numbers.
        cutoff: $r_c$, in Å.
        max_rank: Largest rank $n$ of the orbitals, published as `nipsin`.
        waves: Number of Gaussians of each element.
        orbitals: Number of densities; by default $w (w + 1) / 2$ for $w$ waves, times the number of ranks.
        iterations: $T$, published as `oc_loop`.
        hidden: Widths of the networks of the energy, and of other targets.
        coefficients_hidden: Widths of the networks of the coefficients $c$.
        blocks: Number of residual blocks in each network.
        normalize: Whether the networks have layer norms.
        standardize: Whether the networks see densities with mean zero and deviation one for every element,
            on the structures given to `EquiREANN.settle`; those of results then start with slopes of one.
        neighbors: Typical number of neighbours; $c$ starts as one over it.
        power: $p$ of a polynomial envelope of $V$; with 0 it has the envelope of the orbitals, as published.
        equivariant: Whether the messages $V$ are sent. REANN does not.
        shared: Whether all iterations have one $\gamma$, as in REANN.
        scale, shift, isolated: Of the energies, in eV; see `Energy`.
        repulsion: Of the nuclei at short range; see `parse_repulsion`.
        targets: Further results, made of the last orbitals; see `cartesian.nn.Target`.
    """

    elements: Sequence[str | int]
    cutoff: float = 5.0
    max_rank: int = 2
    waves: int = 8
    orbitals: int | None = None
    iterations: int = 1
    hidden: Sequence[int] = (128, 128)
    coefficients_hidden: Sequence[int] = (128, 128)
    blocks: int = 1
    normalize: bool = True
    standardize: bool = False
    neighbors: float = 12.0
    power: int = 0
    equivariant: bool = True
    shared: bool = False
    scale: Values = 1.0
    shift: Values = 0.0
    isolated: Values = 0.0
    repulsion: Repulsion = False
    targets: Targets = ()

    def __post_init__(self) -> None:
        if min(self.max_rank, self.iterations) < 0 or not self.neighbors > 0:
            raise ValueError(
                "EquiREANN has ranks and iterations from 0 and a positive number of neighbours, not "
                f"max_rank={self.max_rank}, iterations={self.iterations}, neighbors={self.neighbors}"
            )


PUBLISHED = {
    "default": EquiREANNConfig(("H", "C", "O")),
    "REANN": EquiREANNConfig(("H", "C", "O"), equivariant=False, shared=True),
    "CO2/Ni(100)": EquiREANNConfig(
        ("C", "O", "Ni"),
        cutoff=6.0,
        waves=7,
        iterations=3,
        hidden=(64, 64),
        coefficients_hidden=(64, 64),
        neighbors=60.0,
    ),
    "NMA": EquiREANNConfig(
        ("H", "C", "N", "O"), waves=7, iterations=4, hidden=(32, 32), coefficients_hidden=(32, 32)
    ),
}
"""Defaults of the package, for EquiREANN and for REANN, and settings by system, as in its examples."""


class EquiREANN(nn.Module):
    """The energy of a graph, and further targets.

    Args:
        config: Settings; `PUBLISHED` holds some.

    Shape:
        A graph to a dictionary of `"energy"` `(systems,)` and `"energies"` `(nodes,)`, float64, in eV, and
        the targets.

    Raises:
        ValueError: If a target has parts that orbitals of this rank do not hold.

    Examples:
        >>> model = EquiREANN(PUBLISHED["default"])
        >>> sum(p.numel() for p in model.parameters())
        298275
    """

    def __init__(self, config: EquiREANNConfig) -> None:
        super().__init__()
        self.config = config
        self.species = Species(config.elements)
        species, waves, rank = len(self.species), config.waves, config.max_rank
        count = config.orbitals or waves * (waves + 1) // 2 * (rank + 1)
        self.radial = GaussianOrbitals(waves, config.cutoff, species)
        self.envelope = CosineSquaredEnvelope(config.cutoff)
        self.fading = PolynomialEnvelope(config.cutoff, config.power) if config.power else self.envelope
        self.coefficients = nn.Parameter(torch.full((species, waves), 1 / config.neighbors))
        self.message = OrbitalMessage(waves, rank)
        self.densities = nn.ModuleList(
            Density(waves, rank, count) for _ in range(1 if config.shared else config.iterations + 1)
        )
        self.standards = nn.ModuleList(
            SpeciesStandard(count, species) for _ in range(config.standardize * (config.iterations + 1))
        )

        def network(outputs: int, hidden: Sequence[int], slope: float | None = None) -> SpeciesNetwork:
            return SpeciesNetwork(count, outputs, hidden, species, config.blocks, config.normalize, slope)

        # The last densities grow with high powers of the coefficients, which therefore begin slowly.
        self.updates = nn.ModuleList(
            network(waves, config.coefficients_hidden) for _ in range(config.iterations)
        )
        slope = 1.0 if config.standardize else None
        self.values = network(1, config.hidden, slope)
        energies, repulsion = (config.scale, config.shift, config.isolated), (config.repulsion, config.cutoff)
        self.outputs = Outputs(config.elements, *energies, config.targets, *repulsion)
        irreps = self.message.irreps
        self.gates = nn.ModuleDict(
            {name: network(irreps.channels, config.hidden, slope) for name in self.outputs.irreps}
        )
        self.readouts = nn.ModuleDict(
            {name: Readout(irreps, out) for name, out in self.outputs.irreps.items()}
        )

    def forward(self, graph: Graph) -> dict[str, Tensor]:
        """Results for a graph."""
        species, vectors = self.species(graph.atomic_numbers), graph.vectors
        lengths, powers = safe_norm(vectors), vector_powers(vectors, self.config.max_rank)
        envelope = self.envelope(lengths)[:, None]
        filters = self.message.spread(envelope * self.radial(lengths, species.index_select(0, graph.senders)))
        envelope = self.message.spread(self.fading(lengths)[:, None])
        c, held = self.coefficients.index_select(0, species), None
        orbitals = self.message(c, powers, filters, envelope, held, graph)
        density = self._density(0, orbitals, species)
        for t, update in enumerate(self.updates, start=1):
            c = c + update(density, species)
            if self.config.equivariant:
                held = orbitals if held is None else held + orbitals
            orbitals = self.message(c, powers, filters, envelope, held, graph)
            density = self._density(t, orbitals, species)
        parts = {
            name: readout(scale_channels(orbitals, self.gates[name](density, species), self.message.irreps))
            for name, readout in self.readouts.items()
        }
        results: dict[str, Tensor] = self.outputs(self.values(density, species), parts, species, graph)
        return results

    def _density(self, t: int, orbitals: Tensor, species: Tensor) -> Tensor:
        density: Tensor = self.densities[0 if self.config.shared else t](orbitals)
        return self.standards[t](density, species) if self.config.standardize else density

    def settle(self, graph: Graph) -> None:
        """Find the means and deviations of the densities in typical structures, before a training."""
        handles = [
            standard.register_forward_pre_hook(lambda module, inputs: module.settle(*inputs))
            for standard in self.standards
        ]
        with torch.no_grad():
            self(graph)
        for handle in handles:
            handle.remove()
