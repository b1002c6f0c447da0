r"""How sums of products of δ, ε and symbols are written: LaTeX that KaTeX renders, and Unicode.

A bracket of few placements is written out, $\tfrac12 (A_i B_j + A_j B_i)$; if one of them has more,
all are written as $\{A_i B_{jk}\}$, the sum over the distinct placements of the free indices.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cartesian.symbolic.exact import ExactTensor
from cartesian.symbolic.index_graph import IndexGraph, graph_order, named_legs
from cartesian.symbolic.indices import fresh_indices
from cartesian.symbolic.placements import Groups, count_placements, placements

Term = tuple[IndexGraph, ExactTensor]

_WRITTEN_OUT = 6


class Style(NamedTuple):
    """The marks of a way of writing; `latex` says how numbers and indices are written."""

    latex: bool
    delta: str
    epsilon: str
    round: tuple[str, str]
    curly: tuple[str, str]


LATEX = Style(True, r"\delta", r"\varepsilon", (r"\left(", r"\right)"), (r"\left\{", r"\right\}"))
TEXT = Style(False, "δ", "ε", ("(", ")"), ("{", "}"))


def is_abbreviated(terms: Sequence[Term], groups: Groups) -> bool:
    """Whether some bracket has too many placements to be written out."""
    return any(count_placements(graph, groups) > _WRITTEN_OUT for graph, _ in terms)


def written(terms: Sequence[Term], groups: Groups, style: Style) -> str:
    """The sum of brackets, or of plain products if there are no groups."""
    short = is_abbreviated(terms, groups)
    result = ""
    for graph, coefficient in terms:
        number = count_placements(graph, groups)
        if number == 1:
            body = _product(graph, style)
        elif short:
            body = _enclosed(_product(graph, style), style.curly)
        else:
            body = _enclosed(_placed(graph, groups, style), style.round)
        sign, factor = _coefficient(coefficient, style)
        if factor == "1" and body:
            factor = ""
        result += (f" {sign} " if result else sign.strip("+")) + " ".join(filter(None, (factor, body)))
    return result or "0"


def _placed(graph: IndexGraph, groups: Groups, style: Style) -> str:
    result = ""
    for sign, placement in sorted(placements(graph, groups), key=lambda item: graph_order(item[1])):
        result += (" + " if result else "") if sign > 0 else (" - " if result else "-")
        result += _product(placement, style)
    return result


def _product(graph: IndexGraph, style: Style) -> str:
    names = [symbol.name for symbol in graph.symbols]
    fresh = fresh_indices([end for end in graph.ends if isinstance(end, str)] + names)
    epsilon, deltas, legs = named_legs(graph, fresh)
    factors = [_indexed(style.epsilon, epsilon, style)] if epsilon else []
    factors += [_indexed(style.delta, pair, style) for pair in deltas]
    for symbol, indices in zip(graph.symbols, legs, strict=True):
        if symbol.kind == "unit":
            factors += [_indexed(symbol.name, [index], style) for index in indices]
        else:
            factors.append(_indexed(symbol.name, indices, style))
    return " ".join(factors)


def _indexed(symbol: str, indices: Sequence[str], style: Style) -> str:
    if not indices:
        return symbol
    if style.latex:
        labels = [name if len(name) == 1 else f"{name[0]}_{{{name[1:]}}}" for name in indices]
        return f"{symbol}_{{{' '.join(labels)}}}"
    return f"{symbol}_{''.join(indices)}"


def _coefficient(number: ExactTensor, style: Style) -> tuple[str, str]:
    text = number.latex() if style.latex else str(number)
    if len(number.radicands) > 1:
        return "+", _enclosed(text, style.round)
    return ("-", text[1:]) if text.startswith("-") else ("+", text)


def _enclosed(text: str, marks: tuple[str, str]) -> str:
    separator = " " if marks[0].startswith("\\") else ""
    return separator.join((marks[0], text, marks[1]))
