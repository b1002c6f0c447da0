"""`cartesian show`: one exact object, its formula and its components."""

from collections.abc import Sequence
from typing import Any

import click

from cartesian.cli.answer import Answer, answers


@click.group()
def show() -> None:
    """Print an exact object: its formula, its norm, its components."""


@show.command()
@click.argument("degree", type=int)
@click.option("--dimension", default=3, show_default=True, help="Number of values of an index.")
@answers
def projector(degree: int, dimension: int) -> Answer:
    """The projector onto symmetric trace-free tensors of a DEGREE."""
    from cartesian.symbolic.projector import projector

    found = projector(degree, dimension)
    return Answer(
        f"Projector onto symmetric trace-free tensors of degree {degree}",
        {
            "formula": found.text,
            "on symmetric S": found.action.text,
            "trace": found.trace,
            "nonzero components": found.nnz,
        },
        found.latex(),
        ("traces", "coefficient"),
        [*enumerate(found.coefficients)],
    )


@show.command()
@click.argument("left")
@click.argument("right")
@click.argument("out")
@answers
def coupling(left: str, right: str, out: str) -> Answer:
    """The coupling of irreps LEFT and RIGHT to OUT, such as 1o 1o 2e, or of degrees such as 1 1 2."""
    from cartesian.symbolic.coupling_formula import coupling

    found = coupling(*(int(text) if text.isdecimal() else text for text in (left, right, out)))
    degrees = found.path.degrees
    entries = [
        (*(i - degree for i, degree in zip(index, degrees, strict=True)), value, f"{float(value):.10f}")
        for index, value in found.compact.entries()
    ]
    return Answer(
        f"Coupling {found.path}",
        {
            "formula": found.text,
            "made of": "index pairs"
            if found.path.is_contraction
            else "index pairs and one Levi-Civita tensor",
            "squared norm": found.norm_squared,
            "nonzero components": found.nnz,
        },
        found.latex(),
        ("m1", "m2", "m3", "component", "decimal"),
        entries,
    )


@show.command()
@click.argument("degree", type=int)
@answers
def harmonic(degree: int) -> Answer:
    """The harmonic STF(r…r) of a DEGREE, as a tensor and as polynomials."""
    from cartesian.symbolic.multipoles import harmonic

    found = harmonic(degree)
    return Answer(
        f"Harmonic of degree {degree}",
        {"formula": found.text, "squared norm": found.norm_squared},
        found.latex(),
        ("m", "polynomial"),
        [(m - degree, text) for m, text in enumerate(found.compact.text.splitlines())],
    )


@show.command()
@click.argument("rank", type=int)
@click.option("--dimension", default=3, show_default=True, help="Number of values of an index.")
@answers
def isotropic(rank: int, dimension: int) -> Answer:
    """The isotropic tensors of a RANK: independent products of δ and ε."""
    from cartesian.symbolic.isotropic import IsotropicTensors

    found = IsotropicTensors(rank, dimension)
    return Answer(
        f"Isotropic tensors of rank {rank}",
        {"products": found.count_products, "independent": found.count},
        found.latex(),
        ("number", "independent product"),
        [(number, product.text) for number, product in enumerate(found.independent, 1)],
    )


# Unknown options are let through as arguments, because negative orders look like options.
@show.command("3j", context_settings={"ignore_unknown_options": True})
@click.argument("degrees", type=int, nargs=3)
@click.argument("orders", type=int, nargs=3)
@answers
def symbol_3j(degrees: tuple[int, int, int], orders: tuple[int, int, int]) -> Answer:
    """The 3j symbol of three DEGREES and their ORDERS."""
    from cartesian.symbolic.recoupling import symbol_3j

    return _symbol("3j", (degrees, orders), symbol_3j(*degrees, orders))


@show.command("6j")
@click.argument("degrees", type=int, nargs=6)
@answers
def symbol_6j(degrees: tuple[int, ...]) -> Answer:
    """The 6j symbol of six DEGREES, row by row."""
    from cartesian.symbolic.recoupling import symbol_6j

    return _symbol("6j", (degrees[:3], degrees[3:]), symbol_6j(*degrees))


@show.command("9j")
@click.argument("degrees", type=int, nargs=9)
@answers
def symbol_9j(degrees: tuple[int, ...]) -> Answer:
    """The 9j symbol of nine DEGREES, row by row."""
    from cartesian.symbolic.recoupling import symbol_9j

    return _symbol("9j", (degrees[:3], degrees[3:6], degrees[6:]), symbol_9j(*degrees))


def _symbol(kind: str, rows: Sequence[Sequence[int]], value: Any) -> Answer:
    brackets = "pmatrix" if kind == "3j" else "Bmatrix"
    inside = r" \\ ".join(" & ".join(map(str, row)) for row in rows)
    return Answer(
        f"{kind} symbol {'; '.join(' '.join(map(str, row)) for row in rows)}",
        {"value": value, "decimal": f"{float(value):.15f}"},
        rf"\begin{{{brackets}}} {inside} \end{{{brackets}}} = {value.latex()}",
    )
