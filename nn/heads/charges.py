r"""Charges of atoms that add up to the charge of their system, and their Coulomb energy."""

import torch
from torch import Tensor

from cartesian.nn.graph import Graph, safe_norm

# e² / 4πε₀ in eV Å: Hartree times Bohr radius, CODATA 2018.
COULOMB = 27.211386245988 * 0.529177210903


def equilibrate(
    charges: Tensor, softness: Tensor, graph: Graph, floor: float = 1e-6, conserve: bool = True
) -> Tensor:
    r"""Shift charges so that they add up to the total charge of each system.

    $$q_i \mapsto q_i + \frac{f_i^2 + \eta}{\sum_j (f_j^2 + \eta)} \Bigl( Q - \sum_j q_j \Bigr)$$

    The weights add up to one whatever $f$ is, zero included, and two copies of a molecule are shifted like
    one. The published weights $f_i^2 / (\sum_j f_j^2 + \eta)$ add up to less.

    Args:
        charges: $q$, `(nodes, channels)`, in elementary charges; each channel by itself adds up to $Q$.
        softness: $f$, `(nodes, channels)`: atoms of large $f^2$ take most of the difference.
        graph: Its `charges` are the $Q$ of each system.
        floor: $\eta > 0$.
        conserve: Whether the weights add up to one; else they are the published ones.

    Returns:
        `(nodes, channels)`.

    Source:
        After G. Simeon et al., arXiv:2601.00581 (TensorNet2).
    """
    squares = softness.square()
    if conserve:
        squares = squares + floor
    totals = graph.sum_systems(squares) + (0.0 if conserve else floor)
    parts = squares / totals[graph.systems]
    missing = graph.charges.to(charges)[:, None] - graph.sum_systems(charges)
    return charges + parts * missing[graph.systems]


def coulomb_energies(
    charges: Tensor, graph: Graph, damping: float = 4.6, constant: float = COULOMB
) -> Tensor:
    r"""Coulomb energy of all pairs of a molecule, half of each pair for either atom.

    $$E_i = \frac{k_e}{2} \sum_{j \ne i} \bigl(1 - g(d_{ij})\bigr) \frac{q_i q_j}{d_{ij}}, \qquad
      g(d) = \exp\!\left(1 - \frac{1}{1 - (d / d_0)^2}\right) \text{ for } d < d_0, \text{ else } 0$$

    Near the centre, where a network does the work, $1 - g \approx (d / d_0)^2$ leaves no pole.

    Args:
        charges: $q$, `(nodes, channels)`, in elementary charges.
        graph: Of molecules; all pairs of a system count, not only its edges.
        damping: $d_0$, in Å.
        constant: $k_e$, in eV Å.

    Returns:
        `(nodes, channels)`, in eV.

    Raises:
        ValueError: If a system is periodic, where the sum over images does not converge.

    Source:
        G. Simeon et al., arXiv:2601.00581 (TensorNet2).
    """
    if not torch.compiler.is_compiling() and bool(graph.shifts.any()):
        raise ValueError(
            "the Coulomb energy of all pairs is that of molecules, but edges cross cells: "
            "take reaction_field_energies for periodic systems"
        )
    i, j = (graph.systems[:, None] == graph.systems).fill_diagonal_(False).nonzero(as_tuple=True)
    lengths = safe_norm(graph.positions[i] - graph.positions[j])
    screened = _damping(lengths, damping) / torch.where(lengths > 0, lengths, 1.0)
    return _halves(charges, constant * screened.to(charges), i, j)


def reaction_field_energies(
    charges: Tensor,
    graph: Graph,
    cutoff: float,
    permittivity: float = 78.3,
    damping: float | None = None,
    constant: float = COULOMB,
) -> Tensor:
    r"""Coulomb energy of pairs within a cutoff, beyond which there is a medium.

    $$E_i = \frac{k_e}{2} \sum_{j \to i} q_i q_j \left(\frac{1}{d} + k d^2 - c\right), \qquad
      k = \frac{1}{r_c^3} \frac{\epsilon - 1}{2 \epsilon + 1}, \quad
      c = \frac{1}{r_c} \frac{3 \epsilon}{2 \epsilon + 1}$$

    The energy is continuous at the cutoff, forces are only as $\epsilon \to \infty$ (`float("inf")`).

    Args:
        charges: $q$, `(nodes, channels)`, in elementary charges.
        graph: With all edges up to the cutoff, periodic or not.
        cutoff: $r_c$, in Å.
        permittivity: $\epsilon$ of the medium.
        damping: $d_0$ of the factor $1 - g$ of `coulomb_energies`, in Å; by default there is none.
        constant: $k_e$, in eV Å.

    Returns:
        `(nodes, channels)`, in eV.

    Source:
        I. G. Tironi et al., J. Chem. Phys. 102, 5451 (1995).
    """
    # (ε - 1) / (2ε + 1) and 3ε / (2ε + 1), written so that ε may be infinite.
    rest = 1 / permittivity
    k, c = (1 - rest) / (2 + rest) / cutoff**3, 3 / (2 + rest) / cutoff
    lengths = safe_norm(graph.vectors)
    inside = (lengths < cutoff) & (lengths > 0)
    d = torch.where(inside, lengths, cutoff)
    screened = torch.where(inside, 1 / d + k * d.square() - c, 0.0)
    if damping is not None:
        screened = screened * _damping(d, damping)
    return _halves(charges, constant * screened.to(charges), graph.receivers, graph.senders)


def _damping(lengths: Tensor, damping: float) -> Tensor:
    """The factor 1 - g."""
    x = lengths / damping
    inside = x < 1
    exponent = -x.square() / torch.where(inside, 1 - x.square(), 1.0)
    # expm1 keeps the digits of the small difference.
    return torch.where(inside, -torch.expm1(exponent), 1.0)


def _halves(charges: Tensor, screened: Tensor, i: Tensor, j: Tensor) -> Tensor:
    pairs = 0.5 * screened[:, None] * charges[i] * charges[j]
    return torch.zeros_like(charges).index_add(0, i, pairs)
