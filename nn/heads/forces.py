r"""Forces, stress and other derivatives of a model, and forces that are no derivatives.

A model is anything that takes a `Graph` and returns a dictionary with `"energy"`, `(systems,)`, in eV.
All positions and cells are deformed by $r \mapsto r + r\, \varepsilon$ with a symmetric $\varepsilon$, and

$$F_i = -\frac{\partial E}{\partial r_i}, \qquad
  \sigma = \frac{1}{V} \frac{\partial E}{\partial \varepsilon}, \qquad
  W = -\frac{\partial E}{\partial \varepsilon},$$

so the stress is in eV/Å³ and positive under tension, and the virial $W = -V \sigma$ is in eV. An
antisymmetric $\varepsilon$ turns the system and costs nothing.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from cartesian.nn.graph import Graph
from cartesian.spec import Irreps

Model = Callable[[Graph], dict[str, Tensor]]


class Potential(nn.Module):
    """A model of the energy with its forces and stress.

    Args:
        model: Maps a graph to a dictionary with `"energy"`; what else it holds is handed on.
        stress: Whether stress and virial are computed.

    Shape:
        A graph to a dictionary, to which are added `"forces"` `(nodes, 3)` in eV/Å, and `"virial"` in eV and
        `"stress"` in eV/Å³, `(systems, 3, 3)`; in the dtype of the positions. A system without a volume has
        no stress: it is not a number there.

    While training, the results can be differentiated once more, for a loss of forces; else they are
    cut off from the graph of operations, unless the positions that come in already require gradients.
    """

    def __init__(self, model: nn.Module | Model, stress: bool = True) -> None:
        super().__init__()
        self.model, self.stress = model, stress

    def forward(self, graph: Graph) -> dict[str, Tensor]:
        """The dictionary of the model with the derivatives of its energy."""
        further = self.training or graph.positions.requires_grad
        with torch.enable_grad():
            positions = _leaf(graph.positions)
            displacement = graph.cells.new_zeros(graph.cells.shape[0], 3, 3).requires_grad_(self.stress)
            moved = graph.replace(positions=positions)
            if self.stress:
                moved = moved.strain(0.5 * (displacement + displacement.mT))
            results = dict(self.model(moved))
            inputs = [positions, displacement] if self.stress else [positions]
            gradients = _gradients(results["energy"].sum(), inputs, further)
        if not further:
            results = {name: value.detach() for name, value in results.items()}
        results["forces"] = -gradients[0]
        if self.stress:
            results["virial"] = -gradients[1]
            volumes = graph.volumes[:, None, None]
            has_volume = volumes > 0
            # Not divided by nan, whose derivative would spoil a batch of molecules and crystals.
            stress = gradients[1] / torch.where(has_volume, volumes, 1.0)
            results["stress"] = torch.where(has_volume, stress, torch.nan)
        return results


def hessian(model: nn.Module | Model, graph: Graph) -> Tensor:
    r"""Second derivatives of the energy, $H_{ia,jb} = \partial^2 E / \partial r_{ia}\, \partial r_{jb}$.

    Args:
        model: As in `Potential`.
        graph: Of one system, or several; between different systems the derivatives are zero.

    Returns:
        `(nodes, 3, nodes, 3)`, in eV/Å².
    """
    positions = _leaf(graph.positions.detach())
    energy = model(graph.replace(positions=positions))["energy"].sum()
    (gradient,) = _gradients(energy, [positions], further=True)
    rows = [_gradients(entry, [positions], retain=True)[0] for entry in gradient.flatten()]
    shape = (graph.nodes, 3, graph.nodes, 3)
    return torch.stack(rows).reshape(shape) if rows else positions.new_zeros(shape)


def born_charges(model: nn.Module | Model, graph: Graph, name: str = "dipole") -> Tensor:
    r"""Born effective charges, $Z^*_{i,ab} = \partial \mu_a / \partial r_{ib}$.

    If the dipole does not change under translations, they sum to zero; with charges, to the total charge.

    Args:
        model: Returns the dipole of each system, `(systems, 3)`, in eÅ.
        graph: Of one system or several.
        name: Of the dipole in what the model returns.

    Returns:
        `(nodes, 3, 3)`, in elementary charges, first the direction of the dipole; differentiable if the
        positions require gradients.
    """
    further = graph.positions.requires_grad
    with torch.enable_grad():
        positions = _leaf(graph.positions)
        dipole = model(graph.replace(positions=positions))[name].sum(0)
        rows = [_gradients(entry, [positions], further, retain=True)[0] for entry in dipole]
    return torch.stack(rows, dim=1)


class DirectForces(nn.Module):
    r"""Forces read out from a vector of each atom, not from an energy.

    $$F_i = a \left( v_i - \frac{1}{n} \sum_j v_j \right)$$

    The mean over each system is taken away, so that momentum is conserved; energy is not.

    Args:
        scale: $a$, in eV/Å.
        conserve: Whether the mean is taken away.

    Attributes:
        irreps: What a readout has to give, `1o`.

    Shape:
        `(nodes, 3)` and a graph to `(nodes, 3)`, in eV/Å.
    """

    irreps = Irreps("1o")

    def __init__(self, scale: float = 1.0, conserve: bool = True) -> None:
        super().__init__()
        self.scale, self.conserve = float(scale), conserve

    def forward(self, vectors: Tensor, graph: Graph) -> Tensor:
        """Forces on the atoms."""
        if self.conserve:
            means = graph.sum_systems(vectors) / graph.count_systems().clamp(min=1).to(vectors)[:, None]
            vectors = vectors - means.index_select(0, graph.systems)
        return self.scale * vectors


def _leaf(positions: Tensor) -> Tensor:
    return positions if positions.requires_grad else positions.detach().requires_grad_()


def _gradients(
    value: Tensor, inputs: list[Tensor], further: bool = False, retain: bool = False
) -> tuple[Tensor, ...]:
    """Gradients of a number; zero by what it does not depend on, as the energy of isolated atoms."""
    if not value.requires_grad:
        return tuple(torch.zeros_like(array) for array in inputs)
    return torch.autograd.grad(
        value, inputs, create_graph=further, retain_graph=retain or further, materialize_grads=True
    )
