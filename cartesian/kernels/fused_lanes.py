"""Straight-line programs as generated Triton kernels, by the rules of `cartesian.kernels.fused`.

An instance takes some rows of one group and some channels. What is summed over a group is summed over the
rows of the instance first, and then over instances in a fixed order.
"""

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from cartesian.kernels.fused import compiled, sums_of, triton_type
from cartesian.programs.lanes import Lanes

_ROWS = {True: 32, False: 4}
"""Rows of an instance, with and without sums over groups."""

_CHANNELS = 64


def run(program: Lanes, operands: Sequence[Tensor], order: Tensor, starts: Tensor) -> list[Tensor]:
    """Run a program; operands are `(rows or groups, ·, channels)`, rows sorted by group."""
    first, channels = operands[0], operands[0].shape[2]
    groups, rows = len(starts) - 1, len(order)
    size = _ROWS[any(leg.place == "group" for leg in program.outputs)]
    chunks = (starts.diff() + size - 1) // size
    ends = chunks.cumsum(0)
    # As many as there can be; those that are too many are empty.
    instances = rows // size + groups
    number = torch.arange(instances, device=starts.device)
    group = torch.searchsorted(ends, number, right=True).clamp(max=groups - 1)
    begin = starts[group] + (number - (ends - chunks)[group]) * size
    end = torch.minimum(begin + size, starts[group + 1])
    outputs = [
        first.new_zeros(
            (rows if leg.place == "row" else instances, leg.length, channels), dtype=sums_of(first.dtype)
        )
        for leg in program.outputs
    ]
    if rows:
        function, _ = compiled(source(program))
        block = min(_CHANNELS, max(16, 1 << (channels - 1).bit_length()))
        arrays = {f"i{k}": array.contiguous() for k, array in enumerate(operands)}
        arrays |= {f"o{k}": array for k, array in enumerate(outputs)}
        function[instances, -(-channels // block)](
            order,
            begin,
            end,
            group,
            channels,
            **arrays,
            A=triton_type(outputs[0].dtype),
            B=block,
            num_warps=1,
        )
    lengths = torch.cat([chunks, instances - ends[-1:]])
    for k, leg in enumerate(program.outputs):
        if leg.place == "group":
            sums = torch.segment_reduce(outputs[k], "sum", lengths=lengths, unsafe=True, initial=0)
            outputs[k] = sums[:groups]
    return [array.to(first.dtype) for array in outputs]


@cache
def source(program: Lanes) -> str:
    """Source of a function `kernel`."""
    arguments = ["order", "begin", "end", "groups", "C"]
    arguments += [f"i{k}" for k in range(len(program.operands))]
    arguments += [f"o{k}" for k in range(len(program.outputs))]
    lines = [
        f"def kernel({', '.join(arguments)}, A: tl.constexpr, B: tl.constexpr):",
        "    t = tl.program_id(0).to(tl.int64)",
        "    c = tl.program_id(1) * B + tl.arange(0, B)",
        "    mask = c < C",
        "    group = tl.load(groups + t)",
        "    for k in range(tl.load(begin + t), tl.load(end + t)):",
        "        row = tl.load(order + k)",
    ]
    wanted: dict[int, list[str]] = {}
    for k, (leg, results) in enumerate(zip(program.outputs, program.results, strict=True)):
        for component, result in enumerate(results):
            if result is not None:
                # A sum over a group is begun by each instance for itself.
                at = f"o{k} + ({'row' if leg.place == 'row' else 't'} * {leg.length} + {component}) * C + c"
                old = f"tl.load({at}, mask, 0) + " if leg.place == "group" else ""
                wanted.setdefault(result, []).append(f"tl.store({at}, {old}v{result}, mask)")
    for i, (kind, left, right) in enumerate(program.instructions):
        if kind == "load":
            leg = program.operands[left]
            at = f"i{left} + ({leg.place} * {leg.length} + {right}) * C + c"
            value = f"tl.load({at}, mask, 0).to(A)"
        else:
            value = f"v{left} {'+' if kind == 'add' else '*'} v{right}"
        lines.append(f"        v{i} = {value}")
        lines += [f"        {line}" for line in wanted.get(i, ())]
    return "\n".join([*lines, ""])
