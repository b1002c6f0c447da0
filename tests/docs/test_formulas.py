"""Formulas as MathML: every one converts, and the font has what they need."""

import io

import formulas
import pytest
from doctests import fenced
from fontTools.ttLib import TTFont
from math_core import LatexError


def marked(latex: str, block: bool = False) -> str:
    if block:
        return f'<div class="arithmatex">\\[\n{latex}\n\\]</div>'
    return f'<span class="arithmatex">\\({latex}\\)</span>'


def test_what_stands_around_a_formula_stays():
    content = formulas.to_mathml(f"<p>If {marked('a &lt; b')}, then</p>{marked('c', True)}<p>end</p>")
    assert content.startswith("<p>If <math><mi>a</mi><mo>&lt;</mo><mi>b</mi></math>, then</p><div ")
    assert content.endswith("</math></div><p>end</p>")


def test_a_formula_that_cannot_be_read_stops_the_build():
    with pytest.raises(LatexError, match="nosuchcommand"):
        formulas.to_mathml(marked(r"\nosuchcommand"))


def test_the_font_has_italics_roots_and_what_was_used():
    formulas.to_mathml(marked(r"\varepsilon_{ijk} \otimes \ell"))
    font = TTFont(io.BytesIO(formulas.font()))
    # Chromium draws the sign of a root, and single letters in italics, from characters no page holds.
    assert {ord(character) for character in "√𝑥𝜀⊗ℓ("} <= set(font.getBestCmap())
    assert "MATH" in font


def test_examples_outside_a_section_are_fenced():
    text = "A sum.\n\n>>> 1 + 1\n2\n>>> [\n...     3,\n... ]\n[3]\n\nMore."
    assert fenced(text) == "A sum.\n\n```pycon\n>>> 1 + 1\n2\n>>> [\n...     3,\n... ]\n[3]\n```\n\nMore."
    indented = "A sum.\n\nExamples:\n    >>> 1 + 1\n    2"
    assert fenced(indented) == indented
