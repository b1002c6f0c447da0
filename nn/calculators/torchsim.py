"""A model for TorchSim, which moves many systems at once."""

import warnings
from typing import Any

import torch
from torch import Tensor, nn

from cartesian.nn.calculators.moving_graph import MovingGraph
from cartesian.nn.calculators.source import Model, check_finite, open_model
from cartesian.nn.data.batching import batch
from cartesian.nn.heads.forces import Potential

Interface: Any = nn.Module
"""What a model of TorchSim is derived from, where TorchSim is installed."""

try:
    with warnings.catch_warnings():
        # TorchSim compiles by `torch.jit.script`, against which torch warns.
        warnings.simplefilter("ignore", DeprecationWarning)
        import torch_sim
        from torch_sim.models.interface import ModelInterface as Interface  # type: ignore[no-redef]
except ModuleNotFoundError:
    torch_sim = None


class TorchSim(Interface):
    """A trained potential as a `ModelInterface` of TorchSim.

    The results are those of the model under the names of TorchSim: `energy` in eV, `forces` in eV/Å, `stress`
    in eV/Å³, positive under tension, and what the model was trained for besides. Energies are rounded to the
    dtype of the state at the end; take float64 where their differences matter.

    Args:
        model: The folder of a model or of a run, or a model.
        device, dtype: By default those of the model.
        compute_stress: Whether the stress is computed; a system without a volume has none.
        skin: In Å, as for ASE; each system has its own list of neighbours.

    Raises:
        ModuleNotFoundError: If `torch_sim` is missing.
        ValueError: When asked, if an atom is of an element that the model does not know, or a result is not
            finite.
    """

    def __init__(
        self,
        model: Model,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        compute_stress: bool = True,
        skin: float = 0.5,
    ) -> None:
        if torch_sim is None:
            raise ModuleNotFoundError(
                "this calculator is for TorchSim: pip install 'cartesian-tensors[torchsim]'", name="torch_sim"
            )
        super().__init__()
        self.source = open_model(model, device, dtype)
        self.potential = Potential(self.source.model, compute_stress).eval()
        self.skin = skin
        self._device, self._dtype = self.source.device, self.source.dtype
        self._compute_stress, self._compute_forces = compute_stress, True
        self._moving: list[MovingGraph] = []

    def forward(self, state: Any, **_: Any) -> dict[str, Tensor]:
        """Results for all systems of a state."""
        if not isinstance(state, torch_sim.SimState):
            state = torch_sim.SimState(**state)
        self.source.check(state.atomic_numbers, "the state")
        cells = state.row_vector_cell.cpu().double().numpy()
        positions = state.positions.detach().cpu().double().numpy()
        numbers, systems = state.atomic_numbers.cpu().numpy(), state.system_idx.cpu().numpy()
        while len(self._moving) < len(cells):
            moving = MovingGraph(self.source.cutoff, self.skin, self._dtype, self._device)
            self._moving.append(moving)
        graphs = []
        for k, cell in enumerate(cells):
            own = systems == k
            # Without periodicity TorchSim still has a cell, of which neighbours know nothing.
            box, periodic = (cell, True) if state.pbc else (None, False)
            system = (positions[own], numbers[own], box, periodic)
            graphs.append(self._moving[k].graph(*system, name=f"system {k}"))
        graph = batch(graphs)
        results: dict[str, Tensor] = self.potential(graph)
        check_finite(results, graph, "the state")
        results.pop("virial", None)
        return {name: value.to(state.positions.dtype) for name, value in results.items()}
