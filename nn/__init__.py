"""Neural layers and potentials made of Cartesian tensors. Needs torch."""

from importlib.util import find_spec

if find_spec("torch") is None:
    raise ModuleNotFoundError("cartesian.nn needs torch: pip install 'cartesian-tensors[nn]'", name="torch")

from cartesian.nn import models as models
from cartesian.nn.data import batch as batch
from cartesian.nn.data import neighbors as neighbors
from cartesian.nn.data import to_graph as to_graph
from cartesian.nn.data.dataset import Dataset as Dataset
from cartesian.nn.data.frames import Frame as Frame
from cartesian.nn.data.frames import Frames as Frames
from cartesian.nn.data.frames import write_frames as write_frames
from cartesian.nn.data.statistics import statistics as statistics
from cartesian.nn.files import load_model as load_model
from cartesian.nn.files import save_model as save_model
from cartesian.nn.graph import Graph as Graph
from cartesian.nn.graph import safe_norm as safe_norm
from cartesian.nn.heads import ZBL as ZBL
from cartesian.nn.heads import Dipole as Dipole
from cartesian.nn.heads import DirectForces as DirectForces
from cartesian.nn.heads import Energy as Energy
from cartesian.nn.heads import Outputs as Outputs
from cartesian.nn.heads import Potential as Potential
from cartesian.nn.heads import Target as Target
from cartesian.nn.heads import TensorHead as TensorHead
from cartesian.nn.heads import born_charges as born_charges
from cartesian.nn.heads import coulomb_energies as coulomb_energies
from cartesian.nn.heads import equilibrate as equilibrate
from cartesian.nn.heads import hessian as hessian
from cartesian.nn.heads import mean_atoms as mean_atoms
from cartesian.nn.heads import reaction_field_energies as reaction_field_energies
from cartesian.nn.heads import sum_atoms as sum_atoms
from cartesian.nn.layers import ChargeEmbedding as ChargeEmbedding
from cartesian.nn.layers import Density as Density
from cartesian.nn.layers import Dropout as Dropout
from cartesian.nn.layers import Gate as Gate
from cartesian.nn.layers import LatentProducts as LatentProducts
from cartesian.nn.layers import LayerNorm as LayerNorm
from cartesian.nn.layers import Linear as Linear
from cartesian.nn.layers import Message as Message
from cartesian.nn.layers import NormGate as NormGate
from cartesian.nn.layers import OrbitalMessage as OrbitalMessage
from cartesian.nn.layers import ProductBasis as ProductBasis
from cartesian.nn.layers import RankGates as RankGates
from cartesian.nn.layers import RankLinear as RankLinear
from cartesian.nn.layers import RankMessage as RankMessage
from cartesian.nn.layers import RankReadout as RankReadout
from cartesian.nn.layers import Readout as Readout
from cartesian.nn.layers import Residual as Residual
from cartesian.nn.layers import RMSNorm as RMSNorm
from cartesian.nn.layers import SelfConnection as SelfConnection
from cartesian.nn.layers import Species as Species
from cartesian.nn.layers import SpeciesEmbedding as SpeciesEmbedding
from cartesian.nn.layers import SpeciesLinear as SpeciesLinear
from cartesian.nn.layers import SpeciesNetwork as SpeciesNetwork
from cartesian.nn.radial import Bessel as Bessel
from cartesian.nn.radial import Chebyshev as Chebyshev
from cartesian.nn.radial import CosineEnvelope as CosineEnvelope
from cartesian.nn.radial import CosineSquaredEnvelope as CosineSquaredEnvelope
from cartesian.nn.radial import ExpNormal as ExpNormal
from cartesian.nn.radial import FlatCosineEnvelope as FlatCosineEnvelope
from cartesian.nn.radial import Gaussian as Gaussian
from cartesian.nn.radial import GaussianOrbitals as GaussianOrbitals
from cartesian.nn.radial import Interpolated as Interpolated
from cartesian.nn.radial import Normalized as Normalized
from cartesian.nn.radial import Perceptron as Perceptron
from cartesian.nn.radial import PolynomialEnvelope as PolynomialEnvelope
from cartesian.nn.radial import Radial as Radial
from cartesian.nn.radial import RadialFilters as RadialFilters
from cartesian.nn.radial import RadialNetwork as RadialNetwork
from cartesian.nn.radial import RadialTable as RadialTable
from cartesian.nn.radial import Sinc as Sinc
from cartesian.nn.radial import tabulate as tabulate
