"""Chemical elements: symbols, and numbers given for each of them."""

from collections.abc import Mapping, Sequence

# "X" stands at 0, so that an element stands at its atomic number.
_ELEMENTS = """X H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As
Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb
Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh
Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og"""
SYMBOLS = tuple(_ELEMENTS.split())


def atomic_number(element: str | int) -> int:
    """The atomic number of an element given by symbol or number.

    Raises:
        ValueError: If there is no such element.

    Examples:
        >>> atomic_number("Cu"), atomic_number(8)
        (29, 8)
    """
    number = SYMBOLS.index(element) if element in SYMBOLS else element
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number < len(SYMBOLS):
        raise ValueError(
            f"{element!r} is no element: give a symbol such as 'Cu', or an atomic number 1 to 118"
        )
    return number


def atomic_numbers(elements: Sequence[str | int]) -> tuple[int, ...]:
    """The atomic numbers of a list of different elements, in its order.

    Raises:
        ValueError: If an element does not exist or occurs twice, or there is none.

    Examples:
        >>> atomic_numbers(["H", 8])
        (1, 8)
    """
    if isinstance(elements, str) or not len(elements):
        raise ValueError(f"elements are a list such as ['H', 'O'], not {elements!r}")
    numbers = tuple(atomic_number(element) for element in elements)
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"each element is listed once, not as in {list(elements)}")
    return numbers


def element_values(
    given: float | Sequence[float] | Mapping[str | int, float], elements: Sequence[str | int], name: str
) -> tuple[float, ...]:
    """One number for each element: the same for all, in their order, or by symbol or atomic number.

    Args:
        given: A number, a sequence, or a mapping that may hold more elements than needed.
        elements: The elements, as for `atomic_numbers`.
        name: What the numbers are, for errors.

    Raises:
        ValueError: If there is not one number for each element.

    Examples:
        >>> element_values({"O": 2.0, "H": 1.0, "C": 9.0}, ["H", "O"], "energies")
        (1.0, 2.0)
    """
    numbers = atomic_numbers(elements)
    if isinstance(given, Mapping):
        known = {atomic_number(element): float(value) for element, value in given.items()}
        missing = [SYMBOLS[number] for number in numbers if number not in known]
        if missing:
            raise ValueError(f"no {name} for {', '.join(missing)}: there must be one for each element")
        return tuple(known[number] for number in numbers)
    if isinstance(given, (int, float)):
        return (float(given),) * len(numbers)
    if len(given) != len(numbers):
        raise ValueError(f"{len(given)} {name} for {len(numbers)} elements: there must be one for each")
    return tuple(float(value) for value in given)
