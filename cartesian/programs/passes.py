r"""What a fused kernel computes for each path: the contractions of a program, sharing what they share.

For one path, with the folded matrix $M_y[a,o] = \sum_b C_{abo}\, y_b$, the four gradients of the form are

| leg left out | | from |
| --- | --- | --- |
| out | $\sum_a M_y[a,o]\, v_a$ | $v_a = \sum w\, x_a$ |
| left | $\sum w\, n_a$ | $n_a = \sum_o M_y[a,o]\, z_o$ |
| weights | $\sum_a n_a\, x_a$ | the same $n_a$ |
| right | $\sum_{ao} C_{abo}\, v_a z_o$ | the same $v_a$ |

A fold is shared by all channels, a blend $v$ or a pullback $n$ by the contractions in which it occurs.
"""

from typing import Any, NamedTuple

from cartesian.programs.program import LEFT, OUT, RIGHT, WEIGHTS, Program

Pair = tuple[int, int]


class Schedule(NamedTuple):
    r"""Steps for every path; numbers are operands unless said otherwise.

    Attributes:
        folds: Right operands folded with the coupling.
        blends: Each a tuple of (weights, left) pairs whose products are summed to $v$.
        pullbacks: (out, fold number) pairs, each giving one $n$.
        out: (output, fold number, blend number): add $M v$.
        left: (output, weights, pullback number): add $w n$.
        weights: (output, left, pullback number): add $n \cdot x$.
        right: (output, out, blend number): add $\sum C v z$.
    """

    folds: tuple[int, ...]
    blends: tuple[tuple[Pair, ...], ...]
    pullbacks: tuple[Pair, ...]
    out: tuple[tuple[int, int, int], ...]
    left: tuple[tuple[int, int, int], ...]
    weights: tuple[tuple[int, int, int], ...]
    right: tuple[tuple[int, int, int], ...]


def schedule(program: Program) -> Schedule:
    """Steps that compute all contractions of a program, path by path.

    Examples:
        >>> from cartesian.programs.build import convolution
        >>> from cartesian.programs.derivative import derivative
        >>> backward = schedule(derivative(convolution("4x1o", 1, "0e"), (0, 1, 2)))
        >>> backward.pullbacks, backward.weights, backward.left  # one pullback serves two gradients
        (((3, 0),), ((0, 1, 0),), ((1, 0, 0),))
    """
    folds: dict[int, int] = {}
    blends: dict[tuple[Pair, ...], int] = {}
    pullbacks: dict[Pair, int] = {}
    steps: dict[int, list[tuple[int, int, int]]] = {leg: [] for leg in (WEIGHTS, LEFT, RIGHT, OUT)}
    blended: dict[tuple[int, int, int], list[Pair]] = {}
    for contraction in program.contractions:
        w, x, y, z = contraction.operands
        if z is None:
            blended.setdefault((OUT, contraction.output, _number(folds, y)), []).append((w, x))  # type: ignore[arg-type]
        elif y is None:
            blended.setdefault((RIGHT, contraction.output, z), []).append((w, x))  # type: ignore[arg-type]
        else:
            pullback = _number(pullbacks, (z, _number(folds, y)))
            leg, other = (LEFT, w) if x is None else (WEIGHTS, x)
            steps[leg].append((contraction.output, other, pullback))  # type: ignore[arg-type]
    for (leg, output, other), pairs in blended.items():
        steps[leg].append((output, other, _number(blends, tuple(sorted(pairs)))))
    return Schedule(
        tuple(folds),
        tuple(blends),
        tuple(pullbacks),
        tuple(steps[OUT]),
        tuple(steps[LEFT]),
        tuple(steps[WEIGHTS]),
        tuple(steps[RIGHT]),
    )


def _number(known: dict[Any, int], key: Any) -> int:
    return known.setdefault(key, len(known))
