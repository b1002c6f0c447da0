"""Symbols of the 32 crystallographic point groups and the seven limit groups: settings, other spellings.

The name of a group here is its short Hermann-Mauguin symbol, with a minus sign for a bar. A
group that can lie in different ways on the conventional axes has a symbol for each *setting*.
Source: International Tables for Crystallography A, Sections 2.1.3 and 3.2.1.
"""

import difflib
import re
from functools import cache
from typing import NamedTuple

# Symbol in the standard setting, Schoenflies symbol, symbols of other settings; each system in rising order.
_CLASSES: dict[str, tuple[tuple[str, str, tuple[str, ...]], ...]] = {
    "triclinic": (("1", "C1", ()), ("-1", "Ci", ())),
    "monoclinic": (
        ("2", "C2", ("112", "211")),
        ("m", "Cs", ("11m", "m11")),
        ("2/m", "C2h", ("112/m", "2/m11")),
    ),
    "orthorhombic": (("222", "D2", ()), ("mm2", "C2v", ("2mm", "m2m")), ("mmm", "D2h", ())),
    "tetragonal": (
        ("4", "C4", ()),
        ("-4", "S4", ()),
        ("4/m", "C4h", ()),
        ("422", "D4", ()),
        ("4mm", "C4v", ()),
        ("-42m", "D2d", ("-4m2",)),
        ("4/mmm", "D4h", ()),
    ),
    "trigonal": (
        ("3", "C3", ()),
        ("-3", "S6", ()),
        ("32", "D3", ("312",)),
        ("3m", "C3v", ("31m",)),
        ("-3m", "D3d", ("-31m",)),
    ),
    "hexagonal": (
        ("6", "C6", ()),
        ("-6", "C3h", ()),
        ("6/m", "C6h", ()),
        ("622", "D6", ()),
        ("6mm", "C6v", ()),
        ("-6m2", "D3h", ("-62m",)),
        ("6/mmm", "D6h", ()),
    ),
    "cubic": (
        ("23", "T", ()),
        ("m-3", "Th", ()),
        ("432", "O", ()),
        ("-43m", "Td", ()),
        ("m-3m", "Oh", ()),
    ),
    "cylindrical": (
        ("∞", "C∞", ()),
        ("∞m", "C∞v", ()),
        ("∞2", "D∞", ()),
        ("∞/m", "C∞h", ()),
        ("∞/mm", "D∞h", ()),
    ),
    "spherical": (("SO(3)", "K", ()), ("O(3)", "Kh", ())),
}
_LIMITS = ("cylindrical", "spherical")

CRYSTAL_CLASSES = tuple(row[0] for system, rows in _CLASSES.items() if system not in _LIMITS for row in rows)
"""Hermann-Mauguin symbols of the 32 crystallographic point groups, each system in rising order."""

LIMIT_GROUPS = tuple(row[0] for system in _LIMITS for row in _CLASSES[system])
"""Hermann-Mauguin symbols of the seven limit groups of Curie."""

_ALIASES = {
    **{"121": "2", "1m1": "m", "12/m1": "2/m", "2/m2/m2/m": "mmm", "4/m2/m2/m": "4/mmm"},
    **{"321": "32", "3m1": "3m", "-3m1": "-3m", "-32/m": "-3m", "-32/m1": "-3m", "-312/m": "-31m"},
    **{"6/m2/m2/m": "6/mmm", "m3": "m-3", "2/m-3": "m-3", "m3m": "m-3m", "4/m-32/m": "m-3m"},
    **{"∞mm": "∞m", "∞22": "∞2", "∞/mmm": "∞/mm", "∞∞": "SO(3)", "∞∞m": "O(3)"},
    **{"S2": "-1", "C1h": "m", "C3i": "-3", "V": "222", "Vh": "mmm", "Vd": "-42m"},
    **{row[1]: row[0] for rows in _CLASSES.values() for row in rows},
}


class Setting(NamedTuple):
    """What the symbol of a setting stands for: system, symbol of the standard setting, Schoenflies symbol."""

    system: str
    standard: str
    schoenflies: str


@cache
def settings() -> dict[str, Setting]:
    """Every setting by its symbol."""
    return {
        symbol: Setting(system, standard, schoenflies)
        for system, rows in _CLASSES.items()
        for standard, schoenflies, others in rows
        for symbol in (standard, *others)
    }


def read_symbol(symbol: str) -> str:
    """The name of a group from any spelling of it.

    Raises:
        ValueError: If there is no such group; the message lists similar symbols.

    Examples:
        >>> read_symbol("4/m -3 2/m"), read_symbol("D3d"), read_symbol("inf2")
        ('m-3m', '-3m', '∞2')
    """
    text = re.sub("([1-9])[\u0304\u0305]", r"-\1", symbol.replace(" ", "").replace("inf", "∞"))
    text = text.replace("\u2212", "-")
    text = _ALIASES.get(text, text)
    if text not in settings():
        near = difflib.get_close_matches(text, (*settings(), *_ALIASES), n=5, cutoff=0.5)
        raise ValueError(
            f"{symbol!r} is not a crystallographic point group or limit group: "
            f"similar symbols are {', '.join(near or CRYSTAL_CLASSES)}"
        )
    return text
