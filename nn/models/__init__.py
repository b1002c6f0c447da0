"""Published potentials: one file each, which wires layers as the paper does. They do not know each other."""

from cartesian.nn.models.botnet import BOTNet as BOTNet
from cartesian.nn.models.botnet import BOTNetConfig as BOTNetConfig
from cartesian.nn.models.nequip import NequIP as NequIP
from cartesian.nn.models.nequip import NequIPConfig as NequIPConfig
from cartesian.nn.models.tensornet import TensorNet as TensorNet
from cartesian.nn.models.tensornet import TensorNetConfig as TensorNetConfig
