"""NumPy and torch arrays through one door: which library an array belongs to, constants in its dtype.

torch is never imported here; a torch tensor can only be handed in by somebody who has loaded it.
"""

import sys
from types import ModuleType
from typing import Any

import numpy as np


def namespace(*arrays: Any) -> ModuleType:
    """The library the arrays belong to, `torch` if any of them is a torch tensor, else `numpy`."""
    torch = sys.modules.get("torch")
    if torch is not None and any(isinstance(array, torch.Tensor) for array in arrays):
        return torch
    return np


def as_array(value: Any) -> Any:
    """A floating-point NumPy array or torch tensor; integers and nested sequences become float64."""
    xp = namespace(value)
    if xp is np:
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"expected an array of real numbers, got dtype {array.dtype}")
        return array if array.dtype.kind == "f" else array.astype(np.float64)
    if value.is_complex():
        raise TypeError(f"expected an array of real numbers, got dtype {value.dtype}")
    return value if value.is_floating_point() else value.double()


def constant(table: np.ndarray, like: Any) -> Any:
    """A float64 table in the library, dtype and device of `like`; cast anew from float64 each time."""
    xp = namespace(like)
    if xp is np:
        return table.astype(like.dtype, copy=False)
    # Not xp.tensor(table): under torch.compile the table is a tensor already, and that warns of the copy.
    return xp.from_numpy(table.copy()).to(device=like.device, dtype=like.dtype)
