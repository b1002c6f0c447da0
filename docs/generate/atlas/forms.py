"""The forms that point groups leave of a material tensor, and how both are named and linked."""

from dataclasses import dataclass
from functools import cache

from atlas.properties import Property
from cartesian.symbolic.component_names import slot_values
from cartesian.symbolic.invariants import Invariants, invariants
from cartesian.symbolic.point_groups import CRYSTAL_CLASSES, LIMIT_GROUPS, PointGroup

GROUPS = tuple(PointGroup(symbol) for symbol in (*CRYSTAL_CLASSES, *LIMIT_GROUPS))

_GREEK = {"varepsilon": "ε", "beta": "β", "gamma": "γ", "zeta": "ζ", "mu": "μ", "chi": "χ"}
_MOST_NAMES = 24


@dataclass(frozen=True)
class Form:
    """Groups under which a tensor has the same form."""

    number: int
    groups: tuple[PointGroup, ...]
    invariants: Invariants


@cache
def forms(tensor: Property) -> tuple[Form, ...]:
    """The different forms, the lowest symmetry first; the one that vanishes is the last."""
    by_relations: dict[object, list[Invariants]] = {}
    for group in GROUPS:
        found = invariants(tensor.symmetry, group)
        key = frozenset((name, frozenset(weights.items())) for name, weights in found.relations.items())
        by_relations.setdefault(key, []).append(found)
    in_order = sorted(by_relations.values(), key=lambda alike: not alike[0].dim)
    return tuple(
        Form(number, tuple(one.group for one in alike), alike[0]) for number, alike in enumerate(in_order, 1)
    )


def form_of(tensor: Property, group: PointGroup) -> Form:
    """The form of a tensor under a group."""
    return next(form for form in forms(tensor) if group in form.groups)


def independent(tensor: Property, found: Invariants) -> str:
    """The independent components as one writes them, such as C11; not more than fit a cell."""
    letter = tensor.symbol.removeprefix("\\")
    names = []
    for index in found.independent:
        label = slot_values(tensor.symmetry, index) if tensor.has_pairs else index
        names.append(_GREEK.get(letter, letter) + "".join(str(value + 1) for value in label))
    shown = names if len(names) <= _MOST_NAMES else [*names[: _MOST_NAMES - 2], "…"]
    return ", ".join(shown)


def slug(group: PointGroup) -> str:
    """The file of a group: `-3m` is `bar3m`, `m-3` is `m-bar3`, `4/mmm` is `4-over-mmm`."""
    text = group.symbol.replace("-", "-bar").lstrip("-").replace("/", "-over-").replace("∞", "inf")
    return text.replace("(3)", "3").lower()


def group_link(group: PointGroup, folder: str = "../groups/") -> str:
    """A link to the page of a group."""
    return f"[{group.symbol}]({folder}{slug(group)}.md)"
