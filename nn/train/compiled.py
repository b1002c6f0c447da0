"""The gradient of a loss, compiled: for a small model, calling its operations takes longer than computing.

The model, its forces, the loss and its gradient are recorded once, as operations on tensors of any numbers of
nodes, edges and systems, and compiled by TorchInductor, which keeps what it compiled for the next run.
"""

from collections.abc import Iterator, Mapping, Sequence
from traceback import FrameSummary
from typing import Any, NamedTuple

import torch
from sympy import Eq, Expr
from torch import Tensor, nn
from torch._dispatch.python import enable_python_dispatcher
from torch._dynamo.source import ConstantSource
from torch._inductor.exc import InductorError, InvalidCxxCompiler
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.func import functional_call
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.experimental.symbolic_shapes import DimDynamic, GuardOnDataDependentSymNode, ShapeEnv

from cartesian.kernels.form_operators import products
from cartesian.kernels.watched import recorded
from cartesian.nn.data.dataset import Batch
from cartesian.nn.graph import Graph
from cartesian.nn.train.loss import Loss, Terms
from cartesian.nn.train.processes import Processes

# By which size the rows of each field of a graph are numbered, in its order; `starts` has one more.
_ROWS = {
    "positions": "nodes",
    "atomic_numbers": "nodes",
    "senders": "edges",
    "receivers": "edges",
    "shifts": "edges",
    "cells": "systems",
    "systems": "nodes",
    "charges": "systems",
    "order": "edges",
    "starts": "nodes",
}

# Those that are written as other operations.
_OPERATORS = {torch.ops.cartesian.form.default: products}


class Sizes(NamedTuple):
    """Numbers of rows: integers, or symbols of torch."""

    nodes: Any
    edges: Any
    systems: Any

    @classmethod
    def of(cls, graph: Graph) -> "Sizes":
        """Those of a graph."""
        return cls(graph.nodes, graph.senders.shape[0], graph.cells.shape[0])


