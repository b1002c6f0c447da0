"""What a command found, and its three forms: a table, LaTeX, JSON."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click


@dataclass(frozen=True)
class Answer:
    """What a command found, before it is printed."""

    title: str
    facts: dict[str, Any]
    latex: str
    columns: tuple[str, ...] = ()
    rows: Sequence[tuple[Any, ...]] = ()
    figure: str = ""

    def to_json(self) -> str:
        """The facts, the LaTeX and the table, a list of objects; exact numbers are text such as `"-1/3"`."""
        facts = {name.replace(" ", "_"): value for name, value in self.facts.items()}
        names = [name.replace(" ", "_") for name in self.columns]
        table = {"table": [dict(zip(names, row, strict=True)) for row in self.rows]} if names else {}
        figure = {"figure": self.figure.splitlines()} if self.figure else {}
        data = {"title": self.title, **facts, "latex": self.latex, **figure, **table}
        return json.dumps(data, ensure_ascii=False, default=str)

    def to_text(self) -> str:
        """Lines for pipes and files: the same words, columns aligned by spaces."""
        facts = "\n".join(_aligned([*self.facts.items()]))
        table = "\n".join(_aligned([self.columns, *self.rows]))
        return "\n\n".join(part for part in (self.title, facts, self.figure, table) if part)

    def print_rich(self) -> None:
        """Colours and frames for a terminal."""
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        console = Console(highlight=False)
        console.print(Text(self.title, style="bold"))
        facts = Table.grid(padding=(0, 2))
        for name, value in self.facts.items():
            facts.add_row(Text(name, style="cyan"), Text(_cell(value)))
        console.print(facts)
        if self.columns:
            table = Table(box=SIMPLE_HEAD, header_style="cyan", pad_edge=False)
            for name in self.columns:
                table.add_column(name, overflow="fold")
            for row in self.rows:
                table.add_row(*(Text(_cell(value)) for value in row))
            console.print(table)
        if self.figure:
            console.print(Text(f"\n{self.figure}"))


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _aligned(rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    texts = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for row in texts:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def answers(function: Callable[..., Answer]) -> Callable[..., None]:
    """Give a command that makes an answer the options that say how it is printed."""

    @click.option("--latex", "form", flag_value="latex", help="Print LaTeX.")
    @click.option("--json", "form", flag_value="json", help="Print JSON.")
    @wraps(function)
    def command(*arguments: Any, form: str | None, **options: Any) -> None:
        answer = function(*arguments, **options)
        if form == "latex":
            click.echo(answer.latex)
        elif form == "json":
            click.echo(answer.to_json())
        elif sys.stdout.isatty():
            answer.print_rich()
        else:
            click.echo(answer.to_text())

    return command
