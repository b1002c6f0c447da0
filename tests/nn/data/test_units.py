"""Units as products of powers, against `ase.units` and numbers of CODATA."""

import pytest
from ase import units
from hypothesis import given
from hypothesis import strategies as st

from cartesian.nn.data.units import STANDARD, conversion, parse


@pytest.mark.parametrize(
    ("unit", "value"),
    [
        ("eV", 1.0),
        ("kcal/mol", units.kcal / units.mol),
        ("kcal/mol/Å", units.kcal / units.mol),
        ("kJ mol^-1 nm^-1", units.kJ / units.mol / units.nm),
        ("Hartree/Bohr", units.Hartree / units.Bohr),
        ("e*Bohr", units.Bohr),
        ("Debye", units.Debye),
        ("GPa", units.GPa),
        ("kbar", 1000 * units.bar),
        ("eV/Å^3", 1.0),
        ("eV/Å³", 1.0),
        ("Bohr**3", units.Bohr**3),
        ("e²·Bohr²/Hartree", units.Bohr**2 / units.Hartree),
        ("eÅ^2/V", 1.0),
        ("meV/Å", 1e-3),
    ],
)
def test_units_are_those_of_ase(unit, value):
    assert conversion(unit) == pytest.approx(value, rel=1e-14)


def test_numbers_of_codata():
    # CODATA 2018; ase.units holds those of 2014.
    assert conversion("Hartree") == pytest.approx(27.211386245988, rel=1e-7)
    assert conversion("Debye") == pytest.approx(0.20819433, rel=1e-6)
    assert conversion("kcal/mol") == pytest.approx(0.0433641, rel=1e-5)


@given(
    st.lists(
        st.tuples(st.sampled_from(["eV", "Å", "Bohr", "Debye", "GPa"]), st.integers(-3, 3), st.booleans()),
        min_size=1,
        max_size=4,
    )
)
def test_products_multiply_and_exponents_add(factors):
    text = "".join(f"{'/' if over else '*'}{name}^{power}" for name, power, over in factors)[1:]
    signs = [1, *(-1 if over else 1 for _, _, over in factors[1:])]
    value, exponents = 1.0, [0, 0, 0]
    for sign, (name, power, _) in zip(signs, factors, strict=True):
        factor, dimension = parse(name)
        value *= factor ** (sign * power)
        exponents = [a + sign * power * b for a, b in zip(exponents, dimension, strict=True)]
    found, dimension = parse(text)
    assert found == pytest.approx(value)
    assert list(dimension) == exponents


@pytest.mark.parametrize(("result", "unit"), STANDARD.items())
def test_standard_units_change_nothing(result, unit):
    assert conversion(unit, result) == 1.0


def test_a_unit_of_another_kind_is_refused():
    with pytest.raises(ValueError, match=r"'eV' is no unit of forces: that is measured in eV/Å"):
        conversion("eV", "forces")


@pytest.mark.parametrize("text", ["", "eV/", "3 eV", "eV^", "eV+Å", "(eV)"])
def test_what_is_no_unit_is_refused(text):
    with pytest.raises(ValueError, match="is no unit"):
        conversion(text)


def test_unknown_names_are_listed():
    with pytest.raises(ValueError, match=r"'kCal' in 'kCal/mol' is no known unit: there are eV, meV"):
        conversion("kCal/mol")
