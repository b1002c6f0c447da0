r"""Straight-line programs: plain torch, generated C, and the torch operator `cartesian::lanes`.

Rows are sorted by group. The C kernel takes one register of channels of one group at a time, so the
operands of the group stay in the cache while its rows pass by, and sums over the group have one writer.
"""

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from textwrap import indent

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
    if padding:
        operands = [torch.nn.functional.pad(array, (0, padding)) for array in operands]
    operands = [array.contiguous() for array in operands]
    rows, count = len(groups.order), len(groups.starts) - 1
    outputs = [
        operands[0].new_empty((count if leg.place == "group" else rows, leg.length, channels + padding))
        for leg in program.outputs
    ]
    scalar = "float" if operands[0].dtype == torch.float32 else "double"
    failed = _function(program, scalar)(
        groups.order.data_ptr(),
        groups.starts.data_ptr(),
        count,
        channels + padding,
        (ctypes.c_void_p * len(operands))(*[array.data_ptr() for array in operands]),
        (ctypes.c_void_p * len(outputs))(*[array.data_ptr() for array in outputs]),
        native.thread_count(torch, rows),
    )
    if failed:
        raise MemoryError("no memory for what the rows of a group share")
    return [array[..., :channels].contiguous() for array in outputs] if padding else outputs


@torch.library.custom_op("cartesian::lanes", mutates_args=())
def lanes(program: str, operands: list[Tensor], groups: list[Tensor]) -> list[Tensor]:
    """Outputs of a straight-line program given as text; the groups are those of `Groups`."""
    return _run(program, operands, groups)


def run(program: str, operands: Sequence[Tensor], groups: Groups) -> list[Tensor]:
    """Outputs of a straight-line program given as text, differentiable to any order."""
    return direct.run(_FAMILY, program, operands, (list(groups),))


def _run(program: str, operands: Sequence[Tensor], indices: list[Tensor]) -> list[Tensor]:
    parsed, groups = parse(program), Groups(*indices)
    like = operands[0]
    if like.device.type == "cpu" and native.supports(like.dtype) and native.available():
        return run_native(parsed, operands, groups)
    if like.device.type == "cuda" and fused.supports(like.dtype) and fused.available(like.device):
        return fused_lanes.run(parsed, operands, *groups)
    return run_eager(parsed, operands, groups)


@lanes.register_fake
def _(program: str, operands: list[Tensor], groups: list[Tensor]) -> list[Tensor]:
    order, starts = groups
    sizes = {"row": order.shape[0], "group": starts.shape[0] - 1}
    channels = operands[0].shape[2]
    return [operands[0].new_empty((sizes[leg.place], leg.length, channels)) for leg in parse(program).outputs]


_FAMILY = direct.Family(_run, lanes, direct.derived)
direct.register(_FAMILY)

_RUN = """
/* n registers that lie a stride apart in an array, to where they lie side by side, and back. */
INLINE void gather(V *to, const T *from, const int64_t n, const int64_t stride)
{{
    for (int64_t j = 0; j < n; j++) to[j] = load(from + j * stride, LANES);
}}

INLINE void scatter(T *to, const V *from, const int64_t n, const int64_t stride)
{{
    for (int64_t j = 0; j < n; j++) store(to + j * stride, from[j], LANES);
}}

/* One register of channels of a group of rows. What the rows share is held in `own`, next to each other:
   C is not known here, so that every place in the arrays would cost an address. */
static void rows(const int64_t *order, const int64_t first, const int64_t last, const int64_t g,
                 const int64_t C, const T *const *in, T *const *out, const int64_t c, V *const restrict own)
{{
    (void)own; (void)g;
{before}
    for (int64_t k = first; k < last; k++) {{
        const int64_t r = order[k];
{body}
    }}
{after}
}}

int run(const int64_t *order, const int64_t *starts, int64_t groups, int64_t channels,
        const T *const *in, T *const *out, int threads)
{{
    const int64_t registers = channels / LANES;
    int failed = 0;
#pragma omp parallel num_threads(threads)
    {{
        V *const own = aligned_alloc(sizeof(V), sizeof(V) * {own});
        if (!own) {{
#pragma omp atomic write
            failed = 1;
        }}
#pragma omp barrier
        if (!failed) {{
#pragma omp for collapse(2) schedule(dynamic)
            for (int64_t g = 0; g < groups; g++)
                for (int64_t i = 0; i < registers; i++)
                    rows(order, starts[g], starts[g + 1], g, channels, in, out, i * LANES, own);
        }}
        free(own);
    }}
    return failed;
}}
"""


@cache
def source(program: Lanes, scalar: str) -> str:
    """C source with one function `run`, for `float` or `double`."""
    before: list[str] = []
    body: list[str] = []
    last: list[str] = []
    after: list[str] = []
    own = 0
    for k, (_, length, place, _) in enumerate(program.operands):
        if place == "group":
            before.append(f"V *const i{k} = own + {own};")
            own += length
        else:
            body.append(f"V i{k}[{length}];")
        copy = f"gather(i{k}, in[{k}] + {place[0]} * {length} * C + c, {length}, C);"
        (before if place == "group" else body).append(copy)
    used: dict[int, list[str]] = {}
    for k, ((_, length, place, _), results) in enumerate(zip(program.outputs, program.results, strict=True)):
        if place == "group":
            before.append(f"V *const o{k} = own + {own};")
            before.append(f"memset(o{k}, 0, {length} * sizeof(V));")
            own += length
        else:
            body.append(f"V o{k}[{length}];")
            body += [f"o{k}[{c}] = (V){{0}};" for c, result in enumerate(results) if result is None]
        for component, result in enumerate(results):
            if result is not None:
                sign = "+=" if place == "group" else "="
                used.setdefault(result, []).append(f"o{k}[{component}] {sign} t{result};")
        copy = f"scatter(out[{k}] + {place[0]} * {length} * C + c, o{k}, {length}, C);"
        (after if place == "group" else last).append(copy)
    for i, (kind, left, right) in enumerate(program.instructions):
        operation = f"t{left} {'+' if kind == 'add' else '*'} t{right}"
        body.append(f"const V t{i} = {f'i{left}[{right}]' if kind == 'load' else operation};")
        body += used.get(i, ())
    return HEAD.format(scalar=scalar) + _RUN.format(
        own=max(own, 1),
        before=indent("\n".join(before), "    "),
        body=indent("\n".join([*body, *last]), "        "),
        after=indent("\n".join(after), "    "),
    )


@cache
def _function(program: Lanes, scalar: str) -> Callable[..., int]:
    # The level below forms no fused multiply-adds, and its longer code takes longer to compile, too.
    function = compiler.load(source(program, scalar), "-O2").run
    pointer, integer = ctypes.c_void_p, ctypes.c_int64
    function.argtypes = [pointer, pointer, integer, integer, pointer, pointer, ctypes.c_int]
    function.restype = ctypes.c_int
    return function
