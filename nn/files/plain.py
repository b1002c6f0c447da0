"""Settings as plain values, which JSON and YAML can hold, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any

from cartesian.nn.elements import SYMBOLS
from cartesian.spec import Irreps


def to_plain(value: Any) -> Any:
    """Numbers, text, lists and dictionaries in place of dataclasses, tuples and irreps.

    Keys that are integers are atomic numbers and become symbols.

    Raises:
        TypeError: If a value has no plain form.

    Examples:
        >>> to_plain({8: (Irreps("2x1o"), 1.0)})
        {'O': ['2x1o', 1.0]}
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Irreps):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {SYMBOLS[key] if isinstance(key, int) else str(key): to_plain(v) for key, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [to_plain(item) for item in value]
    raise TypeError(f"{value!r} is no plain value: settings are numbers, text, lists and dictionaries")


def from_plain(kind: type[Any], values: Mapping[str, Any]) -> Any:
    """Settings of a dataclass from plain values; lists become tuples.

    Raises:
        ValueError: If a name is unknown, or one without a default is missing.
    """
    known = [field.name for field in fields(kind)]
    for name in values:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"; is it {near[0]!r}?" if near else "."
            raise ValueError(f"{kind.__name__} has no {name!r}{hint} It has {', '.join(known)}")
    try:
        return kind(**{name: _tuples(value) for name, value in values.items()})
    except TypeError as error:
        raise ValueError(f"{kind.__name__}: {error}") from error


def _tuples(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, (list, tuple)) else value
