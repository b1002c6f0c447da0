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

ERROR_COLUMNS = ("", "result", "MAE", "RMSE", "constant", "factor", "unit")


def error_cells(row: ErrorRow) -> tuple[str, ...]:
    """A row of the table of errors as text."""
    numbers = (*map(_digits, (row.mae, row.rmse, row.constant)), f"{row.factor:.1f}")
    return (row.group or "all", row.name, *numbers, row.unit)


def print_errors(rows: Sequence[ErrorRow], console: Console) -> None:
    """Print errors by kind of frames; those of all frames come last."""
    table = _table(ERROR_COLUMNS, numbers=(2, 3, 4, 5))
    before = None
    for row in rows:
        group, *rest = error_cells(row)
        if before not in (None, row.group):
            table.add_section()
        table.add_row(Text("" if row.group == before else group), *map(Text, rest))
        before = row.group
    console.print(table)


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


def _digits(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:.0f}" if 1000 <= value < 1e6 else f"{value:.3g}"


def _table(columns: Sequence[str], numbers: Sequence[int]) -> Table:
    table = Table(box=SIMPLE_HEAD, header_style="cyan", pad_edge=False)
    for k, name in enumerate(columns):
        table.add_column(name, justify="right" if k in numbers else "left", no_wrap=True)
    return table
