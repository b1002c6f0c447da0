"""Names of indices: a letter, with digits if wanted."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import count

_NAME = re.compile(r"[A-Za-z][0-9]*", re.ASCII)
_LETTERS = "ijklmnpqrstuvwxyz"


def parse_indices(indices: str | Iterable[str]) -> tuple[str, ...]:
    """Names of indices from text such as `"ij"` or `"i1 i2"`, or from a sequence of names.

    Raises:
        ValueError: If something is not a name.
    """
    names = tuple(_NAME.findall(indices) if isinstance(indices, str) else indices)
    whole = "".join(names) == indices.replace(" ", "") if isinstance(indices, str) else True
    if not whole or not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
        raise ValueError(
            f"cannot read indices {indices!r}: a name is an ASCII letter, with digits if wanted, "
            "as in 'ij' or 'i1 i2'"
        )
    return names


def index_names(number: int) -> tuple[str, ...]:
    """That many names in order: letters from i on as far as z suffices, else i1, i2 and so on."""
    if number <= len(_LETTERS):
        return tuple(_LETTERS[:number])
    return tuple(f"i{k}" for k in range(1, number + 1))


def fresh_indices(taken: Iterable[str]) -> Iterator[str]:
    """Names that are not taken, without end."""
    taken = set(taken)
    yield from (letter for letter in _LETTERS + "abcdefgh" if letter not in taken)
    for number in count(1):
        yield from (name for letter in "ij" if (name := f"{letter}{number}") not in taken)


@cache
def index_order(name: str) -> tuple[str, int]:
    """Key that sorts index names: i, i2, i10, j."""
    letter = name.rstrip("0123456789")
    return letter, int(name[len(letter) :] or -1)
