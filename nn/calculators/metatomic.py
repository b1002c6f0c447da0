"""A model as a file for metatomic, whose engines run it without Python and without this package.

The energies of the atoms become one graph of plain operations of torch, in TorchScript; engines (ASE, LAMMPS,
i-PI, ...) differentiate it. An edge runs from the first atom of a pair to the second.
"""

import warnings
from math import inf
from pathlib import Path
from typing import Any, Dict, List, Optional  # noqa: UP035

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from cartesian.nn.calculators.export import example_graph, inputs, record
from cartesian.nn.calculators.source import Model, Source, open_model
from cartesian.nn.graph import Graph

try:
    with warnings.catch_warnings():
        # They compile by `torch.jit.script`, against which torch warns.
        warnings.simplefilter("ignore", DeprecationWarning)
        import metatomic.torch as metatomic
        from metatensor.torch import Labels, TensorBlock, TensorMap
        from metatomic.torch import ModelOutput, NeighborListOptions, System
except ModuleNotFoundError:
    metatomic = None
    Labels = ModelOutput = NeighborListOptions = System = TensorBlock = TensorMap = Any

CHAIN = 24
"""Atoms of the chain on which it is seen how far a model reaches."""


def export_metatomic(model: Model, path: str | Path) -> Path:
    """Write the energy of a model as an `AtomisticModel` of metatomic, compared with the model before.

    The output is `"energy"`, in eV, of each system or of each atom, in the dtype of the model. The total
    charge is zero. The range of interaction is that of `interaction_range`.

    Args:
        model: The folder of a model or of a run, or a model.
        path: Of the file, ending in `.pt`.

    Returns:
        The path.

    Raises:
        ModuleNotFoundError: If metatomic is missing.
        ValueError: If the path is none, or the file would give other energies or forces than the model.
    """
    if metatomic is None:
        raise ModuleNotFoundError(
            "this file is for metatomic: pip install 'cartesian-tensors[metatomic]'", name="metatomic"
        )
    path = Path(path)
    if path.suffix != ".pt":
        raise ValueError(f"a model for metatomic is a file that ends in .pt, not {path.name!r}")
    source = open_model(model, "cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        # It looks for annotations in what torch has written.
        warnings.filterwarnings("ignore", "The TorchScript type system", UserWarning)
        energies = torch.jit.script(_scriptable(source))
        _compare(source, energies)
        capabilities = metatomic.ModelCapabilities(
            outputs={"energy": ModelOutput(unit="eV", sample_kind="atom")},
            atomic_types=list(source.elements),
            interaction_range=interaction_range(source),
            length_unit="angstrom",
            supported_devices=["cuda", "cpu"],
            dtype=str(source.dtype).removeprefix("torch."),
        )
        metadata = metatomic.ModelMetadata(name=type(source.model).__name__)
        exported = metatomic.AtomisticModel(_Energy(energies, source.cutoff).eval(), metadata, capabilities)
        path.parent.mkdir(parents=True, exist_ok=True)
        exported.save(str(path))
    return path


def interaction_range(source: Source) -> float:
    """How far away an atom can be that the energy of another depends on, in Å; infinite if there is no end.

    Each exchange of messages reaches one cutoff farther. In a chain where only neighbours exchange them,
    it is counted how many atoms the energy of the first depends on.

    Examples:
        >>> from cartesian.nn.models import TensorNet, TensorNetConfig
        >>> model = TensorNet(TensorNetConfig(("H", "O"), channels=4, layers=2, cutoff=4.0))
        >>> interaction_range(open_model(model))  # its embedding reads neighbours, too
        12.0
    """
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(CHAIN, 3))
    steps *= 0.5 * source.cutoff / np.linalg.norm(steps, axis=1, keepdims=True)
    positions = torch.from_numpy(steps.cumsum(0)).to(source.device, source.dtype).requires_grad_()
    first, second = torch.arange(CHAIN - 1), torch.arange(1, CHAIN)
    numbers = rng.choice(np.array(source.elements), CHAIN)
    graph = Graph.from_edges(positions, numbers, torch.cat([first, second]), torch.cat([second, first]))
    (slopes,) = torch.autograd.grad(source.model(graph)["energies"][0], positions, materialize_grads=True)
    farthest = int((slopes.cpu().ne(0).any(1) * torch.arange(CHAIN)).max())
    return inf if farthest == CHAIN - 1 else farthest * source.cutoff


