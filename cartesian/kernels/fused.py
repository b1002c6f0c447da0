"""Programs as generated Triton kernels on GPUs: float32, float64, and bfloat16 or float16 as storage.

Sums are made in float32 at least. On the CPU the same kernels run in Triton's interpreter, for tests, if
the environment variable `TRITON_INTERPRET=1` was set before Triton was imported.
"""

import linecache
import os
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from cartesian.kernels.edges import Edges
from cartesian.kernels.fused_source import Kernel, kernels
from cartesian.programs.program import Program

_SUMS = {
    torch.bfloat16: torch.float32,
    torch.float16: torch.float32,
    torch.float32: torch.float32,
    torch.float64: torch.float64,
}


def available(device: torch.device) -> bool:
    """Whether Triton kernels can run on a device."""
    if find_spec("triton") is None:
        return False
    return device.type == "cuda" or os.environ.get("TRITON_INTERPRET") == "1"


def supports(dtype: torch.dtype) -> bool:
    """Whether kernels exist for a dtype."""
    return dtype in _SUMS


def run(program: Program, operands: Sequence[Tensor], edges: Edges | None) -> list[Tensor]:
    """Run a program on operands of shape `(rows, ·)`; without `edges`, every leg lives on the rows.

    Raises:
        TypeError: If there is no kernel for the dtype.
        RuntimeError: If Triton is missing, or the device is neither a GPU nor interpreted.
    """
    first = operands[0]
    if not supports(first.dtype):
        raise TypeError(f"fused kernels take {', '.join(map(str, _SUMS))}, not {first.dtype}")
    if not available(first.device):
        raise RuntimeError(
            f"fused kernels need Triton and a GPU, not {first.device}: install the package triton, or leave "
            "the choice of the kernel open"
        )
    operands = [array if array.stride(1) == 1 else array.contiguous() for array in operands]
    sizes = {"edge": len(first), "sender": 0, "receiver": 0}
    if edges is not None:
        sizes = {"edge": len(edges.senders), "sender": edges.nodes, "receiver": len(edges.starts) - 1}
    sums = _SUMS[first.dtype]
    outputs = [
        first.new_zeros((sizes[program.form.legs[leg].place], program.row(leg)), dtype=sums)
        for leg in program.outputs
    ]
    if sizes["edge"]:
        for kernel in kernels(program):
            _launch(kernel, sizes[kernel.walk], operands, edges, outputs)
    return [array.to(first.dtype) for array in outputs]


def _launch(
    kernel: Kernel, instances: int, operands: list[Tensor], edges: Edges | None, outputs: list[Tensor]
) -> None:
    """Run one kernel; it adds to the outputs."""
    order, starts, senders, receivers = _indices(kernel, edges, operands[0])
    given: dict[str, Any] = {"order": order, "starts": starts, "senders": senders, "receivers": receivers}
    for k, array in enumerate(operands):
        given |= {f"i{k}": array, f"s{k}": array.stride(0)}
    given |= {f"o{k}": array for k, array in enumerate(outputs)}
    function, names = compiled(kernel.text)
    block = max(16, 1 << (kernel.channels - 1).bit_length())
    function[instances,](
        **{name: given[name] for name in names},
        A=triton_type(outputs[0].dtype),
        B=block,
        num_warps=max(1, min(8, block // 64)),
    )


def _indices(kernel: Kernel, edges: Edges | None, like: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Order and starts of the walk, senders, receivers; what is not read is any array."""
    if edges is None:
        none = like.new_empty(0, dtype=torch.int64)
        return none, none, none, none
    if kernel.walk != "sender":
        return edges.order, edges.starts, edges.senders, edges.receivers
    return *_by_sender(edges.senders, edges.nodes), edges.senders, edges.receivers


_sorted: Any = WeakTensorKeyDictionary()


def _by_sender(senders: Tensor, nodes: int) -> tuple[Tensor, Tensor]:
    """Edges sorted by sender, and where the segment of each sender begins; kept while the edges live."""
    # A graph of kernels that is being recorded must sort the edges of every replay.
    recorded = senders.device.type == "cuda" and torch.cuda.is_current_stream_capturing()
    version, *kept = _sorted.get(senders, (None,))
    if recorded or version != senders._version:
        ordered, order = torch.sort(senders, stable=True)
        starts = torch.searchsorted(ordered, torch.arange(nodes + 1, device=senders.device))
        if recorded:
            return order, starts
        kept = [order, starts]
        _sorted[senders] = (senders._version, order, starts)
    return kept[0], kept[1]


@cache
def compiled(text: str) -> tuple[Any, tuple[str, ...]]:
    """The kernel of a source, and the names of its arguments but the constants."""
    import triton
    import triton.language as tl

    # Triton reads the source of a function where Python looks for it.
    name = f"<cartesian kernel {hash(text):x}>"
    linecache.cache[name] = len(text), None, text.splitlines(keepends=True), name
    scope: dict[str, Any] = {"tl": tl, "__name__": __name__}
    exec(compile(text, name, "exec"), scope)
    function = scope["kernel"]
    names = function.__code__.co_varnames[: function.__code__.co_argcount - 2]
    return triton.jit(function), tuple(names)


def sums_of(dtype: torch.dtype) -> torch.dtype:
    """In which sums over numbers of a dtype are made."""
    return _SUMS[dtype]


def triton_type(dtype: torch.dtype) -> Any:
    """What Triton calls the dtype of a sum."""
    import triton.language as tl

    return tl.float64 if dtype == torch.float64 else tl.float32
