"""The page of 6j symbols and of changes between coupling orders."""

from collections.abc import Iterator
from functools import cache
from itertools import combinations, permutations, product

from atlas.page import Page, display, document, entry, fold, guarded, inline, table
from cartesian.symbolic.recoupling import intermediate_degrees, natural_6j, recoupling_matrix, symbol_6j

LARGEST = 3
Sextuple = tuple[int, ...]


def pages() -> Iterator[Page]:
    """The one page."""
    yield Page("atlas/symbols.md", "6j symbols", _page())


@cache
def canonical(largest: int = LARGEST) -> tuple[Sextuple, ...]:
    """One 6j symbol of each class that the symmetries of the tetrahedron make equal, degrees from 1."""
    found = {
        max(_alike(degrees))
        for degrees in product(range(1, largest + 1), repeat=6)
        if not symbol_6j(*degrees).is_zero
    }
    return tuple(sorted(found))


def _alike(degrees: Sextuple) -> set[Sextuple]:
    """Columns in any order, and two of them turned over."""
    columns = list(zip(degrees[:3], degrees[3:], strict=True))
    found = set()
    for turned in ((), *combinations(range(3), 2)):
        new = [column[::-1] if k in turned else column for k, column in enumerate(columns)]
        for order in permutations(new):
            found.add((*(top for top, _ in order), *(bottom for _, bottom in order)))
    return found


def _page() -> str:
    rows = [
        (inline(_braces(degrees)), inline(symbol_6j(*degrees).latex()), natural_6j(*degrees))
        for degrees in canonical()
    ]
    return document(
        "6j symbols and recoupling",
        "The 6j symbol is the tetrahedron of four Cartesian 3j symbols, and tells how products coupled in "
        "one order are sums of products coupled in another. Columns may be exchanged, and two of them "
        "turned over at a time, so one of each class is shown: all that do not vanish, with degrees from 1 "
        f"to {LARGEST}. The last column is the same network of natural couplings, contractions of δ and ε, "
        "which is rational.",
        display(
            r"\begin{Bmatrix} a & b & c \\ d & e & f \end{Bmatrix} = w^{abc}_{\alpha\beta\gamma}\, "
            r"w^{aef}_{\alpha\epsilon\varphi}\, w^{dbf}_{\delta\beta\varphi}\, "
            r"w^{dec}_{\delta\epsilon\gamma}"
        ),
        entry(
            rf"{_braces((1, 2, 3, 2, 1, 2))} = {symbol_6j(1, 2, 3, 2, 1, 2).latex()}",
            "import cartesian as ct\n\nct.symbol_6j(1, 2, 3, 2, 1, 2), ct.symbol_9j(1, 1, 2, 1, 1, 2, 2, "
            "2, 2)",
        ),
        guarded(
            "symbolic/test_recoupling.py::test_6j_symbols_are_those_of_sympy",
            "symbolic/test_recoupling.py::test_the_6j_symbol_is_the_tetrahedron_of_cartesian_3j_symbols",
            "symbolic/test_recoupling.py::test_columns_may_be_exchanged_and_turned_over_in_pairs",
        ),
        "## Changing the order of a coupling",
        r"From $(A \times (B \times C)_{\ell_{23}})_L$ to $((A \times B)_{\ell_{12}} \times C)_L$ for "
        r"natural couplings, rows $\ell_{12}$ and columns $\ell_{23}$:",
        *(
            part
            for degrees in (
                (1, 1, 1, 0),
                (1, 1, 1, 1),
                (1, 1, 1, 2),
                (1, 1, 2, 1),
                (1, 1, 2, 2),
                (2, 2, 2, 0),
                (2, 2, 2, 2),
            )
            for part in _recoupling(*degrees)
        ),
        guarded("symbolic/test_recoupling.py::test_recoupling_holds_for_natural_couplings"),
        "## Table of 6j symbols",
        fold(f"{len(rows)} classes", table(("symbol", "value", "#natural"), rows)),
    )


def _recoupling(l1: int, l2: int, l3: int, out: int) -> Iterator[str]:
    rows, columns = intermediate_degrees(l1, l2, l3, out)
    yield f"### ({l1}, {l2}, {l3}) to {out}"
    yield f"ℓ₁₂ from {rows.start} to {rows.stop - 1}, ℓ₂₃ from {columns.start} to {columns.stop - 1}."
    yield entry(
        recoupling_matrix(l1, l2, l3, out, natural=True).latex(),
        f"import cartesian as ct\n\nct.recoupling_matrix({l1}, {l2}, {l3}, {out}, natural=True)",
    )


def _braces(degrees: Sextuple) -> str:
    top, bottom = (" & ".join(map(str, half)) for half in (degrees[:3], degrees[3:]))
    return rf"\begin{{Bmatrix}} {top} \\ {bottom} \end{{Bmatrix}}"
