"""Exact tensors as float64 arrays: read-only, made once, on request.

Deriving a coupling takes milliseconds, so the tables live in memory only.
"""

from functools import cache

import numpy as np

from cartesian.symbolic import coupling as _coupling
from cartesian.symbolic import harmonics as _harmonics
from cartesian.symbolic.exact import ExactTensor


@cache
def coupling(left: int, right: int, out: int) -> np.ndarray:
    """The natural coupling between frames, `(2ℓ1+1, 2ℓ2+1, 2ℓ3+1)`."""
    return read_only(_coupling.compact_coupling(left, right, out))


@cache
def frame(degree: int) -> np.ndarray:
    """The orthonormal frame of full STF tensors, `(2ℓ+1, 3, …, 3)`."""
    return read_only(_harmonics.frame(degree))


def read_only(tensor: ExactTensor) -> np.ndarray:
    """Float64 values of an exact tensor, protected against writing."""
    array = tensor.numpy()
    array.flags.writeable = False
    return array
