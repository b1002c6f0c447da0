r"""Contraction paths: what would be computed, in which order, at which cost, as a value.

`contract_path` takes formulas and operands, or only their shapes, and gives a `ContractionPath`, which
prints itself; `cartesian.ops.contraction.contract` runs it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from cartesian.programs.folding import network
from cartesian.programs.formula import Formula, Shape, index_lengths, parse
from cartesian.programs.network import Constant, Node, Operand, Step, Stf, Variable, operand
from cartesian.programs.order import contracted, steps_of
from cartesian.symbolic.exact import ExactTensor
from cartesian.tables.lookup import read_only


@dataclass(frozen=True)
class ContractionPath:
    """Contractions in their order; made by `contract_path`, run by `contract`, printed as a table.

    Attributes:
        formulas: What is computed, one result per formula.
        operands: What is known of each operand: a shape, an STF declaration, or an exact constant.
        results: The node of each formula, None if it is zero whatever the operands are.
    """

    formulas: tuple[Formula, ...]
    operands: tuple[Operand, ...]
    results: tuple[Node | None, ...]

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Contractions that depend on the operands, each once, in the order of execution."""
        every = steps_of(node for node in self.results if node is not None)
        return tuple(step for step in every if not step.is_constant)

    @cached_property
    def constants(self) -> dict[Node, np.ndarray]:
        """Read-only float64 values of the constant nodes that steps or results need."""
        used = [node for step in self.steps for node in step.inputs]
        used += [node for node in self.results if node is not None]
        return {node: _value(node) for node in dict.fromkeys(used) if node.is_constant}

    @property
    def operations(self) -> int:
        """Multiplications and additions of all steps, as opt_einsum counts, less zeros of constants."""
        return sum(step.operations for step in self.steps)

    @property
    def largest_intermediate(self) -> int:
        """Number of components of the largest result of a step."""
        return max((prod(step.shape) for step in self.steps), default=0)

    @property
    def memory(self) -> int:
        """Largest number of components of intermediates and results that exist at one time."""
        largest = current = 0
        for step, done in zip(self.steps, self.last_uses, strict=True):
            current += prod(step.shape)
            largest = max(largest, current)
            current -= sum(prod(node.shape) for node in done)
        return largest

    @cached_property
    def last_uses(self) -> tuple[tuple[Step, ...], ...]:
        """For each step the intermediates that nobody needs after it."""
        last = {node: k for k, step in enumerate(self.steps) for node in step.inputs}
        found: list[list[Step]] = [[] for _ in self.steps]
        for node, k in last.items():
            if isinstance(node, Step) and not node.is_constant and node not in self.results:
                found[k].append(node)
        return tuple(map(tuple, found))

    def to_dict(self) -> dict[str, Any]:
        """The path in lists, numbers and text, as for JSON."""
        names = self._names
        return {
            "formulas": [str(formula) for formula in self.formulas],
            "operands": [_describe(each) for each in self.operands],
            "constants": {
                names[node]: f"constant {value.shape}, {np.count_nonzero(value)} nonzero"
                for node, value in self.constants.items()
            },
            "steps": [
                {
                    "name": names[step],
                    "inputs": [names[node] for node in step.inputs],
                    "formula": step.label,
                    "operations": step.operations,
                    "shape": list(step.shape),
                }
                for step in self.steps
            ],
            "results": [None if node is None else names[node] for node in self.results],
            "operations": self.operations,
            "largest_intermediate": self.largest_intermediate,
            "memory": self.memory,
        }

    def __str__(self) -> str:
        report = self.to_dict()
        rows = [("step", "inputs", "contraction", "operations", "shape")]
        for step in report["steps"]:
            shape = "x".join(map(str, step["shape"])) or "1"
            rows.append(
                (step["name"], " ".join(step["inputs"]), step["formula"], f"{step['operations']:,}", shape)
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "; ".join(
                f"{formula} = {name or 'zero'}"
                for formula, name in zip(report["formulas"], report["results"], strict=True)
            )
        ]
        lines += [f"  #{k}: {text}" for k, text in enumerate(report["operands"])]
        lines += [f"  {name}: {text}" for name, text in report["constants"].items()]
        lines += [
            f"  {a:<{widths[0]}}  {b:<{widths[1]}}  {c:<{widths[2]}}  {d:>{widths[3]}}  {e}"
            for a, b, c, d, e in rows
        ]
        lines.append(
            f"  operations {self.operations:,}, largest intermediate {self.largest_intermediate:,}, "
            f"memory {self.memory:,} components"
        )
        return "\n".join(lines)

    @cached_property
    def _names(self) -> dict[Node, str]:
        """Operands are #0, #1, …; constants C0, C1, …; steps T0, T1, …."""
        variables = {node for step in self.steps for node in step.inputs} | set(self.results)
        names: dict[Node, str] = {
            node: f"#{node.position}" for node in variables if isinstance(node, Variable)
        }
        names |= {node: f"C{k}" for k, node in enumerate(self.constants)}
        return names | {step: f"T{k}" for k, step in enumerate(self.steps)}


