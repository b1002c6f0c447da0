r"""Tensors with all their components: messages along directions, and products.

Features are flat, `(nodes, ·)`, blocks `(3^n, channels)` of ranks $n = 0, 1, \dots$ one after the other. They
transform by one matrix per index, so every rank has natural parity.
"""

from typing import Any

from cartesian.kernels.edges import Edges, sort_edges
from cartesian.programs.reducible import DirectionMessage, RankPowers, components


def direction_message(
    program: DirectionMessage, features: Any, directions: Any, weights: Any, edges: Edges | tuple[Any, Any]
) -> Any:
    r"""Contract tensors of the senders with powers of the directions, and sum at the receivers.

    $$M_{i,o} = \sum_{j \to i} \sum_{p + r - 2z = o} w_{ji,r}\; T_{j,p} \cdot_z u_{ji}^{\otimes r}$$

    The last $z$ indices of $T$ are contracted. No trace is taken out, no index symmetrised.

    Args:
        program: Ranks and channels.
        features: `(nodes, ·)`, tensors of ranks 0 to `program.rank`; NumPy or torch.
        directions: `(edges, 3)`, $u$; of any length, the result is a polynomial in them.
        weights: `(edges, program.weights × channels)`.
        edges: The pair (senders, receivers), or `sort_edges(…)`.

    Returns:
        `(nodes, ·)`, tensors of ranks 0 to `program.out_rank`. In torch differentiable to any order.

    Raises:
        TypeError, ValueError: If shapes, dtypes or indices do not fit.

    Source:
        The message of Y. Wang et al., Nat. Commun. 15, 7607 (2024).

    Examples:
        >>> import numpy as np
        >>> program = DirectionMessage(channels=1, rank=0, edge_rank=2, out_rank=2)
        >>> u, w = np.array([[0.6, 0.0, 0.8]]), np.ones((1, 3))
        >>> m = direction_message(program, np.ones((2, 1)), u, w, (np.array([0]), np.array([1])))
        >>> m[1, 4:].reshape(3, 3)
        array([[0.36, 0.  , 0.48],
               [0.  , 0.  , 0.  ],
               [0.48, 0.  , 0.64]])
    """
    if not isinstance(edges, Edges):
        senders, receivers = edges
        edges = sort_edges(senders, receivers, len(features))
    rows = edges.senders.shape[0]
    _check("features", features, (edges.nodes, components(program.rank) * program.channels), features)
    _check("directions", directions, (rows, 3), features)
    _check("weights", weights, (rows, program.weights * program.channels), features)
    from cartesian.kernels.edge_lanes import run

    return run(program.text, [weights, features, directions], edges)[0]


def rank_powers(program: RankPowers, features: Any) -> Any:
    r"""Products of up to `program.factors` of the tensors of each row, channel by channel.

    Args:
        program: Ranks, channels and factors.
        features: `(rows, ·)`, tensors of ranks 0 to `program.rank`; NumPy or torch.

    Returns:
        `(rows, ·)`, blocks `(3^n, program.copies[n] × channels)`. In torch differentiable to any order.

    Raises:
        ValueError: If the features have another length.

    Examples:
        >>> import numpy as np
        >>> rank_powers(RankPowers(1, 1, 2), np.array([[2.0, 0.0, 3.0, 4.0]]))  # s, s², v·v, and v, s v
        array([[ 2.,  4., 25.,  0.,  0.,  3.,  6.,  4.,  8.]])
    """
    _check("features", features, (features.shape[0], components(program.rank) * program.channels), features)
    from cartesian.kernels.edge_lanes import run

    return run(program.text, [features], None)[0]


def _check(name: str, array: Any, shape: tuple[int, int], like: Any) -> None:
    if (
        type(array) is not type(like)
        and not isinstance(array, type(like))
        and not isinstance(like, type(array))
    ):
        raise TypeError(
            f"{name} are a {type(array).__name__} among features that are a {type(like).__name__}"
        )
    if array.dtype != like.dtype:
        raise TypeError(f"{name} have dtype {array.dtype}, but features have {like.dtype}")
    if tuple(array.shape) != shape:
        raise ValueError(f"{name} have shape {tuple(array.shape)}, not {shape}")
