"""What exact objects share that stand for a tensor: its numbers, and a formula."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from cartesian.symbolic.exact import ExactTensor


class Rendered(ABC):
    """An exact tensor with a formula; `nnz`, `numpy`, `torch` and `sympy` are those of `tensor`."""

    @property
    @abstractmethod
    def tensor(self) -> ExactTensor:
        """All components, exact."""

    @property
    @abstractmethod
    def text(self) -> str:
        """The formula in Unicode."""

    @abstractmethod
    def latex(self) -> str:
        """The formula in LaTeX."""

    @property
    def nnz(self) -> int:
        """Number of nonzero components."""
        return self.tensor.nnz

    def numpy(self, dtype: Any = None) -> np.ndarray:
        """Dense array, float64 unless another dtype is given."""
        return self.tensor.numpy(dtype)

    def torch(self, dtype: Any = None, device: Any = None) -> Any:
        """Dense torch tensor, float64 unless another dtype is given; needs torch."""
        return self.tensor.torch(dtype, device)

    def sympy(self) -> Any:
        """SymPy's sparse array of the same shape, or a SymPy number."""
        return self.tensor.sympy()

    def __str__(self) -> str:
        return self.text

    def _repr_latex_(self) -> str:
        return f"${self.latex()}$"


def floating(array: Any) -> Any:
    """The array or torch tensor itself if it holds floating-point numbers; integers become float64."""
    if hasattr(array, "is_floating_point") and not array.is_complex():
        return array if array.is_floating_point() else array.double()
    result = np.asarray(array)
    if result.dtype.kind not in "fiub":
        raise TypeError(f"expected an array of real numbers, got dtype {result.dtype}")
    return result if result.dtype.kind == "f" else result.astype(np.float64)


def like(table: np.ndarray, array: Any) -> Any:
    """A float64 table in the library, dtype and device of an array."""
    return table.astype(array.dtype) if isinstance(array, np.ndarray) else array.new_tensor(table)
