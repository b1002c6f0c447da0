"""The page of symmetric powers: how many independent products equal factors have, and which."""

from collections.abc import Iterator

from atlas.page import Page, document, fence, fold, guarded, table
from cartesian.spec import Irreps
from cartesian.symbolic.characters import hilbert_series, symmetric_irreps
from cartesian.symbolic.powers import symmetric_power

FACTORS = ("1o", "2e", "0e+1o", "0e+2e", "0e+1o+2e", "0e+1o+2e+3o")
CORRELATIONS = (2, 3, 4)
WRITTEN_OUT = (
    ("1o", 4),
    ("2e", 3),
    ("0e+1o", 3),
    ("0e+1o+2e", 2),
    ("0e+1o+2e", 3),
    ("0e+1o+2e+3o", 2),
    ("0e+1o+2e+3o", 3),
)
SERIES = ("1o", "2e", "0e+2e", "1o+1o", "0e+1o+2e", "2x0e+2x2e+4e")


def pages() -> Iterator[Page]:
    """The one page."""
    yield Page("atlas/powers.md", "Symmetric powers", _page())


def _page() -> str:
    rows = [
        (f"`{factor}`", correlation, _spaced(symmetric_irreps(factor, correlation)))
        for factor in FACTORS
        for correlation in CORRELATIONS
    ]
    series = [(f"`{factor}`", ", ".join(map(str, hilbert_series(factor, 8)))) for factor in SERIES]
    return document(
        "Symmetric powers",
        r"Products of $\nu$ equal factors $x = (x^{(0)}, x^{(1)}, \dots)$, as in a many-body basis of "
        r"correlation $\nu$. The order of the factors does not matter, so far fewer couplings are "
        "independent than there are trees.",
        "## How many are independent",
        table(("factor", "#ν", "irreps of the symmetric power, with multiplicities"), rows),
        guarded(
            "symbolic/test_characters.py::test_the_irreps_of_a_power_fill_the_space_of_monomials",
            "symbolic/test_characters.py::test_published_numbers_of_copies",
        ),
        "## Which ones",
        "One coupling tree for each copy, cheapest first; `((1o x 1o)0e x 1o)1o` couples two vectors to a "
        "scalar and the result with the third. Multiply-adds are per channel, common partial products "
        "counted once.",
        *(part for factor, correlation in WRITTEN_OUT for part in _power(factor, correlation)),
        guarded(
            "symbolic/test_powers.py::test_there_are_as_many_copies_as_characters_count",
            "symbolic/test_powers.py::test_redundant_trees_span_the_same_space",
            "symbolic/test_powers.py::test_e3nn_finds_the_same_spaces",
        ),
        "## Polynomial invariants",
        "Numbers of independent polynomial invariants under O(3) of degree 0, 1, 2, …, 8 in the components "
        "of a tensor (its Hilbert series):",
        table(("tensor", "invariants of degree 0 to 8"), series),
        fence(
            "python",
            'import cartesian as ct\n\nct.hilbert_series("0e+2e", 8)\nct.symmetric_power("0e+1o+2e", 3).out',
        ),
        guarded("symbolic/test_characters.py::test_published_numbers_of_invariants"),
    )


def _power(factor: str, correlation: int) -> Iterator[str]:
    found = symmetric_power(Irreps(factor), correlation, Irreps.harmonics(3) if correlation > 2 else None)
    count = len(found.trees)
    yield f'### `{factor}`, ν = {correlation} {{ data-toc-label="{factor}, ν = {correlation}" }}'
    kept = " to degrees 0 to 3 of natural parity" if correlation > 2 else ""
    yield f"{count} independent couplings{kept}, {found.operations} multiply-adds: {_spaced(found.out)}"
    rows = ((f"`{irrep}`", "<br>".join(f"`{tree}`" for tree in found[irrep])) for _, irrep in found.out)
    text = table(("irrep", "trees"), rows)
    yield text if count <= 6 else fold(f"The {count} trees", text)


def _spaced(irreps: Irreps) -> str:
    """A sum of irreps that may break at its plus signs."""
    return f"`{str(irreps).replace('+', ' + ')}`"
