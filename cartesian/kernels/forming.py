"""Programs with weights formed inside: some receivers at a time, around any kernel of plain programs."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from cartesian.kernels.arrays import namespace
from cartesian.kernels.edges import Edges
from cartesian.programs.forming import RADIAL, inner
from cartesian.programs.program import LEFT, OUT, WEIGHTS, Program

_NUMBERS = 2**20
"""Weights that are in memory at once: few enough for the cache, enough to be worth a call."""

Plain = Callable[[Program, Sequence[Any], Edges], list[Any]]


def is_formed(program: Program) -> bool:
    """Whether the weights of a program are formed inside."""
    return len(program.form.legs) > RADIAL


def run(program: Program, operands: Sequence[Any], edges: Edges, plain: Plain) -> list[Any]:
    """Run a program with weights formed inside, on NumPy arrays or torch tensors.

    Sums at the senders and those for the matrix add up block by block in the order of the receivers, which
    do not depend on the number of threads.

    Args:
        program: From `cartesian.programs.forming.formed`, or a derivative of it.
        operands: As for the program.
        edges: Index lists.
        plain: Kernel that runs the inner program on the edges of a block.
    """
    xp, parts = namespace(*operands), inner(program)
    rows = {
        "edge": len(edges.senders),
        "sender": edges.nodes,
        "receiver": len(edges.starts) - 1,
        "radial": program.row(RADIAL),
    }
    like = (
        {"dtype": operands[0].dtype}
        if xp is np
        else {"dtype": operands[0].dtype, "device": operands[0].device}
    )
    outputs = [
        xp.zeros((rows[program.form.legs[leg].place], program.row(leg)), **like) for leg in program.outputs
    ]
    size = max(1, _NUMBERS // max(1, program.row(WEIGHTS)))
    buffers: dict[int, Any] = {}
    for block in _blocks(xp, edges, size, local=LEFT in program.outputs):

        def some(operand: int, block: _Block = block) -> Any:
            return operands[operand][block.rows(program.operands[operand])]

        tiles = []
        for number, ((radial, matrix), *more) in enumerate(parts.tiles):
            count = len(block.order)
            if len(buffers.get(number, ())) < count:
                buffers[number] = xp.zeros((count, program.row(WEIGHTS)), **like)
            tiles.append(xp.matmul(some(radial), operands[matrix], out=buffers[number][:count]))
            for radial, matrix in more:
                tiles[-1] += some(radial) @ operands[matrix]
        results = plain(parts.program, [*tiles, *map(some, parts.given)], block.edges)
        for output, leg, factor, weights in parts.gradients:
            if leg == RADIAL:
                outputs[output][block.order] += results[weights] @ operands[factor].T
            else:
                outputs[output] += some(factor).T @ results[weights]
        for output, result in zip(parts.others, results[len(results) - len(parts.others) :], strict=True):
            outputs[output][block.rows(program.outputs[output])] += result
    return outputs


class _Block(NamedTuple):
    """Some receivers with all their edges, as a graph of their own; `nodes` are its senders."""

    receivers: slice
    order: Any
    nodes: Any
    edges: Edges

    def rows(self, leg: int) -> Any:
        """Where its rows stand in an array of a leg; none of them twice."""
        return self.receivers if leg == OUT else self.nodes if leg == LEFT else self.order


def _blocks(xp: Any, edges: Edges, size: int, local: bool) -> Iterator[_Block]:
    """Blocks of about `size` edges, of more only if one receiver has them.

    If `local`, the senders of a block are only those that occur in it.
    """
    starts = edges.starts.tolist()
    first = 0
    while first < len(starts) - 1:
        last = first + 1
        while last < len(starts) - 1 and starts[last + 1] - starts[first] <= size:
            last += 1
        order = edges.order[starts[first] : starts[last]]
        if len(order):
            senders, nodes, count = edges.senders[order], slice(None), edges.nodes
            if local:
                nodes, senders = xp.unique(senders, return_inverse=True)
                count = len(nodes)
            index = xp.arange(len(order)) if xp is np else xp.arange(len(order), device=order.device)
            own = edges.starts[first : last + 1] - starts[first]
            block = Edges(senders, edges.receivers[order] - first, index, own, count)
            yield _Block(slice(first, last), order, nodes, block)
        first = last
