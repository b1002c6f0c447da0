r"""Linear maps between two kinds of tensors that commute with O(3), as an exact basis.

By Schur's lemma such a map takes each irreducible part to parts of the same irrep, by a number.
So there is one basis map for each pair of equal parts, $\sum_m E_{\dots m} E'_{\dots m}$ of embeddings.
"""

from typing import Protocol

from cartesian.spec.symmetry import IndexSymmetry
from cartesian.symbolic.decomposition import embedding
from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import ExactTensor


class HasSymmetry(Protocol):
    """A space of tensors with an index symmetry."""

    @property
    def symmetry(self) -> IndexSymmetry:
        """The index symmetry of its tensors."""


Space = IndexSymmetry | HasSymmetry | str


def equivariant_maps(source: Space, target: Space) -> tuple[ExactTensor, ...]:
    r"""Basis of all linear maps from `source` to `target` that commute with O(3) and time reversal.

    Each is a partial isometry that takes one part of the source to one part of the target and
    everything else to zero, and they are orthogonal to each other. From a space to itself the maps
    from a part to the same part are its projectors.

    Args:
        source, target: Index symmetries, their formulas, or spaces.

    Returns:
        Tensors with the axes of the target, then those of the source; ordered by degree, then by
        the seniority in the target, then in the source.

    Examples:
        >>> len(equivariant_maps("ij=ji", "ij=ji")), len(equivariant_maps("ij=ji", "k"))
        (2, 0)
        >>> (epsilon,) = equivariant_maps("ij", IndexSymmetry.parse("k", axial=True))
        >>> epsilon[2, 0, 1], epsilon[2, 1, 0]  # ε_kij / √2
        (√2/2, -√2/2)
    """
    first, second = _symmetry(source), _symmetry(target)
    if first.time_odd != second.time_odd:
        return ()
    into = "abcdefghijklmnopqrstuvwxyz"[: second.rank]
    outof = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: first.rank]
    return tuple(
        einsum(f"{into}0,{outof}0->{into}{outof}", embedding(second, irrep, t), embedding(first, irrep, s))
        for count, irrep in second.irreps
        for t in range(1, count + 1)
        for s in range(1, first.irreps.count(irrep) + 1)
    )


def _symmetry(space: Space) -> IndexSymmetry:
    if isinstance(space, str):
        return IndexSymmetry.parse(space)
    return space if isinstance(space, IndexSymmetry) else space.symmetry
