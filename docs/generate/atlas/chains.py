"""The page of the direction chain: its matrices, and what it costs beside tables of couplings."""

from collections.abc import Iterator
from itertools import product

import numpy as np

from atlas.page import Page, document, entry, guarded, table
from cartesian.programs.build import convolution
from cartesian.programs.chain import Chain
from cartesian.spec import Irreps
from cartesian.symbolic.chain import chain_degrees, chain_matrix

LARGEST = 3
COSTS = range(1, 6)
CHANNELS = 64


def pages() -> Iterator[Page]:
    """The one page."""
    yield Page("atlas/chain.md", "Chain and couplings", _page())


def _page() -> str:
    pairs = [*product(range(1, LARGEST + 1), repeat=2)]
    return document(
        "Chain and couplings",
        "A convolution whose paths into one output are summed needs no harmonics: the direction of the edge "
        "is contracted in and multiplied back, one index at a time. The weights of both forms are related "
        "by the exact matrices below. The proof is in [the direction chain](../theory/direction-chain.md).",
        "## Cost",
        "Multiply-adds per edge and channel of a summed convolution of natural parities up to degree L: "
        r"with harmonics up to $\ell_2 \le L$, with all harmonics that couple, and with the chain that "
        f"replaces all of them. Couplings are folded with the harmonics once per edge, for {CHANNELS} "
        "channels.",
        table(
            ("#L", "#paths, ℓ₂ ≤ L", "#couplings", "#all paths", "#couplings", "#chain"),
            (_cost(largest) for largest in COSTS),
        ),
        guarded(
            "programs/test_chain.py::test_costs_are_those_counted_by_hand",
            "programs/test_chain.py::test_a_chain_takes_fewer_operations_than_its_couplings",
            "symbolic/test_chain.py::test_the_chain_is_the_sum_of_paths",
        ),
        "## Conditioning",
        "Condition number of the change of basis between unit vectors of both, $\\ell_1 = \\ell_3$:",
        table(("#ℓ", "#even paths", "#odd paths"), ((l, *_condition(l)) for l in range(1, 7))),
        guarded("symbolic/test_chain.py::test_condition_numbers_are_the_published_ones"),
        "## Matrices",
        r"$K_q = \sum_{\ell_2} M_{q \ell_2} P_{\ell_2}$, rows $q$ and columns $\ell_2$ in rising order.",
        *(part for left, out in pairs for odd in (False, True) for part in _matrix(left, out, odd)),
        guarded(
            "symbolic/test_chain.py::test_the_inverse_is_exact",
            "symbolic/test_chain.py::test_between_natural_paths_all_is_rational",
        ),
    )


def _cost(largest: int) -> tuple[int, ...]:
    """Numbers of paths and multiply-adds up to a degree."""
    irreps = Irreps((CHANNELS, block.irrep) for block in Irreps.harmonics(largest))
    near = convolution(irreps, largest, irreps, kind="summed")
    every = convolution(irreps, 2 * largest, irreps, kind="summed")
    counted = [(len(p.form.terms), round(p.multiply_adds / CHANNELS)) for p in (near, every)]
    return largest, *counted[0], *counted[1], Chain(every, "chain").multiply_adds


def _condition(degree: int) -> tuple[str, str]:
    even, odd = (
        np.linalg.cond(chain_matrix(degree, degree, side, normalized=True).numpy()) for side in (False, True)
    )
    return f"{even:.1f}", f"{odd:.1f}"


def _matrix(left: int, out: int, odd: bool) -> Iterator[str]:
    ranks, degrees = chain_degrees(left, out, odd)
    yield f"### {left} to {out}, {'odd' if odd else 'even'}"
    yield f"q from {ranks.start} to {ranks.stop - 1}; ℓ₂ = {', '.join(map(str, degrees))}."
    arguments = f"{left}, {out}, odd=True" if odd else f"{left}, {out}"
    yield entry(
        chain_matrix(left, out, odd).latex(), f"import cartesian as ct\n\nct.chain_matrix({arguments})"
    )
