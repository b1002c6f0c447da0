"""The pages: what they show is what happens.

Python examples run as doctests of the pages themselves; here is what doctest does not see.
"""

import doctest
import re
import shlex
import sys
from pathlib import Path

import pytest

from cartesian.cli import main

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list:
    """Fenced blocks of all pages, named after the page and the line."""
    return [
        pytest.param(match[2], id=f"{page.relative_to(ROOT)}:{text[: match.start()].count(chr(10)) + 1}")
        for page in PAGES
        for text in [page.read_text()]
        for match in BLOCK.finditer(text)
        if match[1] == language
    ]


@pytest.mark.parametrize("block", blocks("python"))
def test_every_block_of_python_is_an_example_that_doctest_runs(block):
    examples = doctest.DocTestParser().get_examples(block)
    assert examples, "no line of the block starts with >>>"
    # Without an empty line before the fence, doctest takes the fence for output.
    assert block.endswith("\n\n"), "the last line of the block is not empty"
    shown = sum((example.source + example.want).count("\n") for example in examples)
    assert shown == len([line for line in block.splitlines() if line]), "a line is neither source nor output"


@pytest.mark.parametrize("block", blocks("console"))
def test_every_command_on_a_page_prints_what_stands_below_it(block, monkeypatch, capsys):
    for session in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, wanted = session.partition("\n")
        monkeypatch.setattr(sys, "argv", shlex.split(command))
        assert sys.argv[0] == "cartesian"
        with pytest.raises(SystemExit):
            main()
        assert "".join(capsys.readouterr()).rstrip() == wanted.rstrip()


def test_every_room_stands_in_the_architecture():
    text = (ROOT / "docs" / "architecture.md").read_text()
    rooms = [path for path in (ROOT / "cartesian").iterdir() if (path / "__init__.py").exists()]
    assert {path.name for path in rooms if f"cartesian/{path.name}" not in text} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_named_on_a_page_exists(page):
    package = ROOT / "cartesian"
    places = [ROOT, package, *(path for path in package.iterdir() if path.is_dir())]
    named = re.findall(r"`([\w/.-]+\.(?:py|md|cff|toml))`", page.read_text())
    assert [name for name in named if not any((place / name).exists() for place in places)] == []
