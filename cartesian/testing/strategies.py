"""Hypothesis strategies: irreps, orthogonal matrices, paths, index symmetries, arrays of features.

Arrays are drawn by the seed of a random generator, so that they are in general position and a draw stays
cheap at any size; zeros, repeated rows and scales far from one are drawn on top.
"""

from itertools import permutations, product
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cartesian.ops.spaces import TensorSpace
from cartesian.spec import Irrep, Irreps, Path
from cartesian.spec.symmetry import IndexSymmetry
from cartesian.symbolic.exact import ExactTensor
from cartesian.symbolic.rotation import cayley
from cartesian.testing.tolerances import dtype_name

# Brackets of Jahn symbols with their ranks. {V4} is left out: four antisymmetric indices take four values.
_FACTORS = {"V": 1, "[V2]": 2, "{V2}": 2, "[V3]": 3, "{V3}": 3, "[V4]": 4, "[[V2]2]": 4, "{[V2]2}": 4}


def degrees(max_degree: int = 4) -> st.SearchStrategy[int]:
    """Degrees from zero to `max_degree`."""
    return st.integers(0, max_degree)


def irrep(max_degree: int = 4) -> st.SearchStrategy[Irrep]:
    """One irrep of either parity."""
    return st.builds(Irrep, degrees(max_degree), st.sampled_from([1, -1]))


def irreps(max_degree: int = 3, max_channels: int = 3, max_blocks: int = 4) -> st.SearchStrategy[Irreps]:
    """Sums of irreps: equal, unsorted and empty blocks among them, but not without any component."""
    blocks = st.tuples(st.integers(0, max_channels), irrep(max_degree))
    sums = st.lists(blocks, min_size=1, max_size=max_blocks).map(Irreps)
    return sums.filter(lambda drawn: drawn.dim > 0)


@st.composite
def paths(draw: st.DrawFn, max_degree: int = 3) -> Path:
    """Allowed couplings of two irreps, both kinds and all parities."""
    left, right = draw(irrep(max_degree)), draw(irrep(max_degree))
    return Path(left, right, draw(st.sampled_from([*(left * right)])))


@st.composite
def index_symmetries(draw: st.DrawFn, max_rank: int = 4) -> IndexSymmetry:
    """Index symmetries that leave some component: products of Jahn's brackets, their indices shuffled."""
    symbol, rank = "", 0
    for factor in draw(st.lists(st.sampled_from(sorted(_FACTORS)), min_size=1, max_size=max_rank)):
        if rank + _FACTORS[factor] <= max_rank:
            symbol, rank = symbol + factor, rank + _FACTORS[factor]
    drawn = IndexSymmetry.jahn(symbol or "V")
    order = draw(st.permutations(range(drawn.rank)))
    generators = []
    for permutation, sign in drawn.generators:
        shuffled = {order[i]: order[j] for i, j in enumerate(permutation)}
        generators.append((tuple(shuffled[i] for i in range(drawn.rank)), sign))
    return IndexSymmetry(drawn.letters, tuple(generators), axial=draw(st.booleans()))


def spaces(max_rank: int = 4) -> st.SearchStrategy[TensorSpace]:
    """Spaces of tensors with a drawn index symmetry."""
    return index_symmetries(max_rank).map(TensorSpace)


def signed_permutations(reflections: bool = True) -> list[np.ndarray]:
    """The 48 orthogonal matrices that permute and flip the axes, or the 24 rotations among them.

    The identity and the inversion come first: a failing test reports the simplest matrix.
    """
    matrices = [
        np.eye(3)[list(p)] * s for p in permutations(range(3)) for s in product([1.0, -1.0], repeat=3)
    ]
    kept = [matrix for matrix in matrices if reflections or np.linalg.det(matrix) > 0]
    return sorted(kept, key=lambda matrix: -abs(np.trace(matrix)))


def orthogonals(reflections: bool = True) -> st.SearchStrategy[np.ndarray]:
    """Orthogonal matrices, float64: signed permutations, and the orthogonal factor of any matrix."""
    factors = st.builds(
        _orthogonal_factor,
        arrays(np.float64, (3, 3), elements=st.floats(-1, 1, width=32)),
        st.sampled_from([1.0, -1.0] if reflections else [1.0]),
    )
    return st.one_of(st.sampled_from(signed_permutations(reflections)), factors)


def _orthogonal_factor(matrix: np.ndarray, determinant: float) -> np.ndarray:
    """Orthogonal matrix of this determinant; zeros give the identity up to sign."""
    factor = np.linalg.qr(matrix).Q
    return factor * (determinant * np.sign(np.linalg.det(factor)))


@st.composite
def exact_orthogonals(draw: st.DrawFn, reflections: bool = True) -> ExactTensor:
    """Orthogonal matrices with rational entries, `(3, 3)`, exact: Cayley's rotations and their negatives."""
    numbers = st.fractions(-3, 3, max_denominator=3)
    return draw(st.builds(cayley, numbers, numbers, numbers)) * draw(
        st.sampled_from([1, -1][: 1 + reflections])
    )


@st.composite
def values(draw: st.DrawFn, *shape: int, dtype: Any = "float64", device: Any = None) -> Any:
    """Arrays in general position, of a scale far from one at times, with zero or repeated rows at times.

    Args:
        shape: Number of components along each axis.
        dtype: A dtype of NumPy or its name; a dtype of torch for torch tensors.
        device: Device of a torch tensor.
    """
    seed, scale = draw(st.integers(0, 999)), draw(st.sampled_from([1.0, 1e-3, 1e3]))
    array = scale * np.random.default_rng(seed).standard_normal(shape)
    kind = draw(st.sampled_from(["general", "zero", "one zero row", "equal rows"]))
    if shape and shape[0] and kind != "general":
        row = draw(st.integers(0, shape[0] - 1))
        where = row if kind == "one zero row" else slice(None)
        array[where] = array[row] if kind == "equal rows" else 0.0
    return to_dtype(array, dtype, device)


def to_dtype(array: np.ndarray, dtype: Any, device: Any = None) -> Any:
    """A copy of a NumPy array in a dtype of NumPy, or as a torch tensor in one of torch."""
    if not str(dtype).startswith("torch."):
        return array.astype(dtype_name(dtype))
    import torch

    return torch.tensor(array, dtype=dtype, device=device)


@st.composite
def features(
    draw: st.DrawFn, irreps: Irreps | str, *batch: int, dtype: Any = "float64", device: Any = None
) -> Any:
    """Flat features `(*batch, irreps.dim)` as `values` draws them, whole blocks zero at times."""
    irreps = Irreps(irreps)
    array = draw(values(*batch, irreps.dim))
    for where in irreps.slices:
        if draw(st.integers(0, 7)) == 7:
            array[..., where] = 0.0
    return to_dtype(array, dtype, device)
