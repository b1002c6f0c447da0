"""A page for each point group: its operations, and what it leaves of every material tensor."""

from collections.abc import Iterator

from atlas.forms import GROUPS, form_of, group_link, independent, slug
from atlas.page import Page, document, entry, facts, fold, guarded, inline, table
from atlas.properties import CRYSTALS, PROPERTIES
from cartesian.symbolic.point_group_symbols import settings
from cartesian.symbolic.point_groups import PointGroup


def pages() -> Iterator[Page]:
    """The index and a page per group."""
    yield Page("atlas/groups/index.md", "Point groups", _index())
    for group in GROUPS:
        yield Page(f"atlas/groups/{slug(group)}.md", f"Group {group.symbol}", _page(group))


def _index() -> str:
    rows = [
        (
            group_link(group, ""),
            group.schoenflies,
            group.system,
            _order(group),
            group_link(group.laue_class, ""),
            group.is_centrosymmetric,
            group.is_chiral,
            CRYSTALS.get(group.symbol, ""),
        )
        for group in GROUPS
    ]
    header = ("group", "Schoenflies", "system", "#order", "Laue class", "inversion", "chiral", "such as")
    return document(
        "Point groups",
        "The 32 crystallographic point groups and the seven limit groups of Curie, in the orientation of the "
        'International Tables: `ct.PointGroup("4/mmm")`. Other settings have symbols of their own: `312`.',
        table(header, rows),
        guarded(
            "symbolic/test_point_groups.py::test_there_are_32_classes_of_known_order",
            "symbolic/test_point_groups.py::test_operations_lie_along_the_conventional_axes",
        ),
    )


def _page(group: PointGroup) -> str:
    return document(
        f"Point group {group.symbol} ({group.schoenflies})",
        facts(_facts(group)),
        "## What is left of a tensor",
        _tensors(group),
        guarded(
            "symbolic/test_invariants.py::test_counts_are_those_of_the_known_tables",
            "symbolic/test_invariants.py::test_the_count_is_the_mean_of_the_character",
        ),
        "## Operations",
        *_operations(group),
        guarded(
            "symbolic/test_point_groups.py::test_the_elements_are_a_group_of_orthogonal_matrices",
            "symbolic/test_point_groups.py::test_no_two_classes_have_equal_characters_but_all_settings_of_one_do",
        ),
    )


def _facts(group: PointGroup) -> dict[str, object]:
    others = [s for s, row in settings().items() if row.standard == group.symbol and s != group.symbol]
    rows: dict[str, object] = {
        "symbol": inline(rf"\mathrm{{{group.latex()}}}"),
        "Schoenflies": group.schoenflies,
        "system": group.system,
        "order": _order(group),
        "Laue class": group_link(group.laue_class, ""),
        "inversion": group.is_centrosymmetric,
        "chiral (rotations only)": group.is_chiral,
    }
    if others:
        rows["other settings"] = ", ".join(f"`{symbol}`" for symbol in others)
    if group.symbol in CRYSTALS:
        rows["such as"] = CRYSTALS[group.symbol]
    return rows


def _tensors(group: PointGroup) -> str:
    rows = []
    for tensor in PROPERTIES:
        form = form_of(tensor, group)
        where = f"../tensors/{tensor.slug}.md{f'#form-{form.number}' if form.invariants.dim else ''}"
        which = independent(tensor, form.invariants) or "vanishes"
        rows.append((f"[{tensor.name}]({where})", f"`{tensor.jahn}`", form.invariants.dim, which))
    return table(("tensor", "Jahn", "#independent", "which"), rows)


def _operations(group: PointGroup) -> Iterator[str]:
    python = f'import cartesian as ct\n\ngroup = ct.PointGroup("{group.symbol}")\ngroup.generators'
    if group.rotation_axes:
        yield ("All rotations about z" if group.system == "cylindrical" else "All rotations") + (
            ", and what they make with" if group.generators else "."
        )
    elif not group.generators:
        yield "The identity alone."
    else:
        yield f"The {group.order} matrices that these generate:"
        python += f"\nlen(group.elements)  # {group.order}"
    if group.generators:
        yield entry(r",\quad ".join(matrix.latex() for matrix in group.generators), python)
    if not group.rotation_axes and group.generators:
        rows = (inline(matrix.latex()) for matrix in group.elements)
        yield fold(f"All {group.order} matrices", "\n".join(rows))


def _order(group: PointGroup) -> str:
    return "∞" if group.rotation_axes else str(group.order)
