r"""A model for LAMMPS, as an object of `pair_style mliap unified`, on any number of ranks.

LAMMPS gives each rank its own atoms, ghosts (copies of atoms of other ranks, or of images) and the pairs
$(i, j)$ of own atoms with any atom within the cutoff, with $r_{ij} = r_j - r_i$. The energy is a function of
these vectors alone, and a rank adds up its own atoms. What it hands back is

$$f_{ij} = \frac{\partial E}{\partial r_{ij}}, \qquad F_i \mathrel{+}= f_{ij}, \quad F_j \mathrel{-}=
f_{ij},$$

and LAMMPS returns what falls on ghosts to their owners.

**Messages across ranks.** Features of ghosts are those of their owners. Before any layer reads its
neighbours, the rows of the ghosts are fetched (`forward_exchange`), and in the backward pass their gradients
are added to those of the owners (`reverse_exchange`). Layers are found by what they are called with: a module
that takes a graph, or edges, beside features of the atoms reads neighbours. Since a model could read them in
other ways, each is tried on a crystal first, whose images play the ghosts.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from cartesian.kernels.edges import Edges
from cartesian.nn.calculators.source import Source, open_model
from cartesian.nn.data.batching import to_graph
from cartesian.nn.elements import SYMBOLS
from cartesian.nn.graph import Graph

HEADS = "cartesian.nn.heads"
"""Modules that take a graph, and read no neighbours."""


class Exchange(Protocol):
    """The part of the data of LAMMPS that moves rows between ranks; arrays are `(ntotal, length)`."""

    def forward_exchange(self, source: Any, target: Any, length: int) -> None:
        """Fill the rows of ghosts with those of their owners."""

    def reverse_exchange(self, source: Any, target: Any, length: int) -> None:
        """Add the rows of ghosts to those of their owners."""


@dataclass(frozen=True, eq=False)
class Domain(Graph):
    """The graph of one rank: own atoms, then ghosts, and the vectors that LAMMPS gives.

    Attributes:
        displacements: `(edges, 3)`, from each sender to its receiver, in Å.
        total: Number of own atoms and ghosts; an atom behind them makes the numbers of atoms and edges
        differ,
            by which features of atoms are told from those of edges.
    """

    displacements: Tensor
    total: int

    @property
    def vectors(self) -> Tensor:
        """`(edges, 3)`, in Å."""
        return self.displacements


class LAMMPS:
    """A trained potential for `pair_style mliap unified`; metal units.

    What is pickled is the folder of the model, so LAMMPS loads it where it runs.

    Args:
        folder: Of a model or of a run.
        elements: In the order of the types of `pair_coeff`; by default those of the model.
        device, dtype: By default those of the model.

    Raises:
        ValueError: If an element is unknown to the model, or the model reads neighbours in a way in which
        ghosts
            cannot be served, as by charges that depend on all atoms.
        RuntimeError: When called, if this build of LAMMPS cannot exchange features; that needs KOKKOS.

    Examples:
        In Python, beside the library of LAMMPS::

            potential = LAMMPS("runs/copper")
            lammps.mliap.load_unified(potential)  # pair_style mliap unified EXISTS; pair_coeff * * Cu
    """

    def __init__(
        self,
        folder: str | Path | nn.Module,
        elements: list[str] | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self._arguments = (folder, elements, device, dtype)
        self.source = open_model(folder, device, dtype)
        symbols = [SYMBOLS[number] for number in self.source.elements]
        self.element_types = list(symbols if elements is None else elements)
        unknown = [symbol for symbol in self.element_types if symbol not in symbols]
        if unknown:
            raise ValueError(
                f"{self.source.name} does not know {', '.join(unknown)}: it was made for {', '.join(symbols)}"
            )
        self._numbers = torch.tensor([SYMBOLS.index(symbol) for symbol in self.element_types])
        # Names and meanings that LAMMPS asks for; half the cutoff is the radius of one atom.
        self.interface, self.ndescriptors, self.nparams = None, 1, 1
        self.rcutfac = self.source.cutoff / 2
        _try(self.source)

    def __reduce__(self) -> tuple[Any, ...]:
        if isinstance(self._arguments[0], nn.Module):
            raise TypeError("a model at hand is not pickled: save it with save_model, and give the folder")
        return (LAMMPS, self._arguments)

    def compute_descriptors(self, data: Any) -> None:
        """Nothing; a unified model has none."""

    def compute_gradients(self, data: Any) -> None:
        """Nothing; forces are computed together with energies."""

    def compute_forces(self, data: Any) -> None:
        """Energies of the own atoms and forces of the pairs of one rank, into `data`."""
        own, total, device, dtype = data.nlistatoms, data.ntotal, self.source.device, self.source.dtype
        numbers = self._numbers[_tensor(data.elems).long()[:total]].to(device)
        receivers, senders = (_tensor(values).long().to(device) for values in (data.pair_i, data.pair_j))
        order = torch.argsort(receivers, stable=True)
        rij = _tensor(data.rij).to(device, dtype).reshape(-1, 3).requires_grad_()
        # LAMMPS: from the own atom to its neighbour; here from the sender, the neighbour, to the receiver.
        edges = (senders[order], receivers[order], -rij[order])
        domain = make_domain(numbers, *edges, self.source.elements[0])
        energies = compute(self.source.model, domain, own, data)
        (gradient,) = torch.autograd.grad(energies.sum(), rij, materialize_grads=True)
        data.energy = float(energies.detach().sum())
        target = _tensor(data.eatoms)
        target[:own] = energies.detach().to(target)
        if device.type == "cpu":
            data.update_pair_forces(gradient.double().numpy())
        else:
            data.update_pair_forces_gpu(gradient.double())


def make_domain(
    numbers: Tensor, senders: Tensor, receivers: Tensor, displacements: Tensor, element: int
) -> Domain:
    """The graph of one rank from edges sorted by receiver; `element` is any that the model knows."""
    total, edges, like = len(numbers), len(senders), displacements.detach()
    if total == edges:
        numbers = torch.cat([numbers, numbers.new_full((1,), element)])
    nodes = len(numbers)
    return Domain(
        positions=like.new_zeros(nodes, 3),
        atomic_numbers=numbers,
        senders=senders,
        receivers=receivers,
        shifts=like.new_zeros(edges, 3),
        cells=like.new_zeros(1, 3, 3),
        systems=torch.zeros_like(numbers),
        charges=like.new_zeros(1),
        order=torch.arange(edges, device=like.device),
        starts=torch.searchsorted(receivers, torch.arange(nodes + 1, device=like.device)),
        displacements=displacements,
        total=total,
    )


def compute(model: nn.Module, domain: Domain, own: int, exchange: Exchange) -> Tensor:
    """Energies of the own atoms `(own,)` of a domain, whose ghosts get their features by an exchange."""
    with _exchanged(model, domain, own, exchange):
        energies: Tensor = model(domain)["energies"]
    return energies[:own]


class _Fetch(torch.autograd.Function):
    """Rows of ghosts from their owners; gradients back to the owners."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, exchange: Exchange) -> Tensor:
        ctx.exchange = exchange
        flat = _flat(features)
        fetched = torch.empty_like(flat)
        exchange.forward_exchange(flat, fetched, flat.shape[1])
        return fetched.reshape(features.shape)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        flat = _flat(gradient)
        returned = torch.empty_like(flat)
        ctx.exchange.reverse_exchange(flat, returned, flat.shape[1])
        return returned.reshape(gradient.shape), None