def contract_path(
    formulas: str | Sequence[str | tuple[str, Sequence[int]]], *operands: Any, optimize: Any = "auto"
) -> ContractionPath:
    r"""Plan the contraction of a network of tensors, or of several that share intermediates.

    Args:
        formulas: As in `numpy.einsum`, with explicit results: `"ij,jk,kl->il"`. Several results are separated
            by `;`, or given as a sequence; a formula with fewer index lists than operands takes the
            first operands, and a pair `("ij,kl->il", (0, 2))` names their positions.
        operands: One for each position: an array (only its shape is looked at), a shape, `Stf(degree, …)` for
            a symmetric trace-free tensor in compact storage, or an exact tensor, which is a constant.
        optimize: Passed on to `opt_einsum.contract_path`: `"auto"`, `"optimal"`, `"greedy"`, …, an optimizer,
            or False for one step. Not an explicit order, because constants are folded before.

    Returns:
        The path; run it with `contract(path, *operands)`.

    Raises:
        ValueError: If a formula cannot be read, does not fit the operands, or lengths of an index differ.
        TypeError: If an operand is none of the above, or `optimize` is an explicit order.

    Examples:
        >>> print(contract_path("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)))
        ij,jk,kl->il = T1
          #0: (2, 3)
          #1: (3, 4)
          #2: (4, 5)
          step  inputs  contraction  operations  shape
          T0    #0 #1   ij,jk->ik            48  2x4
          T1    T0 #2   ik,kl->il            80  2x5
          operations 128, largest intermediate 10, memory 18 components
        >>> contract_path("ijk,ijk->", Stf(3), Stf(3)).operations, contract_path("ijj->i", Stf(3)).results
        (14, (None,))
    """
    if isinstance(optimize, (list, tuple)):
        raise TypeError(
            f"optimize={optimize!r} is an explicit order, which means nothing once constants are folded; "
            "name a strategy of opt_einsum, such as 'optimal'"
        )
    known = tuple(operand(each) for each in operands)
    parsed = parse(formulas, len(known))
    shapes = [each.full_shape if isinstance(each, Stf) else _shape(each) for each in known]
    for formula in parsed:
        index_lengths(formula, shapes)
    results: dict[int, Node | None] = {}
    # Small networks first: what they compute may be part of the larger ones.
    for k in sorted(range(len(parsed)), key=lambda k: len(parsed[k].positions)):
        done = steps_of(node for node in results.values() if node is not None)
        results[k] = contracted(network(parsed[k], known), optimize, done)
    return ContractionPath(parsed, known, tuple(results[k] for k in range(len(parsed))))


def _value(node: Node) -> np.ndarray:
    """Float64 value of a constant node."""
    if isinstance(node, Constant):
        return read_only(node.tensor)
    assert isinstance(node, Step)
    value = np.einsum(node.formula, *map(_value, node.inputs), optimize=True)
    value.flags.writeable = False
    return value


def _shape(known: Operand) -> Shape:
    return known if isinstance(known, tuple) else known.shape


def _describe(known: Operand) -> str:
    if isinstance(known, Stf):
        return f"{known.shape}, STF of degree {known.degree}"
    if isinstance(known, ExactTensor):
        return f"constant {known.shape}, {known.nnz} nonzero"
    return str(known)
