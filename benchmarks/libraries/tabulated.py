"""Our models with tables in place of radial networks, which do not train."""

from functools import partial

from benchmarks.libraries import ours
from benchmarks.systems import Arrays
from benchmarks.worker import Subject


def _make(name: str, system: Arrays) -> Subject:
    return ours.make(name, system, tables=True)


MODELS = {name: partial(_make, name) for name in ("MACE", "NequIP", "TensorNet", "HotPP", "ICTP")}
