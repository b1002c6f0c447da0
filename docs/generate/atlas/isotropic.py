"""The page of isotropic tensors, to rank 8."""

from collections.abc import Iterator

from atlas.page import Page, display, document, entry, fold, guarded, table
from cartesian.symbolic.averages import direction_average
from cartesian.symbolic.isotropic import IsotropicTensors, isotropic

RANKS = range(9)


def pages() -> Iterator[Page]:
    """The one page."""
    yield Page("atlas/isotropic.md", "Isotropic tensors", _page())


def _page() -> str:
    header = ("rank", "#products of δ", "#products with ε", "#independent", "#relations")
    rows = ((f"[{rank}](#rank-{rank})", *_counts(isotropic(rank))) for rank in RANKS)
    return document(
        "Isotropic tensors",
        r"Tensors that no rotation changes are sums of products of $\delta$, or of one $\varepsilon$ and "
        r"$\delta$'s. From rank 5 on the products with $\varepsilon$ depend on each other, from rank 8 on "
        r"those of $\delta$ too, because antisymmetrising four indices gives zero in three dimensions. The "
        "independent numbers are those of Riordan.",
        table(header, rows),
        guarded(
            "symbolic/test_isotropic.py::test_counts_follow_the_riordan_recurrence",
            "symbolic/test_isotropic.py::test_the_rank_of_the_gram_matrix_is_the_count",
            "symbolic/test_isotropic.py::test_relations_are_sums_of_products_that_vanish",
        ),
        *(part for rank in RANKS for part in _rank(isotropic(rank))),
        "## Averages over directions",
        "The mean of $n_i n_j \\cdots$ over the unit sphere is isotropic and symmetric, so it has one "
        "coefficient:",
        *(
            entry(_average(rank), f"import cartesian as ct\n\nct.direction_average({rank}).latex()")
            for rank in (2, 4, 6)
        ),
        guarded("symbolic/test_averages.py::test_the_mean_is_that_of_a_quadrature_exact_for_its_degree"),
    )


def _counts(found: IsotropicTensors) -> tuple[int, int, int, int]:
    deltas = isotropic(found.rank, group="O").count_products
    return deltas, found.count_products - deltas, found.count, found.count_products - found.count


def _rank(found: IsotropicTensors) -> Iterator[str]:
    yield f"## Rank {found.rank}"
    if not found.count:
        yield "There is none but zero."
        return
    python = (
        f"import cartesian as ct\n\nct.isotropic({found.rank}).independent, ct.isotropic({found.rank}).gram"
    )
    if found.count <= 15:
        yield entry(_lines(found), python)
    else:
        yield fold(f"The {found.count} independent products", entry(_lines(found), python))
    if 0 < found.relations.shape[0] <= 4:
        yield "The others follow:"
        yield display(_relations(found))


def _lines(found: IsotropicTensors) -> str:
    """The independent products, a few on a line."""
    texts = [item.latex() for item in found.independent]
    width = 3 if found.rank < 7 else 2
    lines = (r",\quad ".join(texts[k : k + width]) for k in range(0, len(texts), width))
    return r"\begin{gathered} " + r" \\ ".join(lines) + r" \end{gathered}"


def _relations(found: IsotropicTensors) -> str:
    rows: list[list[str]] = [[] for _ in range(found.relations.shape[0])]
    for (row, column), value in found.relations.entries():
        number = value.fraction()
        factor = "" if abs(number) == 1 else str(abs(number))
        rows[row].append(f"{'-' if number < 0 else '+'} {factor} {found.products[column].latex()}")
    return (
        r"\begin{gathered} "
        + r" \\ ".join(" ".join(row).removeprefix("+") + " = 0" for row in rows)
        + r" \end{gathered}"
    )


def _average(rank: int) -> str:
    letters = " ".join(f"n_{letter}" for letter in "ijklmp"[:rank])
    return rf"\langle {letters} \rangle = {direction_average(rank).latex()}"
