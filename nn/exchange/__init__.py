"""Models from weights of other packages, which are not needed for that."""

from cartesian.nn.exchange.mace import from_mace as from_mace
from cartesian.nn.exchange.nequip import from_nequip as from_nequip
from cartesian.nn.exchange.torchmd import from_torchmd as from_torchmd
