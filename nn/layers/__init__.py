"""Layers: they own the weights and say in which order laws apply.

Features are flat, `(nodes, irreps.dim)`, blocks `(2ℓ+1, channels)` of their irreps one after the other.
"""

from cartesian.nn.layers.attention import Attention as Attention
from cartesian.nn.layers.basis import ProductBasis as ProductBasis
from cartesian.nn.layers.convolution import Convolution as Convolution
from cartesian.nn.layers.dropout import Dropout as Dropout
from cartesian.nn.layers.embedding import ChargeEmbedding as ChargeEmbedding
from cartesian.nn.layers.embedding import Species as Species
from cartesian.nn.layers.embedding import SpeciesEmbedding as SpeciesEmbedding
from cartesian.nn.layers.gate import Gate as Gate
from cartesian.nn.layers.gate import NormGate as NormGate
from cartesian.nn.layers.latent_products import LatentProducts as LatentProducts
from cartesian.nn.layers.linear import Linear as Linear
from cartesian.nn.layers.linear import SpeciesLinear as SpeciesLinear
from cartesian.nn.layers.message import Message as Message
from cartesian.nn.layers.norm import LayerNorm as LayerNorm
from cartesian.nn.layers.norm import RMSNorm as RMSNorm
from cartesian.nn.layers.orbitals import Density as Density
from cartesian.nn.layers.orbitals import OrbitalMessage as OrbitalMessage
from cartesian.nn.layers.readout import Readout as Readout
from cartesian.nn.layers.reducible import RankGates as RankGates
from cartesian.nn.layers.reducible import RankLinear as RankLinear
from cartesian.nn.layers.reducible import RankMessage as RankMessage
from cartesian.nn.layers.reducible import RankReadout as RankReadout
from cartesian.nn.layers.species_network import SpeciesNetwork as SpeciesNetwork
from cartesian.nn.layers.standard import SpeciesStandard as SpeciesStandard
from cartesian.nn.layers.tensor_product import TensorProduct as TensorProduct
from cartesian.nn.layers.update import Residual as Residual
from cartesian.nn.layers.update import SelfConnection as SelfConnection
