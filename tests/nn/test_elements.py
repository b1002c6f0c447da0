import pytest
from ase.data import chemical_symbols

from cartesian.nn.elements import SYMBOLS, atomic_numbers, element_values


def test_symbols_are_those_of_ase():
    assert list(SYMBOLS) == list(chemical_symbols[:119])


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        (["H", "Xx"], r"'Xx' is no element: give a symbol such as 'Cu'"),
        ([0], "0 is no element"),
        ([True], "True is no element"),
        (["X"], "'X' is no element"),
        (["H", 1], r"listed once, not as in \['H', 1\]"),
        ([], r"a list such as \['H', 'O'\], not \[\]"),
        ("HO", "a list such as .* not 'HO'"),
    ],
)
def test_lists_of_elements_are_checked(elements, message):
    with pytest.raises(ValueError, match=message):
        atomic_numbers(elements)


def test_numbers_come_for_all_elements_by_symbol_or_in_order():
    elements = ["H", "O"]
    assert element_values({8: 2, "H": 1}, elements, "energies") == (1, 2)
    assert element_values(3, elements, "energies") == (3, 3)
    assert element_values([1, 2], elements, "energies") == (1, 2)
    with pytest.raises(ValueError, match="no energies for O: there must be one for each element"):
        element_values({"H": 1.0}, elements, "energies")
    with pytest.raises(ValueError, match="3 energies for 2 elements"):
        element_values([1.0, 2.0, 3.0], elements, "energies")
