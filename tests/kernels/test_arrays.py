import numpy as np
import pytest
import torch

from cartesian.kernels.arrays import as_array, constant, namespace


def test_the_namespace_is_that_of_the_arrays():
    assert namespace(np.ones(2)) is np
    assert namespace(np.ones(2), torch.ones(2)) is torch
    assert namespace([1.0]) is np


def test_numbers_become_floating_point_arrays():
    assert as_array([1, 2]).dtype == np.float64
    assert as_array(np.ones(2, np.float32)).dtype == np.float32
    assert as_array(torch.ones(2, dtype=torch.int64)).dtype == torch.float64
    with pytest.raises(TypeError, match="array of real numbers, got dtype complex128"):
        as_array(np.ones(2, complex))
    with pytest.raises(TypeError, match=r"array of real numbers, got dtype torch\.complex64"):
        as_array(torch.ones(2, dtype=torch.complex64))


def test_constants_take_the_dtype_of_the_array_from_the_float64_table():
    third = np.array([1 / 3])
    assert constant(third, np.ones(1, np.float32)).dtype == np.float32
    assert constant(third, torch.ones(1, dtype=torch.float64)).item() == 1 / 3
