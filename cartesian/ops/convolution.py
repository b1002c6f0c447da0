"""Convolution over the edges of a graph: features of senders times harmonics, summed at receivers."""

from typing import Any

from cartesian.kernels.edges import Edges, sort_edges
from cartesian.kernels.run import Kernel, run
from cartesian.programs.build import paired
from cartesian.programs.forming import formed
from cartesian.programs.program import Program


def convolution(
    program: Program,
    features: Any,
    harmonics: Any,
    weights: Any,
    edges: Edges | tuple[Any, Any],
    kernel: Kernel | None = None,
) -> Any:
    r"""Convolve features with harmonics of the edges.

    $$z_{i,oc} = \sum_{j \to i} \sum_p w_{ji,pc} \sum_{ab} C^p_{abo}\, x_{j,ac}\, Y_{ji,b}$$

    Args:
        program: The paths, from `cartesian.programs.build.convolution`.
        features: `(nodes, ·)`, blocks `(2ℓ+1, channels)` of the senders.
        harmonics: `(edges, ·)`, compact harmonics of the edge directions.
        weights: `(edges, paths × channels)`, in the order of the program's paths. Or the pair of radial
            numbers `(edges, ·)` and a matrix `(·, paths × channels)`, whose product the weights are: it is
            formed some edges at a time, so that memory never holds the weights of all edges.
        edges: The pair (senders, receivers), integers in any order; or `sort_edges(…)`, which spares
            checking and sorting them again. If these `Edges` say which edges are opposite to each other,
            there is one row of weights or radial numbers for each such pair.
        kernel: Which kernel to run; `None` takes the fastest.

    Returns:
        `(nodes, ·)`, blocks of the program's output. In torch differentiable to any order.

    Raises:
        TypeError, ValueError: If shapes, dtypes, devices or indices do not fit.

    Examples:
        >>> import numpy as np
        >>> from cartesian.programs.build import convolution as build
        >>> program = build("2x0e", 1, "1o")
        >>> x, Y, w = np.ones((2, 2)), np.array([[1.0, 0.6, 0.0, 0.8]]), np.array([[1.0, 2.0]])
        >>> convolution(program, x, Y, w, (np.array([0]), np.array([1])))[1].reshape(3, 2)
        array([[0.6, 1.2],
               [0. , 0. ],
               [0.8, 1.6]])
    """
    if not isinstance(edges, Edges):
        senders, receivers = edges
        edges = sort_edges(senders, receivers, len(features))
    if isinstance(weights, tuple):
        radial, matrix = weights
        radial = radial if edges.pair is None else radial[edges.pair]
        program = formed(program, radial.shape[-1])
        return run(program, [matrix, features, harmonics, radial], edges, kernel)[0]
    if edges.pair is not None:
        program = paired(program)
    return run(program, [weights, features, harmonics], edges, kernel)[0]
