"""Examples in a docstring without a section of their own, which Markdown would take for quotations."""

import re
from typing import Any

import griffe

_BARE = re.compile(r"(?:^>>> .*\n?(?:^(?!>>> )\S.*\n?)*)+", re.MULTILINE)


class Doctests(griffe.Extension):
    """Put fences around examples that stand in no section."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite a docstring before it is read."""
        if obj.docstring:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(docstring: str) -> str:
    r"""The docstring with fences.

    >>> print(fenced("A sum.\n\n>>> 1 + 1\n2"))
    A sum.
    <BLANKLINE>
    ```pycon
    >>> 1 + 1
    2
    ```
    """
    return _BARE.sub(lambda match: f"```pycon\n{match[0].rstrip()}\n```\n", docstring).rstrip()
