"""A function under test, whatever its arrays are: called with float64 NumPy arrays and returning them."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cartesian.testing.arguments import Argument
from cartesian.testing.strategies import to_dtype

Function = Callable[..., Any]


class Subject:
    """A function or module, with the dtype and device in which it is called.

    Args:
        function: Any function of arrays.
        dtype: A dtype of NumPy or torch; by default that of the parameters or buffers of a torch
            module, and NumPy's float64 for anything else.
    """

    def __init__(self, function: Function, dtype: Any = None) -> None:
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)
        self.is_guessed = dtype is None
        self.dtype, self.device = _placement(function)
        if dtype is not None:
            self.dtype = dtype

    def __call__(
        self, arrays: Sequence[np.ndarray], extra: Sequence[Any], results: Sequence[Argument] | None = None
    ) -> list[np.ndarray]:
        """All results as float64 arrays; finite, and shaped as `results` says."""
        try:
            found = self.function(*map(self.to_native, arrays), *self.to_native_extra(extra))
        except (TypeError, AttributeError) as error:
            if self.is_guessed and self.dtype == "float64":
                error.add_note(
                    "Called with NumPy arrays; give dtype=torch.float64 if it wants torch tensors."
                )
            raise
        found = [_to_float64(array) for array in (found if isinstance(found, (tuple, list)) else [found])]
        if not all(np.isfinite(array).all() for array in found):
            raise AssertionError(f"{self.name} returned values that are not finite, for finite inputs")
        if results is not None:
            self._check_shapes(found, results)
        return found

    def to_native(self, array: np.ndarray) -> Any:
        """An array as the function wants it."""
        return to_dtype(array, self.dtype, self.device)

    def to_native_extra(self, extra: Sequence[Any]) -> list[Any]:
        """Extra arguments, with NumPy arrays made tensors where the function wants tensors."""
        return [self._convert(value) if isinstance(value, np.ndarray) else value for value in extra]

    def _convert(self, array: np.ndarray) -> Any:
        if array.dtype.kind == "f":
            return self.to_native(array)
        if not str(self.dtype).startswith("torch."):
            return array
        import torch

        return torch.tensor(array, device=self.device)

    def rounded(self, array: np.ndarray) -> np.ndarray:
        """The numbers that the function will see, as float64."""
        return _to_float64(self.to_native(array))

    def units(
        self,
        arrays: Sequence[np.ndarray],
        extra: Sequence[Any],
        values: Sequence[np.ndarray],
        tolerance: float,
    ) -> list[float]:
        r"""$1 + |f| + |x \cdot \partial f|$ for each result in `values`; the derivative is a difference."""
        step = tolerance**0.5
        rng = np.random.default_rng(0)
        moved = []
        for array in arrays:
            norms = np.sqrt((array**2).sum(axis=tuple(range(1, array.ndim)), keepdims=True))
            moved.append(array + step * norms * rng.uniform(-1, 1, array.shape))
        return [
            1.0 + np.abs(x).max(initial=0) + deviation(x, y) / step
            for x, y in zip(values, self(moved, extra), strict=True)
        ]

    def _check_shapes(self, found: Sequence[np.ndarray], results: Sequence[Argument]) -> None:
        if len(found) != len(results):
            raise AssertionError(f"{self.name} returned {len(found)} arrays, where {len(results)} were named")
        for array, law in zip(found, results, strict=True):
            if array.shape[array.ndim - len(law.shape) :] != law.shape:
                raise AssertionError(
                    f"{self.name} returned an array of shape {array.shape}, but {law} ends in {law.shape}"
                )


def deviation(left: np.ndarray, right: np.ndarray) -> float:
    """Largest difference of two arrays; zero if they are empty."""
    return float(np.abs(left - right).max(initial=0))


def _placement(function: Function) -> tuple[Any, Any]:
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(function, torch.nn.Module):
        return "float64", None
    for tensor in (*function.parameters(), *function.buffers()):
        if tensor.is_floating_point():
            return tensor.dtype, tensor.device
    return torch.get_default_dtype(), None


def _to_float64(array: Any) -> np.ndarray:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(array, torch.Tensor):
        array = array.detach().double().cpu().numpy()
    return np.array(array, dtype=np.float64)
