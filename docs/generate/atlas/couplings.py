"""A page for each coupling of two trace-free tensors to a third."""

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from itertools import product

from atlas.drawing import describe, path_picture
from atlas.page import Page, document, entry, facts, fold, guarded, inline, table
from cartesian.spec import Path
from cartesian.symbolic.coupling_formula import Coupling, coupling
from cartesian.symbolic.multipoles import parallel_coefficient

LARGEST = 4


@cache
def triples(largest: int = LARGEST) -> tuple[tuple[int, int, int], ...]:
    """All degrees that couple, up to a largest one."""
    return tuple((a, b, c) for a, b, c in product(range(largest + 1), repeat=3) if abs(a - b) <= c <= a + b)


def link(path: Path, folder: str = "../couplings/") -> str:
    """A link to the page of a coupling."""
    left, right, out = path.degrees
    return f"[({left},{right},{out})]({folder}{name(path)}.md)"


def name(path: Path) -> str:
    """The file of a coupling."""
    return "-".join(map(str, path.degrees))


def pages() -> Iterator[Page]:
    """The index and a page per coupling."""
    yield Page("atlas/couplings/index.md", "Couplings", _index())
    for degrees in triples():
        found = coupling(*degrees)
        uri = f"atlas/couplings/{name(found.path)}.md"
        yield Page(uri, title(found.path), _page(found))


def title(path: Path) -> str:
    """What the page is called."""
    left, right, out = path.degrees
    return f"Coupling ({left},{right},{out})"


def _index() -> str:
    rows = []
    for degrees in triples():
        found = coupling(*degrees)
        size = _size(found.path)
        rows.append(
            (
                link(found.path, ""),
                "pairs" if found.path.is_contraction else "pairs and ε",
                inline(latex_fraction(found.norm_squared)),
                found.compact.nnz,
                size,
                found.nnz_full,
                3 ** sum(degrees),
            )
        )
    header = ("(ℓ₁, ℓ₂, ℓ₃)", "made of", "norm²", "#nonzero", "#of", "#nonzero, full axes", "#of")
    return document(
        "Couplings",
        r"Two irreducible tensors $A$ (degree $\ell_1$) and $B$ (degree $\ell_2$) couple to a third (degree "
        r"$\ell_3$) in exactly one way if $|\ell_1 - \ell_2| \le \ell_3 \le \ell_1 + \ell_2$: index pairs "
        "are contracted, one Levi-Civita tensor takes part if the degrees add up to an odd number, and the "
        "result is made symmetric and trace-free. Signs and norms are those of the [natural "
        "phase](../../conventions.md#phase-of-couplings); why there is just one is told in [coupling and "
        "phase](../../theory/coupling-and-phase.md).",
        table(header, rows),
        "Any other: `ct.coupling(5, 7, 9)`, or `cartesian show coupling 5 7 9` in a terminal.",
        _guards(),
    )


def _page(found: Coupling) -> str:
    left, right, out = found.path.degrees
    python = (
        "import cartesian as ct\n\n"
        f"C = ct.coupling({left}, {right}, {out})\n"
        "C.latex(), C.text, C.norm_squared\n"
        f"C.compact                     # exact, {2 * left + 1} x {2 * right + 1} x {2 * out + 1}\n"
        f'C.numpy(), C.numpy(kind="full")  # float64; {sum(found.path.degrees)} axes of length 3'
    )
    return document(
        f"{title(found.path)}: {left} × {right} → {out}",
        f"What STF tensors $A$ of degree {left} and $B$ of degree {right} make of degree {out}, "
        f"`{found.path}` with natural parities:",
        entry(found.latex(), python),
        f'<div class="picture">{path_picture(found.path)}</div>',
        _reading(found),
        facts(_facts(found)),
        fold(f"The {found.compact.nnz} nonzero components in the frame", _components(found)),
        _related(found.path),
        _guards(),
    )


def _reading(found: Coupling) -> str:
    """What the coupling makes of one vector, and of its factors exchanged."""
    left, right, out = found.path.degrees
    exchanged = link(Path(right, left, out), "")
    if found.path.is_contraction:
        alpha = latex_fraction(parallel_coefficient(left, right, out))
        same = "nothing changes" if left == right else f"it is the coupling {exchanged}"
        one = rf"it gives ${alpha}\, Y^{{({out})}}$"
    else:
        same = "it changes its sign" if left == right else f"it is minus the coupling {exchanged}"
        one = "it vanishes, because the Levi-Civita tensor meets the vector twice"
    return f"For two harmonics of one unit vector {one}. With $A$ and $B$ exchanged {same}."


def _facts(found: Coupling) -> dict[str, object]:
    left, right, out = found.path.degrees
    size = _size(found.path)
    return {
        "made of": describe(found.path),
        "squared norm": inline(latex_fraction(found.norm_squared)),
        "norm": inline(found.norm.latex()),
        "nonzero in the frame": f"{found.compact.nnz} of {size} ({found.compact.nnz / size:.0%})",
        "nonzero with full axes": f"{found.nnz_full} of {3 ** (left + right + out)}",
        "multiply-adds": f"{found.compact.nnz} per channel in the frame",
        "3j symbol": f"the components over {inline(found.norm.latex())}",
    }


def _components(found: Coupling) -> str:
    degrees = found.path.degrees
    rows = (
        (
            *(i - l for i, l in zip(index, degrees, strict=True)),
            str(value).replace("-", "−"),
            f"{float(value):.9f}",
        )
        for index, value in found.compact.entries()
    )
    return table(("#m₁", "#m₂", "#m₃", "#component", "#decimal"), rows)


def _related(path: Path) -> str:
    left, right, _ = path.degrees
    others = [link(Path(left, right, c), "") for a, b, c in triples() if (a, b) == (left, right)]
    ranks = ", ".join(f"[rank {degree}](../ranks/{degree}.md)" for degree in sorted(set(path.degrees)))
    return f"All couplings of {left} and {right}: {', '.join(others)}. The tensors: {ranks}."


def _guards() -> str:
    return guarded(
        "symbolic/test_coupling_formula.py::test_the_formula_evaluates_to_the_compact_coupling",
        "symbolic/test_coupling.py::test_the_norm_is_the_closed_form",
        "symbolic/test_coupling.py::test_the_phase_is_that_of_e3nn",
        "symbolic/test_multipoles.py::test_two_harmonics_of_one_vector_couple_to_a_multiple_of_the_third",
    )


def _size(path: Path) -> int:
    left, right, out = path.degrees
    return (2 * left + 1) * (2 * right + 1) * (2 * out + 1)


def latex_fraction(value: Fraction) -> str:
    """A fraction in LaTeX."""
    if value.denominator == 1:
        return str(value.numerator)
    return rf"{'-' * (value < 0)}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"
