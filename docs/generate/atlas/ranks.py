"""A page for each degree: projector, harmonics, frame, conversions."""

from collections.abc import Iterator
from string import ascii_lowercase

from atlas.couplings import latex_fraction, link, triples
from atlas.page import Page, display, document, entry, facts, fold, guarded, inline, table
from atlas.sphere import SIZE, pictures
from cartesian.spec import Irrep, Path
from cartesian.spec.symmetry import IndexSymmetry
from cartesian.symbolic.harmonics import arrangements, frame_polynomials, monomials
from cartesian.symbolic.isotropic import isotropic
from cartesian.symbolic.multipoles import harmonic, legendre, multipole_coefficient
from cartesian.symbolic.polynomials import Polynomials
from cartesian.symbolic.projector import projector
from cartesian.symbolic.spherical import complex_frame

DEGREES = range(9)


def pages() -> Iterator[Page]:
    """The index, a page per degree, and its pictures."""
    yield Page("atlas/ranks/index.md", "Ranks", _index())
    for degree in DEGREES:
        yield Page(f"atlas/ranks/{degree}.md", f"Rank {degree}", _page(degree))
        for m, picture in enumerate(pictures(degree), -degree):
            yield Page(f"atlas/ranks/harmonic-{degree}-{m}.webp", "", picture)


def _index() -> str:
    rows = [
        (
            f"[{degree}]({degree}.md)",
            inline(rf"\mathrm{{{Irrep.natural(degree)}}}"),
            2 * degree + 1,
            3**degree,
            projector(degree).nnz,
            inline(latex_fraction(harmonic(degree).norm_squared)),
            isotropic(degree).count,
        )
        for degree in DEGREES
    ]
    header = ("ℓ", "irrep", "#components", "#with full axes", "#of the projector", "#norm²", "#isotropic")
    return document(
        "Trace-free tensors, rank by rank",
        r"A symmetric trace-free (STF) tensor of rank $\ell$ is irreducible: its $2\ell + 1$ components go "
        r"among themselves under every rotation. The norm is that of $\mathrm{STF}(n \otimes \dots \otimes "
        r"n)$ for a unit vector, $\ell!/(2\ell - 1)!!$; the last column counts the isotropic tensors of "
        "that rank.",
        table(header, rows),
        "What a projector does to a formula is told in [trace-free "
        "tensors](../../theory/trace-free-tensors.md).",
    )


def _page(degree: int) -> str:
    return document(
        f"Rank {degree}",
        facts(_facts(degree)),
        *_projector(degree),
        *_harmonic(degree),
        *_frame(degree),
        *_conversions(degree),
        *_relations(degree),
    )


def _facts(degree: int) -> dict[str, object]:
    irrep = Irrep.natural(degree)
    return {
        "irrep of natural parity": inline(rf"\mathrm{{{irrep}}}"),
        "components": f"{2 * degree + 1} of {3**degree}",
        "projector, nonzero components": f"{projector(degree).nnz} of {9**degree}",
        "squared norm on the unit sphere": inline(latex_fraction(harmonic(degree).norm_squared)),
        "isotropic tensors of this rank": f"[{isotropic(degree).count}](../isotropic.md#rank-{degree})",
    }


def _projector(degree: int) -> Iterator[str]:
    found = projector(degree)
    python = f"import cartesian as ct\n\nP = ct.projector({degree})\nP.latex(), P.coefficients, P.nnz"
    yield "## Projector"
    yield (
        "It takes any tensor to its symmetric trace-free part: the first half of the indices is that of the "
        "result. Braces stand for the sum over the distinct placements of each half's indices."
    )
    yield entry(found.latex(), python)
    if degree > 1:
        weights = ", ".join(f"a_{{{k}}} = {latex_fraction(a)}" for k, a in enumerate(found.coefficients))
        yield rf"Of a symmetric tensor $S$ it keeps, with the weights ${weights}$ of its traces,"
        yield entry(found.action.latex(), f"import cartesian as ct\n\nct.projector({degree}).action.latex()")
    yield guarded(
        "symbolic/test_projector.py::test_the_formula_has_the_components_of_the_tensor",
        "symbolic/test_projector.py::test_it_is_idempotent_symmetric_and_of_right_trace_exactly",
        "symbolic/test_traces.py::test_coefficients_and_norms_are_the_published_ones",
    )


def _harmonic(degree: int) -> Iterator[str]:
    found = harmonic(degree)
    yield "## Harmonic"
    yield r"The tensor $\mathrm{STF}(r \otimes \dots \otimes r)$ of a vector $r = (x, y, z)$:"
    yield entry(found.latex(), f"import cartesian as ct\n\nct.harmonic({degree}).latex()")
    yield (
        "Its components in the [frame](../../conventions.md#frame), which are polynomials without Laplacian:"
    )
    rows = ((m, inline(_component(found.compact, k))) for k, m in enumerate(range(-degree, degree + 1)))
    yield table(("#m", "polynomial"), rows)
    python = f"import cartesian as ct\n\nct.harmonic({degree}).compact.latex()"
    yield fold("All of them to copy", entry(found.compact.latex(), python))
    figures = "".join(_figure(degree, m) for m in range(-degree, degree + 1))
    yield (
        f'<div class="harmonics">{figures}</div>\n\n'
        "Orange is positive, blue negative; y points up, x to the right, z towards you."
    )
    yield guarded(
        "symbolic/test_multipoles.py::test_harmonics_have_no_laplacian",
        "symbolic/test_harmonics.py::test_the_frame_is_that_of_e3nn",
    )


