"""Convolution with directions: what harmonics give, by coupling tables or by the direction chain."""

from typing import Any, Literal

from cartesian.kernels.arrays import constant, namespace
from cartesian.kernels.edges import Edges, sort_edges
from cartesian.ops.convolution import convolution
from cartesian.ops.harmonics import harmonics
from cartesian.programs.chain import Chain
from cartesian.programs.program import LEFT, RIGHT, Program

Method = Literal["auto", "chain", "coupling"]


def convolve_directions(
    program: Program | Chain,
    features: Any,
    directions: Any,
    weights: Any,
    edges: Edges | tuple[Any, Any],
    method: Method = "auto",
) -> Any:
    r"""Convolve features with the directions of the edges, all paths into one output summed.

    $$z_{i,oc} = \sum_{j \to i} \sum_p w_{ji,pc} \sum_{ab} C^p_{abo}\, x_{j,ac}\, Y_b(u_{ji})$$

    The harmonics need not be computed: powers of $u$ span the same maps of $x$, with weights $v = w M$ where
    $M$ is `Chain.matrix`. This direction chain takes fewer operations than couplings, the more so
    the higher the degrees; it gains nothing if paths are kept separate.

    Args:
        program: A convolution of kind "summed"; or a `Chain`, which says in which basis the weights are.
        features: `(nodes, ·)`, blocks `(2ℓ+1, channels)` of the senders; NumPy or torch.
        directions: `(edges, 3)`, unit vectors. A zero vector has no direction: give its edge zero weights.
        weights: `(edges, paths × channels)` in the order of the program's paths, or
            `(edges, chain.weights × channels)`.
        edges: The pair (senders, receivers), or `sort_edges(…)`.
        method: "chain", "coupling", or "auto" for that with fewer multiply-adds.

    Returns:
        `(nodes, ·)`, blocks of the program's output. In torch differentiable to any order; what a
        derivative says along $u$ itself depends on the method, and drops out where $u = r/|r|$.

    Raises:
        TypeError, ValueError: If shapes, dtypes or indices do not fit, or the program does not sum its paths.

    Examples:
        >>> import numpy as np
        >>> from cartesian.programs.build import convolution as build
        >>> program = build("1x1o", 2, "1x1o", kind="summed")  # 1 x 0 -> 1 and 1 x 2 -> 1
        >>> x, u = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), np.array([[0.6, 0.0, 0.8]])
        >>> w, edges = np.ones((1, 2)), (np.array([0]), np.array([1]))
        >>> for method in ("chain", "coupling"):
        ...     print(convolve_directions(program, x, u, w, edges, method)[1].round(4))
        [1.0566 0.     1.0182]
        [1.0566 0.     1.0182]
    """
    if method not in ("auto", "chain", "coupling"):
        raise ValueError(f"a method is 'auto', 'chain' or 'coupling', not {method!r}")
    if not isinstance(edges, Edges):
        senders, receivers = edges
        edges = sort_edges(senders, receivers, len(features))
    chain = program if isinstance(program, Chain) else Chain(program)
    if len(directions.shape) != 2 or directions.shape[1] != 3:
        raise ValueError(f"directions have shape {tuple(directions.shape)}, not (edges, 3)")
    if method == "auto":
        costs_more = chain.multiply_adds * chain.channels > chain.program.multiply_adds
        method = "coupling" if costs_more and chain.basis == "paths" else "chain"
    if method == "chain":
        return _run_chain(chain, features, directions, weights, edges)
    if chain.basis == "chain":
        raise ValueError("couplings take the weights of paths: give the program, or a chain of basis 'paths'")
    irreps = chain.program.form.legs[RIGHT].irreps
    degrees = [block.irrep.degree for block in irreps]
    values = harmonics(directions, max(degrees, default=0))
    columns = [n for degree in degrees for n in range(degree**2, (degree + 1) ** 2)]
    if columns != list(range(values.shape[1])):
        values = values[:, columns]
    return convolution(chain.program, features, values, weights, edges)


def chain_weights(chain: Chain, weights: Any) -> Any:
    r"""Weights of the chain from weights of the paths, $v_{qc} = \sum_p w_{pc} M_{pq}$.

    The map is linear and fixed, so it may as well act on the last matrix of the network that makes the
    weights, once, instead of the weights of every edge.

    Args:
        chain: The chain, of either basis.
        weights: `(..., paths × channels)`: weights of edges, a bias, or a matrix from radial functions.

    Returns:
        `(..., ranks × channels)`, for a chain of basis "chain".

    Raises:
        ValueError: If the last axis has another length.

    Examples:
        >>> import numpy as np
        >>> from cartesian.programs.build import convolution as build
        >>> chain = Chain(build("1x1o", 2, "1x1o", kind="summed"), "chain")
        >>> chain_weights(chain, np.eye(2)).round(3)  # 1 x 0 -> 1 and 1 x 2 -> 1 in u (x·u) and x
        array([[ 0.   ,  1.   ],
               [ 2.121, -0.707]])
    """
    paths, channels = len(chain.program.form.terms), chain.channels
    if weights.shape[-1] != paths * channels:
        raise ValueError(
            f"weights of {paths} paths and {channels} channels are {paths * channels} numbers, "
            f"not {weights.shape[-1]}"
        )
    leading = tuple(weights.shape[:-1])
    rows = weights.reshape(*leading, paths, channels)
    converted = namespace(weights).einsum("...pc,pq->...qc", rows, constant(chain.matrix, weights))
    return converted.reshape(*leading, chain.matrix.shape[1] * channels)


def _run_chain(chain: Chain, features: Any, directions: Any, weights: Any, edges: Edges) -> Any:
    from cartesian.kernels.edge_lanes import run

    rows = edges.senders.shape[0]
    given = {
        "weights": (weights, (rows, chain.weights * chain.channels)),
        "features": (features, (edges.nodes, chain.program.row(LEFT))),
        "directions": (directions, (rows, 3)),
    }
    xp = namespace(features, directions, weights, edges.order)
    for name, (array, shape) in given.items():
        if namespace(array) is not xp or namespace(edges.order) is not xp:
            raise TypeError("features, directions, weights and edges belong to one library, NumPy or torch")
        if array.dtype != features.dtype:
            raise TypeError(f"{name} have dtype {array.dtype}, but features have {features.dtype}")
        if tuple(array.shape) != shape:
            raise ValueError(f"{name} have shape {tuple(array.shape)}, not {shape}")
    return run(chain.text, [weights, features, directions], edges)[0]