def _scriptable(source: Source) -> GraphModule:
    """The energies of atoms in operators as TorchScript knows them, on the device of the positions."""
    traced, _ = record(lambda graph: source.model(graph)["energies"], source, plain=True)
    places = list(traced.graph.nodes)
    positions = places[0]
    with traced.graph.inserting_after(places[7]):
        device = traced.graph.call_function(getattr, (positions, "device"))
    for node in places:
        if node.op != "call_function":
            continue
        if "device" in node.kwargs:
            node.update_kwarg("device", device)
        if node.target is torch.ops.aten.sym_size.int:
            node.target = torch.ops.aten.size
        elif isinstance(node.target, torch._ops.OpOverload):
            # TorchScript chooses the overload by the arguments.
            node.target = node.target.overloadpacket
    traced.recompile()
    return traced


def _compare(source: Source, energies: Any) -> None:
    """Compare energies and their slopes for other numbers of atoms and systems than were traced."""
    limit = 1e-4 if source.dtype == torch.float32 else 1e-9
    for sizes in ((6, 3, 4), (2,)):
        graph = example_graph(source, sizes)
        graph = graph.replace(positions=graph.positions.requires_grad_())
        wanted, found = source.model(graph)["energies"], energies(*inputs(graph))
        slopes = [torch.autograd.grad(one.sum(), graph.positions)[0] for one in (wanted, found)]
        pairs = {"energies": (wanted.detach(), found.detach()), "slopes": slopes}
        for name, (one, other) in pairs.items():
            deviation = float((other - one).abs().max() / (1 + one.abs().max()))
            if not deviation <= limit:
                raise ValueError(
                    f"{name} of the exported model deviate by {deviation:.1e} for {graph}: {source.name} has "
                    "a forward that depends on values or numbers of its inputs otherwise than by operations"
                )


class _Energy(nn.Module):
    """What metatomic calls: a list of systems becomes the tensors of a graph. Compiled by TorchScript."""

    def __init__(self, energies: nn.Module, cutoff: float) -> None:
        super().__init__()
        self.energies = energies
        self.request = NeighborListOptions(cutoff, full_list=True, strict=True)

    def requested_neighbor_lists(self) -> List[NeighborListOptions]:  # noqa: UP006
        return [self.request]

    def forward(
        self,
        systems: List[System],  # noqa: UP006
        outputs: Dict[str, ModelOutput],  # noqa: UP006
        selected_atoms: Optional[Labels],  # noqa: UP045
    ) -> Dict[str, TensorMap]:  # noqa: UP006
        results: Dict[str, TensorMap] = {}  # noqa: UP006
        if "energy" not in outputs or len(systems) == 0:
            return results
        device = systems[0].positions.device
        pairs: List[Tensor] = []  # noqa: UP006
        atoms: List[Tensor] = []  # noqa: UP006
        starts: List[int] = []  # noqa: UP006
        total = 0
        for k, system in enumerate(systems):
            samples = system.get_neighbor_list(self.request).samples.values.to(torch.long)
            pairs.append(torch.cat([samples[:, :2] + total, samples[:, 2:]], 1))
            own = torch.arange(len(system), device=device)
            atoms.append(torch.stack([torch.full_like(own, k), own], 1))
            starts.append(total)
            total += len(system)
        positions = torch.cat([system.positions for system in systems])
        numbers = torch.cat([system.types for system in systems]).to(torch.long)
        cells = torch.stack([system.cell for system in systems])
        edges, places = torch.cat(pairs), torch.cat(atoms)
        edges = edges[torch.argsort(edges[:, 1], stable=True)]
        energies = self.energies(
            positions,
            numbers,
            edges[:, 0].contiguous(),
            edges[:, 1].contiguous(),
            edges[:, 2:].to(positions.dtype),
            cells,
            places[:, 0].contiguous(),
            torch.zeros(len(systems), dtype=positions.dtype, device=device),
        )
        if selected_atoms is not None:
            places = selected_atoms.values.to(torch.long)
            energies = energies[torch.tensor(starts, device=device)[places[:, 0]] + places[:, 1]]
        if outputs["energy"].sample_kind == "atom":
            labels = Labels(["system", "atom"], places.to(torch.int32))
        else:
            sums = torch.zeros(len(systems), dtype=energies.dtype, device=device)
            energies = sums.index_add(0, places[:, 0], energies)
            labels = Labels(["system"], torch.arange(len(systems), dtype=torch.int32, device=device)[:, None])
        only = torch.zeros(1, 1, dtype=torch.int32, device=device)
        components: List[Labels] = []  # noqa: UP006
        block = TensorBlock(
            values=energies.to(positions.dtype)[:, None],
            samples=labels,
            components=components,
            properties=Labels(["energy"], only),
        )
        results["energy"] = TensorMap(Labels(["_"], only), [block])
        return results
