"""Published potentials: one file each, which wires layers as the paper does. They do not know each other."""

from cartesian.nn.models.botnet import BOTNet as BOTNet
from cartesian.nn.models.botnet import BOTNetConfig as BOTNetConfig
from cartesian.nn.models.equireann import EquiREANN as EquiREANN
from cartesian.nn.models.equireann import EquiREANNConfig as EquiREANNConfig
from cartesian.nn.models.hotpp import HotPP as HotPP
from cartesian.nn.models.hotpp import HotPPConfig as HotPPConfig
from cartesian.nn.models.ictp import ICTP as ICTP
from cartesian.nn.models.ictp import ICTPConfig as ICTPConfig
from cartesian.nn.models.mace import MACE as MACE
from cartesian.nn.models.mace import MACEConfig as MACEConfig
from cartesian.nn.models.nequip import NequIP as NequIP
from cartesian.nn.models.nequip import NequIPConfig as NequIPConfig
from cartesian.nn.models.registry import find as find
from cartesian.nn.models.registry import model_names as model_names
from cartesian.nn.models.tensornet import TensorNet as TensorNet
from cartesian.nn.models.tensornet import TensorNetConfig as TensorNetConfig
from cartesian.nn.models.tensornet2 import TensorNet2 as TensorNet2
from cartesian.nn.models.tensornet2 import TensorNet2Config as TensorNet2Config
