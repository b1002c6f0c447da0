r"""Warnings about labels whose magnitude speaks for another unit than stated.

All-electron energies of neutral atoms follow $E \approx -\tfrac12 Z^{2.4}$ Hartree within a few percent, so
energies with all electrons reveal their unit. Forces in condensed matter are of the order of 1 eV/Å.
"""

from collections.abc import Sequence

from cartesian.nn.data.statistics import Statistics
from cartesian.nn.data.units import conversion
from cartesian.nn.elements import atomic_number

ENERGIES = ("Hartree", "Rydberg", "kcal/mol", "kJ/mol")
FORCES = 15.0
"""Root mean square forces beyond this, in eV/Å, are found in no structure at usual temperatures."""


def unit_slips(found: Statistics) -> list[str]:
    """What looks like a wrong unit in a training set, as sentences with the reason."""
    return [*_energy(found), *_forces(found)]


def _energy(found: Statistics) -> Sequence[str]:
    if "energy" not in found.labels:
        return []
    energy = found.labels["energy"].mean[0]
    electrons = -0.5 * sum(n * atomic_number(symbol) ** 2.4 for symbol, n in found.composition.items())
    expected = electrons * conversion("Hartree")
    for unit in ENERGIES:
        ratio = energy * conversion(unit) / expected
        if abs(ratio - 1) < 0.08:
            text = (
                f"energies are {energy:.6g} eV on average, where all electrons have about {expected:.4g} eV; "
                f"in {unit} they would be {energy * conversion(unit):.6g} eV: if that is their unit, write "
                f"unit: {unit} at the label"
            )
            return [text]
    return []


def _forces(found: Statistics) -> Sequence[str]:
    if "forces" not in found.labels or found.labels["forces"].rms <= FORCES:
        return []
    rms = found.labels["forces"].rms
    factor = conversion("kcal/mol/Å")
    text = (
        f"forces are {rms:.4g} eV/Å (root mean square), where about 1 eV/Å is usual; in kcal/mol/Å they "
        f"would be {rms * factor:.3g} eV/Å: if that is their unit, write unit: kcal/mol/Å at the label"
    )
    return [text]
