r"""The chain of couplings of a `Decomposition`, run on numbers.

After $k$ indices are taken in, the parts of degree $\ell$ are an array
`(parts, batch · 3^(n-k), 2ℓ+1)`. Index $k + 1$ varies fastest but for the components, so taking it in is one
matrix product per pair of degrees, of `(parts · batch · 3^(n-k-1), 3 (2ℓ+1))` with the coupling; where a
level has a symmetry, a second one combines parts. All matrices are orthonormal, so the way back is
the same with transposes. A space of few components gets one dense matrix instead.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import copysign, sqrt
from typing import Any

import numpy as np

from cartesian.kernels.arrays import constant, namespace
from cartesian.spec.symmetry import IndexSymmetry
from cartesian.symbolic.decomposition import Level, decomposition
from cartesian.symbolic.index_exchange import step_norm_squared
from cartesian.tables import lookup

# Numbers in a dense matrix that beats the chain, and in the tensors that pass through the chain at once.
_DENSE = 2**16
_CHUNK = 2**18

Blocks = dict[int, Any]
"""For each degree an array `(parts, rows, 2ℓ+1)`."""


class CouplingChain:
    """Takes tensors with an index symmetry to flat vectors of their parts, and back.

    Args:
        symmetry: The index symmetry of the tensors.

    Attributes:
        dense: Matrix `(3^n, dim)` of a small space, or `None`.
        nbytes: Memory of all matrices, in bytes.
    """

    def __init__(self, symmetry: IndexSymmetry) -> None:
        self.rank, self.irreps = symmetry.rank, symmetry.irreps
        chain = decomposition(symmetry)
        # The index taken in first must vary fastest; axis 0 is the batch.
        self._axes = [i + 1 for i in reversed(chain.order)]
        self._stages = tuple(map(_stage, (None, *chain.levels), chain.levels)) if symmetry.dim else ()
        self.dense: np.ndarray | None = None
        if 3**self.rank * symmetry.dim <= _DENSE:
            self.dense = self._forward(np.eye(3**self.rank).reshape(-1, *[3] * self.rank))
            self._stages = ()
        self.nbytes = self.dense.nbytes if self.dense is not None else sum(s.nbytes for s in self._stages)

    def forward(self, tensor: Any) -> Any:
        """Flat vectors `(batch, dim)`, in the layout of `irreps`, of tensors `(batch, 3, …, 3)`.

        What breaks the symmetry drops out.
        """
        if self.dense is not None:
            return tensor.reshape(-1, 3**self.rank) @ constant(self.dense, tensor)
        return _joined([self._forward(tensor[rows]) for rows in self._chunks(len(tensor))], 0)

    def backward(self, flat: Any) -> Any:
        """The adjoint of `forward`, its inverse on tensors that have the symmetry."""
        if self.dense is not None:
            return (flat @ constant(self.dense.T, flat)).reshape(-1, *[3] * self.rank)
        return _joined([self._backward(flat[rows]) for rows in self._chunks(len(flat))], 0)

    def _forward(self, tensor: Any) -> Any:
        xp = namespace(tensor)
        blocks = {0: xp.moveaxis(tensor, self._axes, list(range(1, self.rank + 1))).reshape(1, -1, 1)}
        for stage in self._stages:
            blocks = stage.forward(blocks)
        flat = [
            xp.moveaxis(blocks[irrep.degree], 0, 2).reshape(len(tensor), count * irrep.dim)
            for count, irrep in self.irreps
        ]
        return _joined(flat or [tensor.reshape(-1, 3**self.rank)[:, :0]], 1)

    def _backward(self, flat: Any) -> Any:
        xp = namespace(flat)
        blocks = {
            irrep.degree: xp.moveaxis(flat[:, where].reshape(len(flat), irrep.dim, count), 2, 0)
            for (count, irrep), where in zip(self.irreps, self.irreps.slices, strict=True)
        }
        for stage in reversed(self._stages):
            blocks = stage.backward(blocks)
        return xp.moveaxis(blocks[0].reshape(-1, *[3] * self.rank), list(range(1, self.rank + 1)), self._axes)

    def _chunks(self, batch: int) -> list[slice]:
        size = max(1, _CHUNK // 3**self.rank)
        return [slice(start, start + size) for start in range(0, max(batch, 1), size)]


@dataclass(frozen=True, slots=True)
class Stage:
    """One index taken in.

    Attributes:
        sizes: Number of parts of each degree before.
        couplings: Matrices `(3 (2ℓ+1), 2ℓ'+1)` by the degrees before and after.
        rows: Matrices `(parts, columns)` by the degree after, where parts are combinations of columns.
    """

    sizes: dict[int, int]
    couplings: dict[tuple[int, int], np.ndarray]
    rows: dict[int, np.ndarray]

    @property
    def nbytes(self) -> int:
        """Memory of the matrices, in bytes."""
        return sum(table.nbytes for tables in (self.couplings, self.rows) for table in tables.values())

    def forward(self, blocks: Blocks) -> Blocks:
        """Blocks with one index more, in a third of the rows."""
        found: dict[int, list[Any]] = {}
        for (before, after), table in self.couplings.items():
            block = blocks[before]
            rows = block.reshape(len(block), -1, 3 * (2 * before + 1))
            found.setdefault(after, []).append(rows @ constant(table, block))
        return {
            degree: _combined(self.rows.get(degree), _joined(columns, 0)) for degree, columns in found.items()
        }

    def backward(self, blocks: Blocks) -> Blocks:
        """The adjoint of `forward`; a degree that no block leads back to is left out, being zero."""
        found: dict[int, Any] = {}
        start = dict.fromkeys(blocks, 0)
        columns = {
            degree: _combined(self.rows[degree].T if degree in self.rows else None, block)
            for degree, block in blocks.items()
        }
        for (before, after), table in self.couplings.items():
            if after in columns:
                block = columns[after][start[after] : start[after] + self.sizes[before]]
                start[after] += self.sizes[before]
                term = block @ constant(table.T, block)
                found[before] = found[before] + term if before in found else term
        return {degree: block.reshape(len(block), -1, 2 * degree + 1) for degree, block in found.items()}


def _stage(before: Level | None, level: Level) -> Stage:
    norms = before.norms if before else {0: (Fraction(1),)}
    couplings, rows = {}, {}
    for degree, columns in level.columns.items():
        for origin in sorted({origin for origin, _ in columns}):
            couplings[origin, degree] = _step(origin, degree)
        if level.rows:
            scales = [norms[origin][s] * step_norm_squared(origin, degree) for origin, s in columns]
            table = np.zeros((len(level.rows[degree]), len(columns)))
            for k, (row, norm) in enumerate(zip(level.rows[degree], level.norms[degree], strict=True)):
                for column, value in row.items():
                    table[k, column] = copysign(sqrt(value**2 * scales[column] / norm), value)
            rows[degree] = table
    return Stage({degree: len(found) for degree, found in norms.items()}, couplings, rows)


@cache
def _step(before: int, after: int) -> np.ndarray:
    """The coupling of a compact tensor with a vector as a matrix with orthonormal columns."""
    table = lookup.coupling(before, 1, after) / sqrt(step_norm_squared(before, after))
    return table.transpose(1, 0, 2).reshape(-1, 2 * after + 1)


def _combined(rows: np.ndarray | None, block: Any) -> Any:
    if rows is None:
        return block
    return (constant(rows, block) @ block.reshape(len(block), -1)).reshape(len(rows), *block.shape[1:])


def _joined(arrays: list[Any], axis: int) -> Any:
    return arrays[0] if len(arrays) == 1 else namespace(*arrays).concatenate(arrays, axis)
