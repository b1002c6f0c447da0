"""Models in files: `safetensors` beside a readable description, written whole or not at all. No pickle."""

from cartesian.nn.files.model import load_model as load_model
from cartesian.nn.files.model import read_description as read_description
from cartesian.nn.files.model import save_model as save_model
