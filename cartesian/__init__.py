"""The algebra of Cartesian tensors under O(3), exact and fast.

Importing it loads neither torch nor SymPy; `cartesian.nn` and `cartesian.testing` load when asked for.
"""

from importlib import import_module
from typing import Any

from cartesian.ops.action import act, wigner
from cartesian.ops.contraction import contract
from cartesian.ops.convolution import convolution
from cartesian.ops.harmonics import degree_slice, harmonics
from cartesian.ops.invariants import invariant_basis, invariant_part
from cartesian.ops.spaces import TensorSpace
from cartesian.ops.storage import from_complex, from_e3nn, from_full, to_complex, to_e3nn, to_full
from cartesian.ops.symmetry_search import find_symmetry
from cartesian.programs.contraction import contract_path
from cartesian.programs.network import Stf
from cartesian.spec.irrep import Irrep
from cartesian.spec.irreps import Irreps
from cartesian.spec.path import Path, paths
from cartesian.spec.symmetry import IndexSymmetry
from cartesian.symbolic.averages import direction_average
from cartesian.symbolic.chain import chain_matrix
from cartesian.symbolic.characters import hilbert_series
from cartesian.symbolic.coupling_formula import coupling
from cartesian.symbolic.einsum import einsum
from cartesian.symbolic.exact import ExactTensor, exact, sqrt
from cartesian.symbolic.expression import Expression
from cartesian.symbolic.factors import delta, direction, epsilon, stf, symmetric
from cartesian.symbolic.harmonics import frame
from cartesian.symbolic.invariants import invariants
from cartesian.symbolic.isotropic import isotropic
from cartesian.symbolic.maps import equivariant_maps
from cartesian.symbolic.multipoles import harmonic, multipole_derivative
from cartesian.symbolic.patterns import ComponentPattern
from cartesian.symbolic.point_groups import CRYSTAL_CLASSES, LIMIT_GROUPS, PointGroup
from cartesian.symbolic.powers import symmetric_power
from cartesian.symbolic.projector import projector
from cartesian.symbolic.recoupling import recoupling_matrix, symbol_3j, symbol_6j, symbol_9j
from cartesian.symbolic.traces import trace_coefficient

__all__ = [
    "CRYSTAL_CLASSES",
    "LIMIT_GROUPS",
    "ComponentPattern",
    "ExactTensor",
    "Expression",
    "IndexSymmetry",
    "Irrep",
    "Irreps",
    "Path",
    "PointGroup",
    "Stf",
    "TensorSpace",
    "act",
    "chain_matrix",
    "contract",
    "contract_path",
    "convolution",
    "coupling",
    "degree_slice",
    "delta",
    "direction",
    "direction_average",
    "einsum",
    "epsilon",
    "equivariant_maps",
    "exact",
    "find_symmetry",
    "frame",
    "from_complex",
    "from_e3nn",
    "from_full",
    "harmonic",
    "harmonics",
    "hilbert_series",
    "invariant_basis",
    "invariant_part",
    "invariants",
    "isotropic",
    "multipole_derivative",
    "paths",
    "projector",
    "recoupling_matrix",
    "sqrt",
    "stf",
    "symbol_3j",
    "symbol_6j",
    "symbol_9j",
    "symmetric",
    "symmetric_power",
    "to_complex",
    "to_e3nn",
    "to_full",
    "trace_coefficient",
    "wigner",
]


def __getattr__(name: str) -> Any:
    if name in ("nn", "testing"):
        return import_module(f"cartesian.{name}")
    raise AttributeError(f"module 'cartesian' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "nn", "testing"]
