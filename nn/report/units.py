"""Units in which errors are shown."""

from cartesian.nn.data.units import conversion

PER_ATOM = ("energy", "virial")
"""Results whose errors are divided by the number of atoms."""

UNITS = {
    "energy": "meV/atom",
    "virial": "meV/atom",
    "energies": "meV",
    "forces": "meV/Å",
    "stress": "meV/Å³",
    "dipole": "meÅ",
}
"""Units where no other is asked for: thousandths of eV, Å and e."""
MILLI = 1e3

AS_LABELLED = "as in file"
"""Where nothing says in which unit a label is."""


def shown(name: str, unit: str = "") -> tuple[str, float]:
    """The unit in which errors of a result are shown, and the factor to it from eV, Å and e.

    Args:
        name: Of the result.
        unit: One that is asked for, or that of the label of a result without a unit of its own; see
            `cartesian.nn.data.units.parse`.

    Raises:
        ValueError: If the unit is none, or one of another kind.

    Examples:
        >>> shown("forces"), shown("forces", "eV/Å")
        (('meV/Å', 1000.0), ('eV/Å', 1.0))
        >>> shown("energy", "meV")[0], shown("elastic", "GPa")[0], shown("shielding")[0]
        ('meV/atom', 'GPa', 'as in file')
    """
    if unit:
        return unit + ("/atom" if name in PER_ATOM else ""), 1 / conversion(unit, name)
    return (UNITS[name], MILLI) if name in UNITS else (AS_LABELLED, 1.0)
