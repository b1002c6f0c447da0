r"""How far two ways of computing the same number may lie apart: one number per dtype.

A deviation is measured against $1 + |f| + |x \cdot \partial f|$: the size of the result and how much it
changes when the input changes relatively, so that the numbers below hold at every scale of the input.
"""

from typing import Any

TOLERANCES = {
    # 50 000 roundings. A network of several layers stays below 10⁻¹³; a wrong digit in a table, which
    # would be a float32 constant, lies above 10⁻⁹.
    "float64": 1e-11,
    # 800 roundings. Sums over a hundred neighbours and degrees up to 6 stay below 10⁻⁵.
    "float32": 1e-4,
    # 50 roundings of 10⁻³: one layer, with sums kept in float32.
    "float16": 5e-2,
    # 13 roundings of 8·10⁻³: one layer, with sums kept in float32.
    "bfloat16": 1e-1,
}


def tolerance(dtype: Any) -> float:
    """Allowed deviation in units of $1 + |f| + |x ∂f|$ for a dtype of NumPy or torch, or its name.

    Raises:
        ValueError: If the dtype is not a real floating-point type of at most 64 bits.

    Examples:
        >>> tolerance("float64")
        1e-11
    """
    name = dtype_name(dtype)
    if name not in TOLERANCES:
        raise ValueError(f"no tolerance for dtype {name}: functions are tested in {', '.join(TOLERANCES)}")
    return TOLERANCES[name]


def dtype_name(dtype: Any) -> str:
    """The name that NumPy and torch share, such as `float32`.

    >>> import numpy as np
    >>> dtype_name(np.float32), dtype_name(np.dtype("float64")), dtype_name("float16")
    ('float32', 'float64', 'float16')
    """
    return getattr(dtype, "__name__", str(dtype)).removeprefix("torch.")
