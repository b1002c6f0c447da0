"""The first page of the atlas."""

from collections.abc import Iterator

from atlas.couplings import triples
from atlas.forms import GROUPS
from atlas.page import Page, document, table
from atlas.properties import PROPERTIES
from atlas.ranks import DEGREES


def pages() -> Iterator[Page]:
    """The one page."""
    rows = (
        (
            "[Ranks](ranks/index.md)",
            f"projector, harmonics, frame and conversions of each degree up to {DEGREES[-1]}",
        ),
        (
            "[Couplings](couplings/index.md)",
            f"formula, norm, sparsity and picture of {len(triples())} couplings",
        ),
        (
            "[Material tensors](tensors/index.md)",
            f"{len(PROPERTIES)} tensors under {len(GROUPS)} groups: independent components and matrices",
        ),
        ("[Point groups](groups/index.md)", "the same by group: what a crystal leaves of every tensor"),
        (
            "[Isotropic tensors](isotropic.md)",
            "products of δ and ε to rank 8, their relations, averages over directions",
        ),
        ("[Symmetric powers](powers.md)", "independent products of equal factors"),
        ("[6j symbols](symbols.md)", "6j symbols and changes between orders of coupling"),
        ("[Paths and costs](costs.md)", "numbers of paths, multiply-adds, orders of contraction"),
        ("[Chain and couplings](chain.md)", "the direction chain beside tables of couplings"),
    )
    yield Page(
        "atlas/index.md",
        "Atlas",
        document(
            "Atlas",
            "Formulas and tables of Cartesian tensors, written at every build by the same exact source from "
            "which the kernels take their numbers. Nothing here is typed by hand, and each table names the "
            "tests that guard it.",
            table(("", ""), rows),
            "Every formula can be copied as LaTeX and as the Python that makes it; the search finds names "
            "such as *coupling (2,2,3)*, *group -43m* or *piezoelectricity*.",
        ),
    )
