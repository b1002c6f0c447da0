r"""The atoms of one rank and its ghosts as a graph, with messages across ranks.

Features of ghosts are those of their owners. Before any layer reads its neighbours, the rows of the ghosts
are fetched (`forward_exchange`), and in the backward pass their gradients are added to those of the owners
(`reverse_exchange`). Layers are found by what they are called with: a module that takes a graph, or edges,
beside features of the atoms reads neighbours. Since a model could read them in other ways, each is tried on a
crystal first, whose images play the ghosts.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from cartesian.kernels.edges import Edges
from cartesian.nn.calculators.source import Source
from cartesian.nn.data.batching import to_graph
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
        total: Number of own atoms and ghosts. One atom more makes the numbers of atoms and edges differ, by
            which features of atoms are told from those of edges.
    """

    displacements: Tensor
    total: int

    @property
    def vectors(self) -> Tensor:
        """`(edges, 3)`, in Å."""
        return self.displacements


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


def require_local(source: Source) -> None:
    """Check that a model serves ghosts: compare a crystal with images as ghosts with the crystal itself.

    Raises:
        ValueError: If energies or their slopes differ.
    """
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
