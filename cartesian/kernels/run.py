"""The door: checks what it is given and runs a program on the arrays' own library."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import numpy as np

from cartesian.kernels import forming, native, reference
from cartesian.kernels.arrays import namespace
from cartesian.kernels.edges import Edges
from cartesian.programs.forming import RADIAL
from cartesian.programs.program import Program

Kernel = Literal["reference", "eager", "native", "fused"]


def run(
    program: Program, operands: Sequence[Any], edges: Edges | None = None, kernel: Kernel | None = None
) -> list[Any]:
    """Run a program.

    Args:
        program: What to compute.
        operands: One array per operand, `(rows, ·)`; NumPy or torch, one dtype, one device.
        edges: Index lists; `None` if every leg of the program lives on the rows themselves.
        kernel: "reference" (NumPy), "eager" (torch), "native" (generated C) or "fused" (generated Triton).
            `None` takes the fastest, which in torch is an operator that can be differentiated any number of
            times.

    Returns:
        One array per output, `(rows, ·)`.

    Raises:
        TypeError: If the arrays differ in library, dtype or device.
        ValueError: If an array has a shape that the program or the edges do not allow.
    """
    xp = namespace(*operands)
    _check(program, operands, edges)
    if kernel is None and xp is np:
        kernel = "native" if native.supports(operands[0].dtype) and native.available() else "reference"
    if kernel == "native":
        return native.run(program, operands, edges)
    if forming.is_formed(program) and kernel is not None:
        assert edges is not None
        return forming.run(program, operands, edges, partial(run, kernel=kernel))
    if xp is np and kernel == "reference":
        return reference.run(program, operands, edges)
    if xp is not np and kernel in (None, "eager", "fused"):
        from cartesian.kernels import eager, fused, operators

        torch_kernel = {None: operators, "eager": eager, "fused": fused}[kernel]
        return torch_kernel.run(program, list(operands), edges)
    raise TypeError(f"there is no kernel {kernel!r} for arrays of {xp.__name__}")


def _check(program: Program, operands: Sequence[Any], edges: Edges | None) -> None:
    if len(operands) != len(program.operands):
        raise ValueError(f"the program takes {len(program.operands)} operands, not {len(operands)}")
    legs = [program.form.legs[leg] for leg in program.operands]
    if edges is None and any(leg.place != "edge" for leg in program.form.legs):
        raise ValueError("the program runs over edges: give their senders and receivers")
    xp, first = namespace(*operands), operands[0]
    kind: Any = np.ndarray if xp is np else xp.Tensor
    sizes = {"edge": first.shape[0]}
    if edges is not None:
        if not isinstance(edges.senders, kind):
            raise TypeError(f"edges are a {type(edges.senders).__name__} among arrays of {xp.__name__}")
        if xp is not np and edges.senders.device != first.device:
            raise TypeError(f"edges are on {edges.senders.device}, but {legs[0].name} on {first.device}")
        sizes = {place: edges.rows(place) for place in ("edge", "sender", "receiver")}
        if edges.pair is not None:
            sizes["pair"] = edges.rows("pair")
    if forming.is_formed(program):
        sizes["radial"] = program.row(RADIAL)
    for array, leg, index in zip(operands, legs, program.operands, strict=True):
        if not isinstance(array, kind):
            raise TypeError(f"{leg.name} is a {type(array).__name__} among arrays of {xp.__name__}")
        if array.dtype != first.dtype:
            raise TypeError(f"{leg.name} has dtype {array.dtype}, but {legs[0].name} has {first.dtype}")
        if xp is not np and array.device != first.device:
            raise TypeError(f"{leg.name} is on {array.device}, but {legs[0].name} on {first.device}")
        shape = sizes[leg.place], program.row(index)
        if array.shape != shape:
            raise ValueError(
                f"{leg.name} has shape {tuple(array.shape)}, not {shape}: "
                f"one row per {leg.place}, of {leg.irreps}"
            )
    if not (first.dtype.kind == "f" if xp is np else first.is_floating_point()):
        raise TypeError(f"{legs[0].name} has dtype {first.dtype}; features are floating-point numbers")