class CompiledGradient:
    """Computes gradients as `Gradient` does, compiled when it is first asked.

    Args:
        potential: With all results of the loss.
        loss: Of a batch.
        here: This process.
        example: A batch of common size; what is compiled depends on it, so a run that goes on takes the same.

    A batch with one node, edge or system, where the example has several, is computed operation by operation:
    compiled code tells one row from many.
    """

    def __init__(self, potential: nn.Module, loss: Loss, here: Processes, example: Batch) -> None:
        self._potential, self._loss, self._here, self._example = potential, loss, here, example
        self._parameters: list[nn.Parameter] = []
        self._labels: dict[str, _Label] = {}
        self._compiled: _Compiled | None = None

    def __call__(self, batch: Batch, factor: float) -> Terms:
        """As `Gradient`.

        Raises:
            ValueError: When first asked, if the forward of the model depends on values of tensors or takes a
                number of rows for an integer, or if there is no compiler.
        """
        if self._compiled is None:
            self._prepare()
            self._compiled = self._compile()
        counts = self._here.sum(self._loss.counts(batch))
        tensors = [tensor for _, tensor in self._tensors(batch)]
        inputs = [*self._parameters, *tensors, self._loss.factors(counts, factor)]
        run = self._compiled if self._compiled.fits(Sizes.of(batch.graph)) else self._run
        sums, *gradients = run(*(tensor.detach() for tensor in inputs))
        for parameter, gradient in zip(self._parameters, self._added(gradients), strict=True):
            parameter.grad = gradient
        return Terms(self._here.sum(sums), counts)

    def _prepare(self) -> None:
        """Find the parameters that the loss depends on, and what labels look like."""
        example = self._example
        results = self._potential(example.graph)
        there = [p for p in self._potential.parameters() if p.requires_grad]
        total = self._loss.sums(results, example).sum()
        found = torch.autograd.grad(total, there, allow_unused=True)
        self._parameters = [p for p, gradient in zip(there, found, strict=True) if gradient is not None]
        self._labels = dict(_labels(self._loss, results, example))

    def _run(self, *inputs: Tensor) -> list[Tensor]:
        """The sums of the loss, and the gradient of their sum with factors.

        Args:
            *inputs: Parameters; fields of a graph, labels and weights of the batch; factors.
        """
        rest = iter(inputs)
        parameters = [next(rest).detach().requires_grad_() for _ in self._parameters]
        graph = Graph(**{name: next(rest) for name in _ROWS})
        labels = {name: next(rest) for name in self._labels}
        atomic = frozenset(name for name, label in self._labels.items() if label.rows == "nodes")
        batch = Batch(graph, labels, atomic, next(rest), ())
        replaced = _replaced(self._potential, dict(zip(self._parameters, parameters, strict=True)))
        results = functional_call(self._potential, replaced, (graph,), tie_weights=False)
        sums = self._loss.sums(results, batch)
        total = (sums * next(rest)).sum()
        return [sums.detach(), *torch.autograd.grad(total, parameters)]

    def _tensors(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        """What `_run` takes of a batch, each with the name of its number of rows."""
        sizes = Sizes.of(batch.graph)
        for name, rows in _ROWS.items():
            yield rows, getattr(batch.graph, name).contiguous()
        for name, label in self._labels.items():
            shape = (getattr(sizes, label.rows), *label.shape)
            known = batch.labels.get(name)
            if known is None:
                known = batch.weights.new_full(shape, torch.nan)
            yield label.rows, known.reshape(shape)
        yield "systems", batch.weights

    def _compile(self) -> "_Compiled":
        now, known = Sizes.of(self._example.graph), ShapeEnv()
        # Of 0 and 1 torch takes more for granted.
        symbols = {name: _symbol(known, name, size) for name, size in now._asdict().items() if size > 1}
        sizes = now._replace(**{name: _size(known, now, name, symbol) for name, symbol in symbols.items()})
        fake = FakeTensorMode(shape_env=known, allow_non_fake_inputs=True)
        with fake, enable_python_dispatcher():
            inputs = [torch.empty_like(parameter) for parameter in self._parameters]
            for rows, tensor in self._tensors(self._example):
                more = tensor.shape[0] - getattr(now, rows)
                shape = (getattr(sizes, rows) + more, *tensor.shape[1:])
                inputs.append(torch.empty(shape, dtype=tensor.dtype, device=tensor.device))
            inputs.append(self._loss.factors(inputs[-1].new_empty(len(self._labels))))
            try:
                with recorded():
                    traced = make_fx(self._run, _OPERATORS, _allow_non_fake_inputs=True)(*inputs)
            except (DataDependentOutputException, GuardOnDataDependentSymNode) as error:
                raise ValueError(
                    "the model cannot be compiled: its forward asks for values of tensors "
                    f"({str(error).splitlines()[0]}); compile: false trains it"
                ) from error
        fixed = [name for name, symbol in symbols.items() if known.replace(symbol) != symbol]
        if fixed:
            raise ValueError(
                f"the model cannot be compiled for any number of {', '.join(fixed)}: at "
                f"{_line(known, symbols[fixed[0]])} a number of rows is taken for an integer, as "
                "`len(tensor)` does; `tensor.shape[0]` is right"
            )
        # Views are right for the strides found here; compilers choose others.
        for node in traced.graph.nodes:
            if node.target in (torch.ops.aten.view.default, torch.ops.aten._unsafe_view.default):
                node.target = torch.ops.aten.reshape.default
        traced.recompile()
        return _Compiled(traced, inputs, now, symbols, known)

    def _added(self, gradients: Sequence[Tensor]) -> Sequence[Tensor]:
        """Gradients added over all processes."""
        if self._here.world == 1:
            return gradients
        joined = self._here.sum(torch.cat([gradient.flatten() for gradient in gradients]))
        parts = torch.split(joined, [gradient.numel() for gradient in gradients])
        return [part.view_as(gradient) for part, gradient in zip(parts, gradients, strict=True)]


class _Label(NamedTuple):
    """Shape of one row, and what the rows are: "nodes" or "systems"."""

    shape: torch.Size
    rows: str


class _Compiled:
    """A recorded function, compiled for any sizes that have a symbol, and for those of the example else."""

    def __init__(
        self,
        traced: GraphModule,
        inputs: Sequence[Tensor],
        sizes: Sizes,
        symbols: Mapping[str, Expr],
        known: ShapeEnv,
    ) -> None:
        self._sizes, self._symbols = sizes, symbols
        # Several threads would add up in an order of their own, and small loops do not pay for their start.
        one_thread = torch._inductor.config.patch({"cpp.threads": 1})
        try:
            with torch.no_grad(), one_thread:
                self._function = torch._inductor.standalone_compile(traced, list(inputs))
        except InductorError as error:
            if isinstance(error.inner_exception, InvalidCxxCompiler):
                raise ValueError("compile: true needs a C++ compiler, such as g++: none was found") from error
            raise
        # What was taken for granted of the symbols.
        self._guards = [guard.expr for guard in known.guards]

    def __call__(self, *inputs: Tensor) -> Sequence[Any]:
        with torch.no_grad():
            found: Sequence[Any] = self._function(*inputs)
            return found

    def fits(self, sizes: Sizes) -> bool:
        """Whether this is right for a batch."""
        for name, size in sizes._asdict().items():
            if not (size > 1 if name in self._symbols else size == getattr(self._sizes, name)):
                return False
        values = {symbol: getattr(sizes, name) for name, symbol in self._symbols.items()}
        return all(bool(guard.xreplace(values)) for guard in self._guards)


def _labels(loss: Loss, results: Mapping[str, Tensor], example: Batch) -> Iterator[tuple[str, _Label]]:
    sizes = Sizes.of(example.graph)
    for name in loss.weights:
        is_atomic = name in example.atomic or results[name].shape[0] == sizes.nodes != sizes.systems
        yield name, _Label(results[name].shape[1:], "nodes" if is_atomic else "systems")


def _replaced(module: nn.Module, tensors: Mapping[nn.Parameter, Tensor]) -> dict[str, Tensor]:
    """Tensors by all names of the parameters they replace, but one for each module.

    A module that stands in several places would keep what `functional_call` puts there for a while.
    """
    return {
        f"{place}.{name}" if place else name: tensors[parameter]
        for place, part in module.named_modules()
        for name, parameter in part.named_parameters(recurse=False)
        if parameter in tensors
    }


def _line(known: ShapeEnv, symbol: Expr) -> str:
    """Where a symbol was first taken for an integer."""
    taken = [guard for guard in known.guards if isinstance(guard.expr, Eq) and guard.expr.has(symbol)]
    frames = [guard.sloc.framework_loc for guard in taken]
    found = [f"{frame.filename}:{frame.lineno}" for frame in frames if isinstance(frame, FrameSummary)]
    return found[0] if found else "a line that torch does not tell"


def _symbol(known: ShapeEnv, name: str, size: int) -> Expr:
    return known.create_symbol(size, ConstantSource(name), DimDynamic.DYNAMIC)


def _size(known: ShapeEnv, now: Sizes, name: str, symbol: Expr) -> Any:
    return known.create_symintnode(symbol, hint=getattr(now, name), source=ConstantSource(name))
