"""Heads: from numbers and tensors of the atoms to observables of the systems.

A head owns no trainable mixing: a readout gives each atom the irreps that the head asks for.
"""

from cartesian.nn.heads.charges import coulomb_energies as coulomb_energies
from cartesian.nn.heads.charges import equilibrate as equilibrate
from cartesian.nn.heads.charges import reaction_field_energies as reaction_field_energies
from cartesian.nn.heads.energy import Energy as Energy
from cartesian.nn.heads.forces import DirectForces as DirectForces
from cartesian.nn.heads.forces import Potential as Potential
from cartesian.nn.heads.forces import born_charges as born_charges
from cartesian.nn.heads.forces import hessian as hessian
from cartesian.nn.heads.outputs import Outputs as Outputs
from cartesian.nn.heads.outputs import Target as Target
from cartesian.nn.heads.outputs import Targets as Targets
from cartesian.nn.heads.outputs import parse_targets as parse_targets
from cartesian.nn.heads.repulsion import ZBL as ZBL
from cartesian.nn.heads.repulsion import Repulsion as Repulsion
from cartesian.nn.heads.repulsion import parse_repulsion as parse_repulsion
from cartesian.nn.heads.tensors import Dipole as Dipole
from cartesian.nn.heads.tensors import PositiveTensor as PositiveTensor
from cartesian.nn.heads.tensors import TensorHead as TensorHead
from cartesian.nn.heads.tensors import mean_atoms as mean_atoms
from cartesian.nn.heads.tensors import sum_atoms as sum_atoms
