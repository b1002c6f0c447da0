import numpy as np
import pytest
import torch

from cartesian.testing.tolerances import TOLERANCES, dtype_name, tolerance


@pytest.mark.parametrize("name", TOLERANCES)
def test_a_tolerance_is_many_roundings_and_few_digits(name):
    epsilon = torch.finfo(getattr(torch, name)).eps
    assert 10 * epsilon < tolerance(name) < 0.2


@pytest.mark.parametrize("dtype", ["float32", np.float32, np.dtype("float32"), torch.float32])
def test_numpy_and_torch_share_the_names_of_dtypes(dtype):
    assert dtype_name(dtype) == "float32"
    assert tolerance(dtype) == tolerance("float32")


def test_a_dtype_without_a_tolerance_is_named_with_those_that_have_one():
    with pytest.raises(ValueError, match=r"no tolerance for dtype complex64: .* float64, float32"):
        tolerance(torch.complex64)
