"""From structures to graphs: neighbours under periodic boundaries, batches."""

from cartesian.nn.data.batching import batch as batch
from cartesian.nn.data.batching import to_graph as to_graph
from cartesian.nn.data.neighbors import neighbors as neighbors
