"""A report as one page that needs nothing beside it: text, tables, and pictures inside."""

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = """
:root { color-scheme: light dark; --line: #8884; --quiet: #777; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: 0.9rem; }
th, td { padding: 0.2rem 0.8rem 0.2rem 0; text-align: left; border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
img { max-width: 100%; height: auto; background: white; border-radius: 4px; }
pre { overflow-x: auto; background: #8881; padding: 0.7rem; border-radius: 4px; font-size: 0.85rem; }
p.quiet { color: var(--quiet); font-size: 0.9rem; }
"""


class Page:
    """A page that grows from top to bottom.

    Args:
        title: Of the page.

    Examples:
        >>> page = Page("A potential")
        >>> page.text("Trained on 3 < 4 structures.")
        >>> "3 &lt; 4" in page.html()
        True
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._parts: list[str] = []

    def heading(self, text: str) -> None:
        """A heading."""
        self._parts.append(f"<h2>{escape(text)}</h2>")

    def text(self, text: str, quiet: bool = False) -> None:
        """A paragraph."""
        self._parts.append(f"<p{' class=quiet' if quiet else ''}>{escape(text)}</p>")

    def code(self, text: str) -> None:
        """Lines as they are."""
        self._parts.append(f"<pre>{escape(text)}</pre>")

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()
    ) -> None:
        """A table; columns that hold numbers are set flush right."""

        def line(cells: Sequence[str], tag: str) -> str:
            marks = [" class=number" if k in numbers else "" for k in range(len(cells))]
            return "".join(
                f"<{tag}{mark}>{escape(cell)}</{tag}>" for mark, cell in zip(marks, cells, strict=True)
            )

        body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
        head = f"<thead><tr>{line(columns, 'th')}</tr></thead>"
        self._parts.append(f"<div class=wide><table>{head}<tbody>{body}</tbody></table></div>")

    def picture(self, figure: "Figure", alternative: str) -> None:
        """A figure, and what it shows in words."""
        stream = io.BytesIO()
        figure.savefig(stream, format="png")
        data = base64.b64encode(stream.getvalue()).decode()
        self._parts.append(f'<img src="data:image/png;base64,{data}" alt="{escape(alternative)}">')

    def html(self) -> str:
        """The whole page."""
        title = escape(self.title)
        head = (
            f"<meta charset=utf-8><meta name=viewport content='width=device-width'><title>{title}</title>"
            f"<style>{STYLE}</style>"
        )
        parts = "\n".join(self._parts)
        body = f"<body><h1>{title}</h1>\n{parts}\n</body>"
        return f"<!doctype html><html lang=en><head>{head}</head>{body}</html>\n"
