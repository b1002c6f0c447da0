r"""Spaces of tensors with an index symmetry: splitting into irreducible parts, joining, projecting.

The parts of a tensor are compact, in the orthonormal frame of their degree, and the splitting is an
isometry: the squared norms of the parts add up to that of the tensor. Which parts there are, their
order and their orientation is said in `cartesian.symbolic.decomposition`.

A tensor that is handed in must have the symmetry of the space, within a tolerance; nothing is
projected silently. `TensorSpace.project` takes any tensor to the nearest one of the space.

The matrices are derived when a space is first used. `torch.compile` takes a function whole if the
space has been used before and the check is left out, with `tolerance=None`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from math import prod
from typing import Any

import numpy as np

from cartesian.kernels.arrays import as_array, namespace
from cartesian.ops.coupling_chain import CouplingChain
from cartesian.ops.voigt import Kind, from_voigt, to_voigt
from cartesian.spec import Irrep, Irreps
from cartesian.spec.symmetry import IndexSymmetry
from cartesian.symbolic.exact import ExactTensor
from cartesian.symbolic.invariants import invariants
from cartesian.symbolic.point_groups import PointGroup

TOLERANCE = 1e-5
"""Above the rounding of float32, below any broken symmetry that matters."""

Parts = dict[tuple[Irrep, int], Any]


@dataclass(frozen=True, init=False, repr=False)
class TensorSpace:
    r"""All tensors with an index symmetry.

    Args:
        symmetry: A formula such as `"ijkl=jikl=klij"`, or an `IndexSymmetry`.
        axial: Whether the tensors change sign under reflections beyond the rule of their indices.
        time_odd: Whether they change sign under time reversal.

    Raises:
        ValueError: If the formula cannot be read or its symmetries contradict each other.

    Examples:
        >>> space = TensorSpace("ij=ji")
        >>> space
        TensorSpace("ij=ji"): 6 components, 1x0e+1x2e
        >>> parts = space.split(np.diag([1.0, 1.0, 1.0]))
        >>> parts[Irrep("0e"), 1]  # δ_ij / √3 has the coefficient √3
        array([1.732])
    """

    symmetry: IndexSymmetry

    def __init__(self, symmetry: "IndexSymmetry | str", axial: bool = False, time_odd: bool = False) -> None:
        if isinstance(symmetry, IndexSymmetry):
            axial, time_odd = axial or symmetry.axial, time_odd or symmetry.time_odd
            symmetry = IndexSymmetry(symmetry.letters, symmetry.generators, axial, time_odd)
        else:
            symmetry = IndexSymmetry.parse(symmetry, axial, time_odd)
        object.__setattr__(self, "symmetry", symmetry)

    @classmethod
    def jahn(cls, symbol: str) -> "TensorSpace":
        """The space of a Jahn symbol, such as `"[[V2]2]"` or `"eV[V2]"`."""
        return cls(IndexSymmetry.jahn(symbol))

    @property
    def rank(self) -> int:
        """Number of indices."""
        return self.symmetry.rank

    @property
    def dim(self) -> int:
        """Number of independent components."""
        return self.symmetry.dim

    @property
    def irreps(self) -> Irreps:
        """The irreducible parts, with seniorities as channels."""
        return self.symmetry.irreps

    @property
    def nbytes(self) -> int:
        """Memory of the matrices that split and join, in bytes."""
        return self._chain.nbytes

    def split(self, tensor: Any, tolerance: float | None = TOLERANCE) -> Parts:
        r"""Irreducible parts of tensors.

        Args:
            tensor: `(..., 3, …, 3)`; NumPy or torch.
            tolerance: How far the tensor may be from the symmetry, relative to its largest component;
                `None` leaves out the check and drops what breaks the symmetry.

        Returns:
            For each irrep and seniority (from 1) the compact part, `(..., 2ℓ+1)`.

        Raises:
            ValueError: If the shape does not fit, or the tensor breaks the symmetry.
        """
        flat, batch = self._checked(tensor, tolerance)
        vectors = self._chain.forward(flat)
        parts: Parts = {}
        for (count, irrep), where in zip(self._chain.irreps, self._chain.irreps.slices, strict=True):
            block = vectors[:, where].reshape(*batch, irrep.dim, count)
            parts |= {(irrep, s + 1): block[..., s] for s in range(count)}
        return parts

    def join(self, parts: Mapping[tuple[Irrep | str, int], Any]) -> Any:
        """Tensors `(..., 3, …, 3)` with the given parts; the inverse of `split`.

        Raises:
            ValueError: If a part is missing or unknown, or its shape does not fit.
        """
        given = {(Irrep(irrep), s): as_array(part) for (irrep, s), part in parts.items()}
        wanted = [(irrep, s) for count, irrep in self.irreps for s in range(1, count + 1)]
        wrong = given.keys() ^ set(wanted)
        if wrong:
            irrep, s = min(wrong)
            state = "unknown" if (irrep, s) in given else "missing"
            raise ValueError(
                f"the part ({irrep}, {s}) is {state}: tensors {str(self.symmetry)!r} "
                f"are made of {self.irreps}, each irrep with seniorities from 1"
            )
        batch = tuple(given[wanted[0]].shape[:-1]) if wanted else ()
        for (irrep, s), part in given.items():
            if tuple(part.shape) != (*batch, irrep.dim):
                raise ValueError(
                    f"the part ({irrep}, {s}) has shape {tuple(part.shape)}, expected {(*batch, irrep.dim)}: "
                    "leading axes agree in all parts, the last has 2ℓ+1 components"
                )
        xp = namespace(*given.values())
        blocks = [
            xp.stack([given[irrep, s] for s in range(1, count + 1)], -1).reshape(*batch, count * irrep.dim)
            for count, irrep in self.irreps
        ]
        return self.from_irreps(xp.concatenate(blocks, -1) if blocks else np.zeros(0))

    def to_irreps(self, tensor: Any, tolerance: float | None = TOLERANCE) -> Any:
        """The parts of tensors as flat vectors `(..., dim)`, in the layout of `irreps`."""
        flat, batch = self._checked(tensor, tolerance)
        return self._chain.forward(flat).reshape(*batch, self._chain.irreps.dim)

    def from_irreps(self, flat: Any) -> Any:
        """Tensors `(..., 3, …, 3)` of flat vectors `(..., dim)`; the inverse of `to_irreps`."""
        flat, dim = as_array(flat), self._chain.irreps.dim
        if flat.ndim < 1 or flat.shape[-1] != dim:
            raise ValueError(f"expected flat vectors (..., {dim}) of {self.irreps}, got {tuple(flat.shape)}")
        batch = tuple(flat.shape[:-1])
        rows = flat.reshape(prod(batch), dim)
        return self._chain.backward(rows).reshape(*batch, *[3] * self.rank)

    def project(self, tensor: Any) -> Any:
        """The tensors of the space nearest to any tensors `(..., 3, …, 3)`, as for noisy data."""
        return self.from_irreps(self.to_irreps(tensor, tolerance=None))

    def independent(self, tensor: Any, tolerance: float | None = TOLERANCE) -> dict[str, Any]:
        """The independent components by name, such as `"xxyy"`, each `(...)`.

        Examples:
            >>> list(TensorSpace("ij=ji").independent(np.eye(3)))
            ['xx', 'xy', 'xz', 'yy', 'yz', 'zz']
        """
        flat, batch = self._checked(tensor, tolerance)
        return {
            "".join("xyz"[i] for i in orbit[0][0]): flat[:, *orbit[0][0]].reshape(batch)
            for orbit in self.symmetry.orbits()
        }

    def invariants(self, group: PointGroup | str) -> tuple[ExactTensor, ...]:
        """Basis of the tensors that a point group leaves unchanged, exact: see `invariants`."""
        return invariants(self.symmetry, group).basis()

    def to_voigt(self, tensor: Any, kind: Kind = "stress", tolerance: float | None = TOLERANCE) -> Any:
        """Voigt form of tensors of the space; `kind` as in `cartesian.ops.voigt`."""
        flat, batch = self._checked(tensor, tolerance)
        form = to_voigt(flat, self.symmetry, kind)
        return form.reshape(*batch, *form.shape[1:])

    def from_voigt(self, form: Any, kind: Kind = "stress", tolerance: float | None = TOLERANCE) -> Any:
        """Tensors of a Voigt form; an error if they lack the symmetry, as a form that is not symmetric."""
        full = from_voigt(form, self.symmetry, kind)
        self._checked(full, tolerance)
        return full

    def to_mandel(self, tensor: Any, tolerance: float | None = TOLERANCE) -> Any:
        """Mandel (Kelvin) form, of the same norm as the tensor."""
        return self.to_voigt(tensor, "mandel", tolerance)

    def from_mandel(self, form: Any, tolerance: float | None = TOLERANCE) -> Any:
        """Tensors of a Mandel (Kelvin) form."""
        return self.from_voigt(form, "mandel", tolerance)

    def _checked(self, tensor: Any, tolerance: float | None) -> tuple[Any, tuple[int, ...]]:
        """The tensors with one batch axis, and their leading axes."""
        tensor = as_array(tensor)
        full = (3,) * self.rank
        if tensor.ndim < self.rank or tuple(tensor.shape[tensor.ndim - self.rank :]) != full:
            raise ValueError(
                f"tensors {str(self.symmetry)!r} have shape (..., {', '.join(map(str, full))}), "
                f"not {tuple(tensor.shape)}"
            )
        batch = tuple(tensor.shape[: tensor.ndim - self.rank])
        flat = tensor.reshape(prod(batch), *full)
        if tolerance is not None and len(flat):
            self._check_symmetry(flat, tolerance)
        return flat, batch

    def _check_symmetry(self, flat: Any, tolerance: float) -> None:
        xp = namespace(flat)
        flat = flat if xp is np else flat.detach()
        for permutation, sign in self.symmetry.generators:
            moved = xp.moveaxis(flat, [i + 1 for i in permutation], list(range(1, self.rank + 1)))
            deviation = float(abs(flat - sign * moved).max())
            if deviation > tolerance * float(abs(flat).max()):
                term = "".join(self.symmetry.letters[i] for i in permutation)
                raise ValueError(
                    f"the tensor breaks the symmetry {self.symmetry.letters}={'-' * (sign < 0)}{term}: "
                    f"components differ by {deviation:.2g}; use project() first, or correct the tensor"
                )

    @cached_property
    def _chain(self) -> CouplingChain:
        # Kept by the space as well, where a compiler of functions finds it without running the derivation.
        return _chain(self.symmetry)

    def __str__(self) -> str:
        return f'TensorSpace("{self.symmetry}"): {self.dim} components, {self.irreps}'

    __repr__ = __str__


@cache
def _chain(symmetry: IndexSymmetry) -> CouplingChain:
    return CouplingChain(symmetry)
