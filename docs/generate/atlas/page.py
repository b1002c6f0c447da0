"""What the pages of the atlas are made of: Markdown with formulas, code to copy, tables, guards."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path as File

ROOT = File(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Page:
    """A page, or a picture, of the site.

    Attributes:
        uri: Where it lies, below the folder of the pages.
        title: Its name in the navigation; a picture has none.
        content: Markdown or SVG, or the bytes of a picture.
    """

    uri: str
    title: str
    content: str | bytes


def document(title: str, *parts: str) -> str:
    """A page under its title; parts are separated by empty lines."""
    return "\n\n".join([f"# {title}", *(part for part in parts if part)]) + "\n"


def display(latex: str) -> str:
    """A formula on a line of its own."""
    return f"$$\n{latex}\n$$"


def entry(latex: str, python: str) -> str:
    """A formula, with its LaTeX and the Python that makes it to copy."""
    tabs = {"Formula": display(latex), "LaTeX": fence("latex", latex), "Python": fence("python", python)}
    # The mark ! keeps it apart from an entry right above.
    text = "\n\n".join(f'=== "{name}"\n\n{_indented(part)}' for name, part in tabs.items())
    return text.replace("===", "===!", 1)


def fence(language: str, text: str) -> str:
    """A block of code; LaTeX is not coloured, which would make large formulas larger."""
    return f"```{ {'latex': 'text'}.get(language, language) }\n{text.strip()}\n```"


def fold(summary: str, text: str) -> str:
    """Text that opens on a click."""
    return f'??? note "{summary}"\n\n{_indented(text)}'


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; columns headed by a name that starts with `#` are numbers, aligned to the right."""
    lines = ["| " + " | ".join(name.removeprefix("#") for name in header) + " |"]
    lines.append("|" + "|".join(" ---: " if name.startswith("#") else " --- " for name in header) + "|")
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    # Wide tables scroll by themselves; Material does that to plain tables.
    return "\n".join(lines)


def facts(rows: dict[str, object]) -> str:
    """A table of two columns without a header."""
    return table(("", ""), rows.items())


def guarded(*tests: str) -> str:
    """The line that says which tests guard the numbers above it.

    Args:
        tests: Such as `symbolic/test_coupling.py::test_the_norm_is_the_closed_form`, below `tests/`.

    Raises:
        ValueError: If there is no such test.
    """
    for test in tests:
        path, _, name = test.partition("::")
        if name not in _tests(path):
            raise ValueError(
                f"the atlas names the test {name!r}, but tests/{path} has no function of that name"
            )
    names = "<br>".join(f"`tests/{test}`" for test in tests)
    return f'<p class="guard" markdown>Guarded by {names}</p>'


def inline(latex: str) -> str:
    """A formula inside a line."""
    return f"${latex}$"


@cache
def _tests(path: str) -> frozenset[str]:
    file = ROOT / "tests" / path
    return (
        frozenset(re.findall(r"^def (test_\w+)\(", file.read_text(), re.MULTILINE))
        if file.exists()
        else frozenset()
    )


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).replace("|", r"\|")


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.splitlines())
