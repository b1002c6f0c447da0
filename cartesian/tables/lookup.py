"""Exact tensors as float64 arrays: read-only, made once, on request.

Deriving a coupling takes milliseconds, so the tables live in memory only.
"""

from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec, TypeVar

import numpy as np

from cartesian.symbolic import coupling as _coupling
from cartesian.symbolic import harmonics as _harmonics
from cartesian.symbolic.exact import ExactTensor

Key = ParamSpec("Key")
Table = TypeVar("Table")


def made_once(make: Callable[Key, Table]) -> Callable[Key, Table]:
    """Decorator of functions that make tables: each table is kept, and a constant to `torch.compile`."""
    kept = cache(make)

    @wraps(make)
    def look_up(*args: Key.args, **kwargs: Key.kwargs) -> Table:
        return kept(*args, **kwargs)  # type: ignore[arg-type]

    # torch.compiler.assume_constant_result without loading torch: the compiler would look through
    # a plain cache, and trace the derivation of the table.
    look_up._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return look_up


@made_once
def coupling(left: int, right: int, out: int) -> np.ndarray:
    """The natural coupling between frames, `(2ℓ1+1, 2ℓ2+1, 2ℓ3+1)`."""
    return read_only(_coupling.compact_coupling(left, right, out))


@made_once
def frame(degree: int) -> np.ndarray:
    """The orthonormal frame of full STF tensors, `(2ℓ+1, 3, …, 3)`."""
    return read_only(_harmonics.frame(degree))


def read_only(tensor: ExactTensor) -> np.ndarray:
    """Float64 values of an exact tensor, protected against writing."""
    array = tensor.numpy()
    array.flags.writeable = False
    return array
