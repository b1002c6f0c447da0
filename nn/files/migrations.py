"""Descriptions of older formats, brought to the present one step by step."""

from collections.abc import Callable
from typing import Any

import numpy as np

FORMAT = 2
"""The present format of `model.json`."""

Description = dict[str, Any]


def _physical_repulsion(description: Description) -> Description:
    """The repulsion of TensorNet2 had constants of its own and was scaled with the other energies."""
    config = dict(description["config"])
    if description["model"] == "TensorNet2" and config.get("repulsion") is True:
        scales = config.get("scale", 1.0)
        given = scales.values() if isinstance(scales, dict) else np.atleast_1d(scales)
        if len({float(scale) for scale in given}) > 1:
            raise ValueError(
                f"this TensorNet2 scales its repulsion by {scales}: such files can no longer be read, "
                "only those with one scale for all elements"
            )
        config["repulsion"] = {
            "length": 0.4543 / 1.8897261258369282,
            "exponent": 0.3,
            "screening": [[0.1818, 3.2], [0.5099, 0.9423], [0.2802, 0.4029], [0.02817, 0.2016]],
            "constant": 14.399645 * float(next(iter(given))),
        }
    return {**description, "config": config}


STEPS: dict[int, Callable[[Description], Description]] = {1: _physical_repulsion}
"""From a format to the next: a function of the description."""


def migrate(description: Description, target: int = FORMAT) -> Description:
    """The same description in the present format.

    Raises:
        ValueError: If a step is missing, as for a format that never was.
    """
    while description["format"] < target:
        step = STEPS.get(description["format"])
        if step is None:
            raise ValueError(
                f"format {description['format']} cannot be read: the oldest is {min(STEPS, default=target)}"
            )
        description = {**step(dict(description)), "format": description["format"] + 1}
    return description
