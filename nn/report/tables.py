"""Tables of errors and checks in a terminal, or as plain lines in a pipe."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cartesian.nn.report.evaluation import ErrorRow
from cartesian.nn.report.verification import Check

ERROR_COLUMNS = ("", "result", "unit", "RMSE", "MAE", "constant", "factor", "turning", "blind")
ERROR_NUMBERS = (3, 4, 5, 6, 7, 8)
"""Columns that hold numbers."""


def error_cells(row: ErrorRow) -> tuple[str, ...]:
    """A row of the table of errors as text; what is not known is empty."""
    factor = "" if row.factor is None else f"{row.factor:.1f}"
    first, last = (row.rmse, row.mae, row.constant), (row.turning, row.blind)
    return (row.group or "all", row.name, row.unit, *map(_digits, first), factor, *map(_digits, last))


def print_errors(rows: Sequence[ErrorRow], console: Console) -> None:
    """Print errors by kind of frames; those of all frames come last. Empty columns are left out."""
    cells = [error_cells(row) for row in rows]
    filled = [k for k in range(len(ERROR_COLUMNS)) if any(row[k] for row in cells)]
    table = _table([ERROR_COLUMNS[k] for k in filled], [ERROR_COLUMNS[k] for k in ERROR_NUMBERS])
    before = ""
    for row in cells:
        if before not in ("", row[0]):
            table.add_section()
        first = "" if row[0] == before else row[0]
        table.add_row(*(Text(cell) for cell in (first, *(row[k] for k in filled[1:]))))
        before = row[0]
    # In a narrow terminal, or in a pipe, lines are too long rather than cut.
    needed = console.measure(table, options=console.options.update(width=1000)).maximum
    width = console.width
    console.width = max(width, needed)
    console.print(table)
    console.width = width


def print_check(check: Check, console: Console) -> None:
    """Print a check in one line."""
    word, style = (
        ("skip", "yellow") if check.skipped else ("pass", "green") if check.passed else ("FAIL", "red")
    )
    numbers = check.skipped or f"{check.deviation:.1e} of {check.limit:.0e}"
    where = f", {check.where}" if check.where and not check.passed else ""
    console.print(Text.assemble((word, style), f"  {check.law}: {numbers}{where}"), soft_wrap=True)


def write_errors(rows: Iterable[ErrorRow], path: Path) -> None:
    """Write errors as CSV."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(ErrorRow)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def _digits(value: float | None) -> str:
    """Three digits, or all before the point."""
    if value is None:
        return ""
    return f"{value:.0f}" if 1000 <= value < 1e6 else f"{value:.3g}"


def _table(columns: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(box=SIMPLE_HEAD, header_style="cyan", pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in numbers else "left", no_wrap=True)
    return table
