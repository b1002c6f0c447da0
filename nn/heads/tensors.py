"""Tensors of atoms and systems: any index symmetry, and the dipole moment."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from cartesian.nn.graph import Graph
from cartesian.nn.heads.charges import equilibrate
from cartesian.ops.spaces import TensorSpace
from cartesian.spec import Irreps

Pooling = Callable[[Tensor, Graph], Tensor]


def sum_atoms(values: Tensor, graph: Graph) -> Tensor:
    """Sum of `(nodes, ...)` over each system: an extensive observable, such as a polarizability."""
    return graph.sum_systems(values)


def mean_atoms(values: Tensor, graph: Graph) -> Tensor:
    """Mean of `(nodes, ...)` over each system: an intensive one, such as a stiffness; zero without atoms."""
    counts = graph.count_systems().clamp(min=1).to(values)
    return graph.sum_systems(values) / counts.reshape(-1, *[1] * (values.ndim - 1))


class TensorHead(nn.Module):
    r"""Full Cartesian tensors with an index symmetry, from the irreducible parts of each atom.

    Args:
        space: A formula such as `"ij=ji"` (polarizability), `"ijk=ikj"` (piezoelectricity) or
            `"ijkl=jikl=klij"` (elasticity), or a `TensorSpace`.
        pool: `sum_atoms`, `mean_atoms`, or `None` for a tensor of each atom, such as a shielding.
        scale: A factor, with the unit of the observable.

    Attributes:
        irreps: What a readout has to give.

    Shape:
        `(nodes, irreps.dim)` and a graph to `(systems, 3, …, 3)`, or `(nodes, 3, …, 3)` without pooling.

    Examples:
        >>> TensorHead("ijkl=jikl=klij").irreps
        2x0e+2x2e+1x4e
    """

    def __init__(
        self, space: TensorSpace | str, pool: Pooling | None = sum_atoms, scale: float = 1.0
    ) -> None:
        super().__init__()
        self.space = TensorSpace(space) if isinstance(space, str) else space
        self.pool, self.scale = pool, float(scale)

    @property
    def irreps(self) -> Irreps:
        """What a readout has to give."""
        return self.space.irreps

    def forward(self, parts: Tensor, graph: Graph) -> Tensor:
        """Tensors of the systems, or of the atoms."""
        pooled = parts if self.pool is None else self.pool(parts, graph)
        tensors: Tensor = self.space.from_irreps(self.scale * pooled)
        return tensors

    def extra_repr(self) -> str:
        """The space."""
        return str(self.space)


class PositiveTensor(nn.Module):
    r"""Symmetric matrices with positive eigenvalues, such as dielectric tensors, from their logarithms.

    $$T = a\, \exp\Big( \frac{1}{N} \sum_i S_i \Big)$$

    for the mean, and likewise for the sum. The eigenvalues of the exponent are the logarithms of those of
    $T / a$: tensors of all sizes are learned by their ratios.

    Args:
        pool: `sum_atoms`, `mean_atoms`, or `None` for a tensor of each atom.
        scale: $a$, with the unit of the observable.

    Attributes:
        irreps: What a readout has to give, `0e+2e`.

    Shape:
        `(nodes, irreps.dim)` and a graph to `(systems, 3, 3)`, or `(nodes, 3, 3)` without pooling.

    Examples:
        >>> PositiveTensor(scale=2.0)(torch.zeros(1, 6), Graph.from_edges(torch.zeros(1, 3), [1], [], []))
        tensor([[[2., 0., 0.],
                 [0., 2., 0.],
                 [0., 0., 2.]]])
    """

    def __init__(self, pool: Pooling | None = mean_atoms, scale: float = 1.0) -> None:
        super().__init__()
        self.logarithm, self.scale = TensorHead("ij=ji", pool), float(scale)

    @property
    def irreps(self) -> Irreps:
        """What a readout has to give."""
        return self.logarithm.irreps

    def forward(self, parts: Tensor, graph: Graph) -> Tensor:
        """Tensors of the systems, or of the atoms."""
        # Not by eigenvectors: their derivatives are infinite where eigenvalues meet, as in cubic crystals.
        return self.scale * torch.matrix_exp(self.logarithm(parts, graph))


class Dipole(nn.Module):
    r"""The dipole moment of each system, from dipoles of the atoms and, if wanted, their charges.

    $$\mu = \sum_i \mu_i + \sum_i q_i (r_i - \bar r)$$

    Charges are shifted evenly to add up to the total charge. The second sum does not depend on the origin
    for neutral systems; for ions $\bar r$, the mean of the positions, is the origin.

    Args:
        charges: Whether atoms have charges; not under periodic boundaries, where the sum has no meaning.
        scale: A factor.

    Attributes:
        irreps: What a readout has to give, `1o` or `0e+1o`.

    Shape:
        `(nodes, irreps.dim)` and a graph to `(systems, 3)`, in eÅ.

    Raises:
        ValueError: When called with charges in a periodic system.
    """

    def __init__(self, charges: bool = False, scale: float = 1.0) -> None:
        super().__init__()
        self.irreps, self.scale = Irreps("0e + 1o" if charges else "1o"), float(scale)

    def forward(self, parts: Tensor, graph: Graph) -> Tensor:
        """Dipole moments of the systems."""
        dipoles = parts[:, -3:]
        if len(self.irreps) == 2:
            if not torch.compiler.is_compiling() and bool(graph.shifts.any()):
                raise ValueError(
                    "a dipole of charges depends on which image of an atom is taken, and edges cross cells: "
                    "leave the charges out for periodic systems"
                )
            charges = equilibrate(parts[:, :1], torch.zeros_like(parts[:, :1]), graph)
            centre = mean_atoms(graph.positions, graph).index_select(0, graph.systems)
            dipoles = dipoles + charges * (graph.positions - centre).to(parts)
        return self.scale * graph.sum_systems(dipoles)
