"""What a tensor is: irreps, paths, index symmetries, storage. Standard library only."""

from cartesian.spec.irrep import Irrep as Irrep
from cartesian.spec.irreps import Block as Block
from cartesian.spec.irreps import Irreps as Irreps
from cartesian.spec.path import Path as Path
from cartesian.spec.path import paths as paths
