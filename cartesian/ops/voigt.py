r"""Voigt and Mandel (Kelvin) forms: one axis of length 6 for each pair of exchangeable indices.

The six components of a pair stand in the order xx, yy, zz, yz, xz, xy. A Voigt form multiplies the
three shear components of each pair by a factor:

| kind of pair | shear factor | examples |
| --- | --- | --- |
| `"stress"` | 1 | stress, stiffness $C_{IJ} = C_{ijkl}$, piezoelectric $e_{iJ} = e_{ijk}$ |
| `"strain"` | 2 | strain $e_4 = 2 e_{yz}$, compliance $S_{44} = 4 S_{yzyz}$, piezoelectric $d_{14}$ |

so that $\sigma_I = C_{IJ}\, e_J$ and $e_I = S_{IJ}\, \sigma_J$ are plain matrix products. The Mandel form has
the factor $\sqrt2$ for every pair: it keeps norms, and products and inverses are those of the tensors.

Source: W. Voigt, Lehrbuch der Kristallphysik (1910); J. Mandel, Int. J. Solids Struct. 1, 273 (1965).
"""

from collections.abc import Sequence
from functools import cache, reduce
from math import sqrt
from typing import Any

import numpy as np

from cartesian.kernels.arrays import as_array, constant, namespace
from cartesian.spec.symmetry import IndexSymmetry
from cartesian.symbolic.component_names import VOIGT_PAIRS, slots

_SHEAR = {"stress": 1.0, "strain": 2.0, "mandel": sqrt(2)}
_NAMES = {"stiffness": "stress", "compliance": "strain", "e": "stress", "d": "strain"}

Kind = str | Sequence[str]


def to_voigt(tensor: Any, symmetry: IndexSymmetry, kind: Kind = "stress") -> Any:
    r"""Voigt form of tensors that have the symmetry, which is not checked here.

    Args:
        tensor: `(..., 3, …, 3)`; NumPy or torch.
        symmetry: Neighbouring indices that may be exchanged form a pair, from the last index on.
        kind: `"stress"` or `"strain"` for every pair, or one of them for each; `"stiffness"` and
            `"e"` mean stress, `"compliance"` and `"d"` strain; `"mandel"`.

    Returns:
        An axis of length 6 for each pair and of length 3 for each single index.

    Raises:
        ValueError: If there is no pair, the kind is unknown, or the shape does not fit.

    Examples:
        >>> strain = [[0.1, 0.03, 0.0], [0.03, 0.2, 0.0], [0.0, 0.0, 0.3]]
        >>> to_voigt(strain, IndexSymmetry.parse("ij=ji"), "strain")
        array([0.1 , 0.2 , 0.3 , 0.  , 0.  , 0.06])
    """
    shape = _shape(symmetry)
    factors = _factors(symmetry, kind)
    tensor = as_array(tensor)
    full = (3,) * symmetry.rank
    if tuple(tensor.shape[-len(full) :]) != full:
        raise ValueError(
            f"expected tensors of shape (..., {', '.join(map(str, full))}), got {tuple(tensor.shape)}"
        )
    places, _ = _places(symmetry)
    flat = tensor.reshape(*tensor.shape[: -len(full)], -1)
    return (_taken(flat, places) * constant(factors, flat)).reshape(*flat.shape[:-1], *shape)


def from_voigt(form: Any, symmetry: IndexSymmetry, kind: Kind = "stress") -> Any:
    """Tensors `(..., 3, …, 3)` of a Voigt form; the inverse of `to_voigt`, with the same arguments.

    Examples:
        >>> from_voigt([0.1, 0.2, 0.3, 0.0, 0.0, 0.06], IndexSymmetry.parse("ij=ji"), "strain")[0]
        array([0.1 , 0.03, 0.  ])
    """
    shape = _shape(symmetry)
    factors = _factors(symmetry, kind)
    form = as_array(form)
    if tuple(form.shape[-len(shape) :]) != shape:
        raise ValueError(
            f"the Voigt form of tensors {symmetry.formula!r} has shape (..., {', '.join(map(str, shape))}), "
            f"not {tuple(form.shape)}"
        )
    _, places = _places(symmetry)
    flat = form.reshape(*form.shape[: -len(shape)], -1)
    full = _taken(flat / constant(factors, flat), places)
    return full.reshape(*flat.shape[:-1], *[3] * symmetry.rank)


def _shape(symmetry: IndexSymmetry) -> tuple[int, ...]:
    shape = tuple(6 if len(slot) == 2 else 3 for slot in slots(symmetry))
    if 6 not in shape:
        raise ValueError(
            f"tensors {symmetry.formula!r} have no Voigt form: none of their neighbouring indices may be "
            "exchanged, as in 'ij=ji'"
        )
    return shape


def _factors(symmetry: IndexSymmetry, kind: Kind) -> np.ndarray:
    """Factor of each component of the form, flat."""
    shape = _shape(symmetry)
    kinds = [kind] * shape.count(6) if isinstance(kind, str) else list(kind)
    kinds = [_NAMES.get(name, name) for name in kinds]
    if len(kinds) != shape.count(6) or not set(kinds) <= set(_SHEAR):
        raise ValueError(
            f"{kind!r} is no kind of Voigt form of tensors {symmetry.formula!r}: give 'stress' or 'strain' "
            f"for every pair of indices, or a sequence of {shape.count(6)} of them"
        )
    pairs = iter(kinds)
    axes = [np.repeat([1.0, _SHEAR[next(pairs)]], 3) if n == 6 else np.ones(3) for n in shape]
    return reduce(np.multiply.outer, axes).reshape(-1)


@cache
def _places(symmetry: IndexSymmetry) -> tuple[np.ndarray, np.ndarray]:
    """Where each component of the form lies in the flat tensor, and each of the tensor in the flat form."""
    shape = _shape(symmetry)
    pairs = np.array(VOIGT_PAIRS)
    strides = 3 ** np.arange(symmetry.rank - 1, -1, -1)
    number = np.zeros((3, 3), dtype=int)
    number[pairs[:, 0], pairs[:, 1]] = number[pairs[:, 1], pairs[:, 0]] = np.arange(6)
    places = np.zeros((), dtype=int)
    forms = np.zeros((), dtype=int)
    for slot, n in zip(slots(symmetry), shape, strict=True):
        offset = pairs @ strides[list(slot)] if n == 6 else np.arange(3) * strides[slot[0]]
        places = np.add.outer(places, offset)
        forms = np.add.outer(forms * n, number if n == 6 else np.arange(3))
    return places.reshape(-1), forms.reshape(-1)


def _taken(flat: Any, places: np.ndarray) -> Any:
    if namespace(flat) is np:
        return flat[..., places]
    return flat[..., namespace(flat).tensor(places, device=flat.device)]
