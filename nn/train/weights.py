r"""Weights of a loss that are left to the training set.

$$\lambda_x = \frac{\bar N^p}{\overline{\Delta x^2}},$$

with the mean number of atoms $\bar N$, the power $p$ of the convention (0 for results of atoms and intensive
ones), and the mean square of what the constant predictor leaves: what the elements of a structure do not tell
about it. So each result that is a mean over components counts about 1 before anything is learned.
"""

from collections.abc import Mapping
from typing import Any

from cartesian.nn.train.loss import CONVENTIONS, Weight

AUTO = "auto"
ROUNDING = 1e-7


def resolve(
    weights: Mapping[str, Weight | str], convention: str, found: Mapping[str, Any], intensive: frozenset[str]
) -> dict[str, Weight]:
    """Weights as numbers.

    Args:
        weights: By result; those that are "auto" come from the training set.
        convention: Of the loss.
        found: Statistics of the training set, as plain values.
        intensive: Results that are not divided by the number of atoms.

    Raises:
        ValueError: If a label has no spread, or the training set none of it.
    """
    return {
        name: _weight(name, convention, found, intensive) if weight == AUTO else weight  # type: ignore[misc]
        for name, weight in weights.items()
    }


def _weight(name: str, convention: str, found: Mapping[str, Any], intensive: frozenset[str]) -> float:
    spread = found["labels"].get(name)
    if spread is None:
        raise ValueError(
            f"loss.weights.{name} is auto, but no frame to train on has {name}: give it a number"
        )
    rest = spread["deviation" if name in intensive else "rest"]
    if rest <= ROUNDING * spread["rms"]:
        raise ValueError(
            f"loss.weights.{name} is auto, but the elements tell all about {name}: give it a number"
        )
    power = 0 if spread["is_atomic"] or name in intensive else CONVENTIONS[convention].power
    return float(f"{(found['atoms'] / found['frames']) ** power / rest**2:.6g}")
