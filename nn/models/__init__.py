"""Published potentials: one file each, which wires layers as the paper does. They do not know each other."""

from cartesian.nn.models.tensornet import TensorNet as TensorNet
from cartesian.nn.models.tensornet import TensorNetConfig as TensorNetConfig
