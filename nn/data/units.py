r"""Units written out, such as `"kcal/mol/Å"`, as factors to eV, Å and elementary charges.

The numbers are those of `ase.units`. Every unit has exponents of (energy, length, charge), so a unit of
another kind than its label is found.
"""

import re
from functools import cache

Dimension = tuple[int, int, int]

STANDARD = {
    "energy": "eV",
    "energies": "eV",
    "forces": "eV/Å",
    "direct_forces": "eV/Å",
    "virial": "eV",
    "stress": "eV/Å^3",
    "dipole": "e*Å",
    "charges": "e",
    "born_charges": "e",
}
"""Units of the results of a model. Those of other results are the units of their labels."""

_FACTOR = re.compile(r"([A-Za-zÅµ]+)\s*(?:(?:\^|\*\*)?\s*(-?\d+))?")


def conversion(unit: str, result: str | None = None) -> float:
    """The factor from a unit to eV, Å and e.

    Args:
        unit: Products and quotients of names with powers.
        result: What is measured in it; if its unit is fixed in `STANDARD`, the kinds have to agree.

    Raises:
        ValueError: If a name is unknown, the text cannot be read, or the unit is of another kind.

    Examples:
        >>> conversion("kcal/mol", "energy")
        0.0433641...
        >>> conversion("Hartree/Bohr", "forces")
        51.4220...
    """
    factor, dimension = parse(unit)
    if result in STANDARD and dimension != parse(STANDARD[result])[1]:
        raise ValueError(
            f"{unit!r} is no unit of {result}: that is measured in {STANDARD[result]} or the like"
        )
    return factor


def parse(unit: str) -> tuple[float, Dimension]:
    """A unit as a factor and the exponents of energy, length and charge.

    Raises:
        ValueError: If a name is unknown, or the text cannot be read.
    """
    text = unit.replace("²", "^2").replace("³", "^3").replace("·", "*").strip()
    value, total, sign, place = 1.0, [0, 0, 0], 1, 0
    while True:
        match = _FACTOR.match(text, place)
        if match is None:
            raise ValueError(
                f"{unit!r} is no unit: write products of names with powers, such as 'kcal/mol/Å'"
            )
        factor, dimension = _named(match[1], unit)
        power = sign * int(match[2] or 1)
        value *= factor**power
        total = [a + power * b for a, b in zip(total, dimension, strict=True)]
        place = match.end()
        while text[place : place + 1] == " ":
            place += 1
        if place == len(text):
            return value, (total[0], total[1], total[2])
        # A quotient lasts for one factor: a/b/c is a/(bc), and a/b*c is (ac)/b.
        sign = -1 if text[place] == "/" else 1
        place += text[place] in "/*"
        while text[place : place + 1] == " ":
            place += 1


def _named(name: str, unit: str) -> tuple[float, Dimension]:
    known = _units()
    if name in known:
        return known[name]
    raise ValueError(f"{name!r} in {unit!r} is no known unit: there are {', '.join(known)}")


@cache
def _units() -> dict[str, tuple[float, Dimension]]:
    from ase import units

    energy, length, charge, pure = (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0)
    pressure = (1, -3, 0)
    return {
        "eV": (1.0, energy),
        "meV": (1e-3, energy),
        "Hartree": (units.Hartree, energy),
        "Ha": (units.Hartree, energy),
        "mHa": (1e-3 * units.Hartree, energy),
        "Rydberg": (units.Rydberg, energy),
        "Ry": (units.Rydberg, energy),
        "kcal": (units.kcal, energy),
        "kJ": (units.kJ, energy),
        "J": (units.J, energy),
        "mol": (units.mol, pure),
        "Å": (1.0, length),
        "A": (1.0, length),
        "Angstrom": (1.0, length),
        "Ang": (1.0, length),
        "Bohr": (units.Bohr, length),
        "bohr": (units.Bohr, length),
        "nm": (units.nm, length),
        "e": (1.0, charge),
        "Debye": (units.Debye, (0, 1, 1)),
        "D": (units.Debye, (0, 1, 1)),
        "eÅ": (1.0, (0, 1, 1)),
        "V": (1.0, (1, 0, -1)),
        "GPa": (units.GPa, pressure),
        "MPa": (1e-3 * units.GPa, pressure),
        "Pa": (units.Pascal, pressure),
        "kbar": (1e3 * units.bar, pressure),
        "kB": (1e3 * units.bar, pressure),
        "bar": (units.bar, pressure),
    }
