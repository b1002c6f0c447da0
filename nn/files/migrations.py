"""Descriptions of older formats, brought to the present one step by step."""

from collections.abc import Callable
from typing import Any

FORMAT = 1
"""The present format of `model.json`."""

Description = dict[str, Any]

STEPS: dict[int, Callable[[Description], Description]] = {}
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
