"""Functions of the distance: bases, envelopes, and the networks that turn them into weights of paths."""

from cartesian.nn.radial.activation import Normalized as Normalized
from cartesian.nn.radial.activation import activation_parity as activation_parity
from cartesian.nn.radial.bases import BasisName as BasisName
from cartesian.nn.radial.bases import Bessel as Bessel
from cartesian.nn.radial.bases import Chebyshev as Chebyshev
from cartesian.nn.radial.bases import ExpNormal as ExpNormal
from cartesian.nn.radial.bases import Gaussian as Gaussian
from cartesian.nn.radial.bases import GaussianOrbitals as GaussianOrbitals
from cartesian.nn.radial.bases import Sinc as Sinc
from cartesian.nn.radial.bases import named_basis as named_basis
from cartesian.nn.radial.envelopes import CosineEnvelope as CosineEnvelope
from cartesian.nn.radial.envelopes import CosineSquaredEnvelope as CosineSquaredEnvelope
from cartesian.nn.radial.envelopes import FlatCosineEnvelope as FlatCosineEnvelope
from cartesian.nn.radial.envelopes import PolynomialEnvelope as PolynomialEnvelope
from cartesian.nn.radial.filters import RadialFilters as RadialFilters
from cartesian.nn.radial.interpolation import Interpolated as Interpolated
from cartesian.nn.radial.interpolation import tabulate as tabulate
from cartesian.nn.radial.network import Radial as Radial
from cartesian.nn.radial.network import RadialNetwork as RadialNetwork
from cartesian.nn.radial.perceptron import Perceptron as Perceptron
from cartesian.nn.radial.table import RadialTable as RadialTable
