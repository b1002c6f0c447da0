"""`cartesian decompose` and `cartesian groups`: index symmetries and point groups."""

from dataclasses import replace
from typing import Any

import click

from cartesian.cli.answer import Answer, answers


@click.command()
@click.argument("symmetry")
@click.option("--group", help="Point group, such as m-3m or Oh: count and relate the components it leaves.")
@click.option("--axial", is_flag=True, help="The tensor changes sign under reflections beyond its indices.")
@answers
def decompose(symmetry: str, group: str | None, axial: bool) -> Answer:
    """The irreducible parts of a tensor with an index SYMMETRY.

    The symmetry is a formula such as "ijkl=jikl=klij", or a Jahn symbol such as "[[V2]2]" or "eV2".
    """
    from cartesian.spec.symmetry import IndexSymmetry

    is_jahn = "V" in symmetry and "=" not in symmetry
    parse = IndexSymmetry.jahn if is_jahn else IndexSymmetry.parse
    found = parse(symmetry)
    found = replace(found, axial=found.axial or axial)
    facts = {
        "symmetry": found,
        "rank": found.rank,
        "components": found.dim,
        "parity": "even" if found.parity == 1 else "odd",
        "irreps": found.irreps,
    }
    if group is None:
        rows = [(irrep, channels, irrep.dim) for channels, irrep in found.irreps]
        return Answer(
            f"Irreducible parts of {symmetry}",
            facts,
            r" \oplus ".join(rf"{n}\,\mathrm{{{irrep}}}" for n, irrep in found.irreps),
            ("irrep", "parts", "components of each"),
            rows,
        )
    return _invariant(found, group, facts)


def _invariant(symmetry: Any, group: str, facts: dict[str, Any]) -> Answer:
    """The components that a point group leaves, and how they depend on the independent ones."""
    from cartesian.symbolic.component_names import slot_values
    from cartesian.symbolic.invariants import invariants
    from cartesian.symbolic.patterns import ComponentPattern

    found = invariants(symmetry, group)
    voigt = symmetry.rank > 2
    labels = [slot_values(symmetry, index) if voigt else index for index in found.independent]
    names = ["T" + "".join(str(value + 1) for value in label) for label in labels]
    facts |= {"group": found.group, "constants": found.dim, "independent components": names}
    title = f"{facts['symmetry']} under {found.group}"
    if symmetry.rank > 4:
        return Answer(title, facts, ", ".join(basis.latex() for basis in found.basis()))
    pattern = ComponentPattern(found, voigt=voigt)
    return Answer(title, facts, pattern.latex(), figure=str(pattern))


@click.command()
@answers
def groups() -> Answer:
    """All crystallographic point groups and limit groups."""
    from cartesian.symbolic.point_groups import CRYSTAL_CLASSES, LIMIT_GROUPS, PointGroup

    found = [PointGroup(symbol) for symbol in (*CRYSTAL_CLASSES, *LIMIT_GROUPS)]
    return Answer(
        "Point groups",
        {},
        ", ".join(f"${group.latex()}$" for group in found),
        ("symbol", "Schoenflies", "system", "order", "Laue class", "inversion", "chiral"),
        [
            (
                group.symbol,
                group.schoenflies,
                group.system,
                "∞" if group.rotation_axes else group.order,
                group.laue_class.symbol,
                group.is_centrosymmetric,
                group.is_chiral,
            )
            for group in found
        ],
    )
