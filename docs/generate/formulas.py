"""Formulas as MathML, made when the pages are built, in a mathematical font that lies beside them.

Why not KaTeX: its fonts and scripts come from npm, and `make docs` is to need Python alone. Static MathML
Core is shown by every current browser without a script, so a page with a hundred matrices is there at
once, a screen reader reads it, and a formula that cannot be converted fails the build. What MathML
lacked is a font: without one, roots and parentheses do not grow. STIX Two Math (SIL Open Font License)
comes with the package ziamath; its glyphs in use are cut out with fontTools.
"""

import html
import io
import re
from importlib.util import find_spec
from pathlib import Path

from fontTools import subset
from math_core import LatexToMathML

INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
BLOCK = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL)
FONT = "assets/fonts/stix-two-math.woff"

# What browsers put in by themselves: italic letters for single letters in <mi>, the sign of roots.
_IMPLIED = {*range(0x20, 0x7F), *range(0x1D434, 0x1D468), *range(0x1D6E2, 0x1D71C), 0x210E, 0x221A}

_converter = LatexToMathML()
_used: set[str] = set()


def to_mathml(content: str) -> str:
    """Replace what `pymdownx.arithmatex` marked as a formula.

    Raises:
        math_core.LatexError: If a formula cannot be read.
    """
    content = INLINE.sub(lambda match: _converted(match[1], False), content)
    return BLOCK.sub(
        lambda match: (
            f'<div class="formula" tabindex="0" data-search-exclude>{_converted(match[1], True)}</div>'
        ),
        content,
    )


def font() -> bytes:
    """The glyphs used so far, as WOFF."""
    options = subset.Options(flavor="woff", layout_features=["ssty", "ccmp", "mark", "mkmk", "kern"])
    # Found without importing the package, which would set up its own drawing of formulas.
    package = find_spec("ziamath")
    assert package is not None
    assert package.origin is not None
    source = Path(package.origin).with_name("fonts") / "STIXTwoMath-Regular.ttf"
    result, subsetter = io.BytesIO(), subset.Subsetter(options)
    subsetter.populate(unicodes=_IMPLIED | {ord(character) for character in _used})
    with subset.load_font(source, options) as loaded:
        subsetter.subset(loaded)
        subset.save_font(loaded, result, options)
    return result.getvalue()


def _converted(latex: str, display: bool) -> str:
    mathml = _converter.convert_with_local_state(html.unescape(latex).strip(), displaystyle=display)
    _used.update(html.unescape(mathml))
    return mathml