def _flat(rows: Tensor) -> Tensor:
    return rows.reshape(rows.shape[0], prod(rows.shape[1:])).contiguous()


@contextmanager
def _exchanged(model: nn.Module, domain: Domain, own: int, exchange: Exchange) -> Iterator[None]:
    """Let every module that reads neighbours see features of ghosts; each set of features is fetched once."""
    fetched: dict[int, Tensor] = {}
    alive: list[Tensor] = []

    def fetch(value: Any) -> Any:
        # Features that depend on no vector, such as those of elements, are known for ghosts.
        if not isinstance(value, Tensor) or not value.requires_grad or value.shape[:1] != (domain.nodes,):
            return value
        if id(value) not in fetched:
            if not hasattr(exchange, "forward_exchange"):
                raise RuntimeError(
                    "this build of LAMMPS cannot exchange features between ranks: build it with KOKKOS and "
                    "ML-IAP, and run it with '-k on -sf kk'"
                )
            # What stands in the rows of ghosts was computed without their neighbours.
            ready = torch.cat([value[:own], torch.zeros_like(value[own : domain.total])])
            ready = _Fetch.apply(ready, exchange)  # type: ignore[no-untyped-call]
            ready = torch.cat([ready, value[domain.total :]])
            # Both are kept, so that no other tensor gets their ids; a second look finds them fetched.
            fetched[id(value)] = fetched[id(ready)] = ready
            alive.extend((value, ready))
        return fetched[id(value)]

    def before(_: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...] | None:
        reads = any(isinstance(value, (Graph, Edges)) for value in arguments)
        return tuple(fetch(value) for value in arguments) if reads else None

    readers = [
        module
        for module in model.modules()
        if module is not model and not type(module).__module__.startswith(HEADS)
    ]
    handles = [module.register_forward_pre_hook(before) for module in readers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class Images:
    """An exchange within one rank: ghosts are images of own atoms.

    Args:
        owners: `(ntotal,)`, the own atom of each row.
        own: Number of own atoms.
    """

    def __init__(self, owners: Tensor, own: int) -> None:
        self.owners, self.own = owners, own

    def forward_exchange(self, source: Tensor, target: Tensor, length: int) -> None:  # noqa: ARG002
        """Copy the rows of the owners."""
        target.copy_(source[self.owners])

    def reverse_exchange(self, source: Tensor, target: Tensor, length: int) -> None:  # noqa: ARG002
        """Add the rows of ghosts to those of their owners."""
        target.zero_().index_add_(0, self.owners, source)


def with_images(graph: Graph) -> tuple[Domain, Images]:
    """A periodic graph of one system with an atom of its own for every image: a domain of one rank."""
    nodes = graph.nodes
    crossing = (graph.shifts != 0).any(1)
    keys = torch.cat([graph.senders[crossing, None], graph.shifts[crossing].long()], 1)
    images, places = torch.unique(keys, dim=0, return_inverse=True)
    senders = graph.senders.clone()
    senders[crossing] = nodes + places
    owners = torch.cat([torch.arange(nodes), images[:, 0]])
    numbers = graph.atomic_numbers[owners]
    domain = make_domain(numbers, senders, graph.receivers, graph.vectors, int(numbers[0]))
    return domain, Images(owners, nodes)


def _try(source: Source) -> None:
    """Compare a crystal with its own images as ghosts with the crystal itself."""
    rng = np.random.default_rng(0)
    sites = 0.6 * source.cutoff * np.array(list(np.ndindex(2, 2, 1))) + rng.uniform(-0.2, 0.2, (4, 3))
    numbers = rng.choice(np.array(source.elements), 4)
    cell = np.diag([1.2, 1.2, 0.7]) * source.cutoff
    graph = to_graph(sites, numbers, source.cutoff, cell, True, dtype=source.dtype)
    graph = graph.to("cpu")
    graph = replace(graph, positions=graph.positions.requires_grad_())
    with _on_cpu(source) as model:
        wanted = model(graph)["energies"]
        domain, images = with_images(graph)
        found = compute(model, domain, graph.nodes, images)
        slopes = [
            torch.autograd.grad(one.sum(), graph.positions, retain_graph=True)[0] for one in (wanted, found)
        ]
    limit = 1e-4 if source.dtype == torch.float32 else 1e-9
    for one, other in ((wanted, found), slopes):
        if not bool((one - other).abs().max() <= limit * (1 + one.abs().max())):
            raise ValueError(
                f"{source.name} reads more than features of neighbours within its cutoff, layer by layer, "
                "so atoms on different ranks cannot be served; run it on one rank through ASE"
            )


@contextmanager
def _on_cpu(source: Source) -> Iterator[nn.Module]:
    """The model, for a moment on the CPU."""
    yield source.model.to("cpu")
    source.model.to(source.device)


def _tensor(values: Any) -> Tensor:
    """What LAMMPS hands out: NumPy on the CPU, CuPy or DLPack on GPUs; shares its memory."""
    return (
        torch.utils.dlpack.from_dlpack(values) if hasattr(values, "__dlpack__") else torch.as_tensor(values)
    )
