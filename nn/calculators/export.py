"""All results of a model as one file for other programs, traced, for any number of atoms.

A **program** is a `torch.export` archive. It runs on the kernels of this package, so whoever loads it imports
`cartesian` first. A **package** is compiled by AOTInductor for the machine it is made on, from plain
operations of torch; it needs neither Python nor this package.

Both take eight tensors, the fields of a `Graph` in the order of `INPUTS`, and return a dictionary. Edges are
sorted by receiver, and only those within the cutoff are counted.
"""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch._dynamo.exc import UserError
from torch._library.custom_ops import OPDEFS
from torch.export import Dim, ExportedProgram
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from cartesian.kernels.watched import recorded, without_kernels
from cartesian.nn.calculators.source import Model, Source, open_model
from cartesian.nn.data.batching import batch, to_graph
from cartesian.nn.graph import Graph
from cartesian.nn.heads.forces import Potential

INPUTS = ("positions", "atomic_numbers", "senders", "receivers", "shifts", "cells", "systems", "charges")
FORMS = ("program", "package")
Form = Literal["program", "package"]
Exported = Callable[..., dict[str, Tensor]]


def export(model: Model, path: str | Path, form: Form = "program", stress: bool = True) -> Path:
    """Write a model to a file, load it again, and compare.

    Args:
        model: The folder of a model or of a run, or a model.
        path: Of the file, ending in `.pt2`.
        form: "program" or "package".
        stress: Whether stress and virial are among the results.

    Returns:
        The path.

    Raises:
        ValueError: If the path or the form is none, or the file gives other results than the model, which
            then asks for values of tensors in its forward.
    """
    path = Path(path)
    if path.suffix != ".pt2":
        raise ValueError(f"an exported model is a file that ends in .pt2, not {path.name!r}")
    if form not in FORMS:
        raise ValueError(f"a model is exported as {' or '.join(FORMS)}, not {form!r}")
    source = open_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    traced = trace(source, stress, plain=form == "package")
    if form == "program":
        torch.export.save(traced, path)
    else:
        torch._inductor.aoti_compile_and_package(traced, package_path=str(path.absolute()))
    _compare(Potential(source.model, stress).eval(), load_exported(path, form), source)
    return path


def load_exported(path: str | Path, form: Form = "program") -> Exported:
    """The function in an exported file: `load_exported(path)(*inputs(graph))`."""
    if form == "program":
        return torch.export.load(Path(path)).module()
    return torch._inductor.aoti_load_package(str(Path(path).absolute()))


def inputs(graph: Graph) -> tuple[Tensor, ...]:
    """What an exported model takes, from a graph."""
    return tuple(getattr(graph, name) for name in INPUTS)


def trace(source: Source, stress: bool = True, plain: bool = False) -> ExportedProgram:
    """The operations of a potential, for any numbers of atoms, edges and systems.

    Args:
        source: The model.
        stress: Whether stress and virial are among the results.
        plain: Write the kernels of this package as operations of torch.

    Raises:
        ValueError: If the forward of the model fixes a number of atoms, edges or systems.
    """
    traced, example = record(Potential(source.model, stress).eval(), source, plain)
    nodes, edges, systems = Dim("nodes", min=2), Dim("edges", min=2), Dim("systems", min=2)
    sizes = (nodes, nodes, edges, edges, edges, systems, nodes, systems)
    try:
        return torch.export.export(traced, example, dynamic_shapes=tuple({0: size} for size in sizes))
    except UserError as error:
        raise ValueError(
            f"{source.name} cannot be exported for any number of atoms: {str(error).splitlines()[0]} Its "
            "forward takes a number of rows for a plain integer, as `len(tensor)` does; `tensor.shape[0]` is "
            "right"
        ) from error


def record(
    potential: Callable[[Graph], Any], source: Source, plain: bool
) -> tuple[GraphModule, tuple[Tensor, ...]]:
    """What a function of graphs does with the eight tensors, as a graph of operators; and an example of them.

    Args:
        potential: The function, such as a `Potential` or a model.
        source: The model in it.
        plain: Write the kernels of this package as operations of torch.
    """

    def run(*tensors: Tensor) -> Any:
        fields = dict(zip(INPUTS, tensors, strict=True))
        receivers = fields["receivers"]
        nodes = torch.arange(fields["positions"].shape[0] + 1, device=receivers.device)
        order = torch.arange(receivers.shape[0], device=receivers.device)
        return potential(Graph(**fields, order=order, starts=torch.searchsorted(receivers, nodes)))

    graph = example_graph(source, (5, 4))
    # Operators are registered when they are first needed.
    potential(graph)
    example = inputs(graph)
    with recorded(), without_kernels() if plain else nullcontext():
        traced = make_fx(
            run,
            tracing_mode="symbolic",
            decomposition_table=_plain() if plain else None,
            _allow_non_fake_inputs=True,
        )(*example)
    _own_constants(traced)
    return traced, example


def _own_constants(traced: GraphModule) -> None:
    """Give every constant a storage of its own, of its size: an archive holds no views, and nothing empty."""
    for node in list(traced.graph.nodes):
        if node.op != "get_attr":
            continue
        value = getattr(traced, node.target)
        if not value.numel():
            with traced.graph.inserting_before(node):
                options = {"dtype": value.dtype, "device": value.device}
                made = traced.graph.call_function(torch.ops.aten.zeros.default, (list(value.shape),), options)
            node.replace_all_uses_with(made)
            traced.graph.erase_node(node)
        elif value.untyped_storage().nbytes() != value.numel() * value.element_size():
            own = value.detach().clone(memory_format=torch.contiguous_format)
            setattr(traced, node.target, nn.Parameter(own, False) if isinstance(value, nn.Parameter) else own)
    used = {node.target for node in traced.graph.nodes if node.op == "get_attr"}
    for name in {*dict(traced.named_buffers()), *dict(traced.named_parameters())} - used:
        delattr(traced, name)
    traced.recompile()


def _plain() -> dict[Any, Callable[..., Any]]:
    """The operators of this package, and what each does where there is no kernel for a device."""
    return {op._opoverload: op._init_fn for name, op in OPDEFS.items() if name.startswith("cartesian::")}


def example_graph(source: Source, sizes: tuple[int, ...]) -> Graph:
    """Random crystals of the elements of a model."""
    rng = np.random.default_rng(len(sizes))
    width = 3 * source.cutoff
    graphs = [
        to_graph(
            1.2 * rng.permutation(list(np.ndindex(2, 2, 2)))[:size] + rng.uniform(-0.1, 0.1, (size, 3)),
            rng.choice(np.array(source.elements), size),
            source.cutoff,
            cell=width * np.eye(3),
            dtype=source.dtype,
            device=source.device,
        )
        for size in sizes
    ]
    return batch(graphs)


def _compare(potential: Potential, exported: Exported, source: Source) -> None:
    """Compare results for other numbers of atoms and systems than were traced."""
    limit = 1e-4 if source.dtype == torch.float32 else 1e-9
    for sizes in ((6, 3, 4), (2,)):
        graph = example_graph(source, sizes)
        wanted, found = potential(graph), exported(*inputs(graph))
        for name, value in wanted.items():
            deviation = float((found[name] - value).abs().max() / (1 + value.abs().max()))
            if not deviation <= limit:
                raise ValueError(
                    f"{name} of the exported model deviates by {deviation:.1e} for {graph}: "
                    f"{source.name} has a forward that depends on values or numbers of its inputs otherwise "
                    "than by operations"
                )