def _figure(degree: int, m: int) -> str:
    words = f"Harmonic of degree {degree} and order {m} on the unit sphere"
    return (
        f'<figure><img src="harmonic-{degree}-{m}.webp" alt="{words}" loading="lazy" '
        f'width="{SIZE}" height="{SIZE}"><figcaption>{m}</figcaption></figure>'
    )


def _frame(degree: int) -> Iterator[str]:
    polynomials, exponents = frame_polynomials(degree), monomials(degree)
    rows: list[list[str]] = [[] for _ in range(2 * degree + 1)]
    for (row, column), coefficient in polynomials.entries():
        name = "".join(letter * count for letter, count in zip("xyz", exponents[column], strict=True))
        value = coefficient / arrangements(exponents[column])
        rows[row].insert(0, f"{name or '·'}&nbsp;{str(value).replace('-', '−')}")
    yield "## Frame"
    yield (
        "The orthonormal tensors $f^{(m)}$ whose coefficients are the compact components. They are "
        "symmetric: `xxy` stands for all arrangements of its letters; components that are not listed vanish."
    )
    yield table(("#m", "components"), ((m, ", ".join(row)) for m, row in enumerate(rows, -degree)))
    yield guarded("symbolic/test_harmonics.py::test_the_frame_is_orthonormal_symmetric_and_trace_free")


def _conversions(degree: int) -> Iterator[str]:
    python = (
        "import cartesian as ct\nimport numpy as np\n\n"
        f"compact = np.ones({2 * degree + 1})\n"
        f"full = ct.to_full(compact, {degree})          # {'x'.join(['3'] * degree) or 'a number'}\n"
        f"ct.from_full(full, {degree})                 # the compact form again\n"
        f"ct.to_complex(compact, {degree})             # complex spherical components, polar axis z\n"
        f'ct.to_e3nn(compact, "{Irrep.natural(degree)}")              # the layout of e3nn'
    )
    yield "## Conversions"
    yield (
        "Compact components are those of e3nn in order and phase. Complex components, with the polar axis z "
        r"and the phase of Condon and Shortley, are $t_m = U_{ma}\, t_a$ with"
    )
    yield entry(complex_frame(degree).latex(), python)
    yield guarded(
        "ops/test_storage.py::test_full_and_back_is_the_identity_and_keeps_norms",
        "symbolic/test_spherical.py::test_complex_components_of_harmonics_are_those_of_scipy",
    )


def _relations(degree: int) -> Iterator[str]:
    general = IndexSymmetry.parse(ascii_lowercase[:degree]).irreps if degree else "1x0e"
    powers = [(power, value) for power, value in enumerate(legendre(degree)) if value]
    polynomial = " + ".join(
        f"{latex_fraction(value)}\\, t^{{{power}}}" if power else latex_fraction(value)
        for power, value in reversed(powers)
    ).replace("+ -", "- ")
    yield "## Relations"
    yield f"A tensor of rank {degree} without symmetry has the irreducible parts `{general}`."
    yield "Two harmonics of this degree contract to a Legendre polynomial of the angle between them,"
    yield display(
        rf"Y^{{({degree})}}(n) \cdot Y^{{({degree})}}(m) = "
        rf"{latex_fraction(harmonic(degree).norm_squared)}\, P_{{{degree}}}(n \cdot m), \qquad "
        f"P_{{{degree}}}(t) = {polynomial},"
    )
    yield f"and the {degree}-fold derivative of the potential of a point charge is one harmonic:"
    yield display(
        rf"\partial_{{i_1}} \cdots \partial_{{i_\ell}} \frac1r = {multipole_coefficient(degree)}\, "
        rf"\frac{{Y^{{({degree})}}}}{{r^{{{2 * degree + 1}}}}}, \qquad \ell = {degree}."
    )
    into = [link(Path(*degrees)) for degrees in triples() if degrees[2] == degree]
    if into:
        yield f"Couplings to degree {degree}: {', '.join(into)}."
    yield guarded(
        "symbolic/test_multipoles.py::test_the_addition_theorem",
        "symbolic/test_multipoles.py::test_one_more_derivative_of_one_over_r",
        "spec/test_symmetry.py::test_general_tensors_have_the_tabulated_multiplicities",
    )


def _component(polynomials: Polynomials, row: int) -> str:
    """One polynomial in LaTeX."""
    return Polynomials(polynomials.degree, polynomials.coefficients[row]).latex()
