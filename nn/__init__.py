"""Neural layers and potentials made of Cartesian tensors. Needs torch."""

from importlib.util import find_spec

if find_spec("torch") is None:
    raise ModuleNotFoundError("cartesian.nn needs torch: pip install 'cartesian-tensors[nn]'", name="torch")
