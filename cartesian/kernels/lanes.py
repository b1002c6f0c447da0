r"""Straight-line programs: plain torch, generated C, and the torch operator `cartesian::lanes`.

Rows are sorted by group. The C kernel takes one register of channels of one group at a time, so the
operands of the group stay in the cache while its rows pass by, and sums over the group have one writer.
"""

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from cartesian.kernels import compiler, direct, fused, fused_lanes, native
from cartesian.kernels.groups import Groups
from cartesian.kernels.source import HEAD
from cartesian.programs.lanes import Lanes
from cartesian.programs.powers import lanes as parse

# Numbers in the widest register of any processor.
_REGISTER = 16


def run_eager(program: Lanes, operands: Sequence[Tensor], groups: Groups) -> list[Tensor]:
    """Run a program instruction by instruction in torch; operands are `(rows or groups, ·, channels)`."""
    of_rows = groups.of_rows
    per_row = [
        array if leg.place == "row" else array[of_rows]
        for array, leg in zip(operands, program.operands, strict=True)
    ]
    values: list[Tensor] = []
    for kind, left, right in program.instructions:
        if kind == "load":
            values.append(per_row[left][:, right])
        else:
            values.append(values[left] + values[right] if kind == "add" else values[left] * values[right])
    zero = operands[0].new_zeros((of_rows.shape[0], operands[0].shape[2]))
    outputs = []
    for leg, results in zip(program.outputs, program.results, strict=True):
        out = torch.stack([zero if result is None else values[result] for result in results], dim=1)
        if leg.place == "group":
            sums = out.new_zeros((groups.starts.shape[0] - 1, *out.shape[1:]))
            out = sums.index_add(0, of_rows, out)
        outputs.append(out)
    return outputs


def run_native(program: Lanes, operands: Sequence[Tensor], groups: Groups) -> list[Tensor]:
    """Run a program as generated C, float32 or float64 on the CPU."""
    channels = operands[0].shape[2]
    # Whole registers of any processor: the code is long, and one version of it is enough.
    padding = -channels % _REGISTER
    operands = [torch.nn.functional.pad(array, (0, padding)).contiguous() for array in operands]
    rows, count = len(groups.order), len(groups.starts) - 1
    outputs = [
        operands[0].new_zeros((count if leg.place == "group" else rows, leg.length, channels + padding))
        for leg in program.outputs
    ]
    scalar = "float" if operands[0].dtype == torch.float32 else "double"
    _function(program, scalar)(
        groups.order.data_ptr(),
        groups.starts.data_ptr(),
        count,
        channels + padding,
        (ctypes.c_void_p * len(operands))(*[array.data_ptr() for array in operands]),
        (ctypes.c_void_p * len(outputs))(*[array.data_ptr() for array in outputs]),
        native.thread_count(torch, rows),
    )
    return [array[..., :channels].contiguous() for array in outputs] if padding else outputs


@torch.library.custom_op("cartesian::lanes", mutates_args=())
def lanes(program: str, operands: list[Tensor], order: Tensor, starts: Tensor) -> list[Tensor]:
    """Outputs of a straight-line program given as text."""
    return _run(program, operands, order, starts)


def run(program: str, operands: Sequence[Tensor], groups: Groups) -> list[Tensor]:
    """Outputs of a straight-line program given as text, differentiable to any order."""
    return direct.run(_FAMILY, program, operands, (groups.order, groups.starts))


def _run(program: str, operands: Sequence[Tensor], order: Tensor, starts: Tensor) -> list[Tensor]:
    parsed, groups = parse(program), Groups(order, starts)
    like = operands[0]
    if like.device.type == "cpu" and native.supports(like.dtype) and native.available():
        return run_native(parsed, operands, groups)
    if like.device.type == "cuda" and fused.supports(like.dtype) and fused.available(like.device):
        return fused_lanes.run(parsed, operands, order, starts)
    return run_eager(parsed, operands, groups)


@lanes.register_fake
def _(program: str, operands: list[Tensor], order: Tensor, starts: Tensor) -> list[Tensor]:
    sizes = {"row": order.shape[0], "group": starts.shape[0] - 1}
    channels = operands[0].shape[2]
    return [operands[0].new_empty((sizes[leg.place], leg.length, channels)) for leg in parse(program).outputs]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:  # noqa: ARG001
    program, operands, order, starts = inputs
    ctx.program, ctx.count = program, len(operands)
    ctx.save_for_backward(*operands, order, starts)
    ctx.set_materialize_grads(False)


def _backward(ctx: Any, cotangents: list[Tensor | None]) -> tuple[Any, ...]:
    *operands, order, starts = ctx.saved_tensors

    def call(text: str, given: list[Tensor]) -> Sequence[Tensor]:
        return lanes(text, given, order, starts)

    gradients = direct.gradients(_FAMILY, ctx.program, operands, cotangents, ctx.needs_input_grad[1], call)
    return None, gradients, None, None


lanes.register_autograd(_backward, setup_context=_setup)


_FAMILY = direct.Family(_run, lanes, direct.derived)

_RUN = """
static void rows(const int64_t *order, int64_t first, int64_t last, const int64_t g, const int64_t C,
                 const T *const *in, T *const *out, const int64_t c)
{{
    for (int64_t k = first; k < last; k++) {{
        const int64_t r = order[k];
        (void)r; (void)g;
{body}
    }}
}}

void run(const int64_t *order, const int64_t *starts, int64_t groups, int64_t channels,
         const T *const *in, T *const *out, int threads)
{{
    const int64_t registers = channels / LANES;
#pragma omp parallel for collapse(2) num_threads(threads) schedule(dynamic)
    for (int64_t g = 0; g < groups; g++)
        for (int64_t i = 0; i < registers; i++)
            rows(order, starts[g], starts[g + 1], g, channels, in, out, i * LANES);
}}
"""


@cache
def source(program: Lanes, scalar: str) -> str:
    """C source with one function `run`, for `float` or `double`."""
    index = {"row": "r", "group": "g"}
    lines = []
    for i, (kind, left, right) in enumerate(program.instructions):
        if kind == "load":
            leg = program.operands[left]
            place = f"in[{left}] + ({index[leg.place]} * {leg.length} + {right}) * C + c"
            lines.append(f"const V t{i} = load({place}, LANES);")
        else:
            lines.append(f"const V t{i} = t{left} {'+' if kind == 'add' else '*'} t{right};")
    for k, (leg, results) in enumerate(zip(program.outputs, program.results, strict=True)):
        for component, result in enumerate(results):
            if result is not None:
                place = f"out[{k}] + ({index[leg.place]} * {leg.length} + {component}) * C + c"
                old = f"load({place}, LANES) + " if leg.place == "group" else ""
                lines.append(f"store({place}, {old}t{result}, LANES);")
    body = "\n".join(f"        {line}" for line in lines)
    return HEAD.format(scalar=scalar) + _RUN.format(body=body)


@cache
def _function(program: Lanes, scalar: str) -> Callable[..., None]:
    # Thousands of lines without a branch: higher levels take long and find nothing.
    function = compiler.load(source(program, scalar), "-O1").run
    pointer, integer = ctypes.c_void_p, ctypes.c_int64
    function.argtypes = [pointer, pointer, integer, integer, pointer, pointer, ctypes.c_int]
    function.restype = None
    return function
