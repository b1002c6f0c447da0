"""Commands of potentials, which `cartesian.cli` loads when one is asked for."""

from cartesian.nn.cli.evaluate import evaluate as evaluate
from cartesian.nn.cli.export import export as export
from cartesian.nn.cli.train import train as train
from cartesian.nn.cli.verify import verify as verify
