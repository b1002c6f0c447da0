"""Training: from a configuration to a folder with a model, resumable at any moment."""

from cartesian.nn.train.config import TrainConfig as TrainConfig
from cartesian.nn.train.loop import train as train
from cartesian.nn.train.reading import read_config as read_config
from cartesian.nn.train.reading import write_config as write_config
