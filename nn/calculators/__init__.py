"""Potentials for the programs that move atoms: ASE, TorchSim, LAMMPS, metatomic, and i-PI through ASE.

A name is loaded when it is first asked for, and with it the program it is for.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "ASE": "ase",
    "Committee": "committee",
    "FixExternal": "external",
    "LAMMPS": "lammps",
    "MovingGraph": "moving_graph",
    "TorchSim": "torchsim",
    "export_metatomic": "metatomic",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
