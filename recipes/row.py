"""Rows of the table of results for a finished run: python recipes/row.py RUN FILE [TITLE].

The errors are those of `cartesian evaluate RUN FILE`; beside them stand parameters, minutes and seed.
"""

import csv
import sys
from pathlib import Path

from cartesian.nn.calculators.source import open_model
from cartesian.nn.cli.evaluate import evaluated
from cartesian.nn.report import errors
from cartesian.nn.train import read_config


def rows(run: Path, file: str, title: str) -> list[list[str]]:
    """One row for each result."""
    parameters = sum(p.numel() for p in open_model(run).model.parameters())
    minutes = float(list(csv.DictReader((run / "log.csv").open()))[-1]["seconds"]) / 60
    found = []
    for row in errors(evaluated(run, [Path(file)])):
        if not row.group:
            numbers = (row.rmse, row.mae, row.constant, row.turning, row.blind)
            cells = ["–" if number is None else f"{number:.3g}" for number in numbers]
            cells += [f"{parameters:,}", f"{minutes:.1f}", str(read_config(run).seed)]
            found.append([title, row.name, row.unit, *cells])
    return found


if __name__ == "__main__":
    run, file, *title = sys.argv[1:]
    for row in rows(Path(run), file, title[0] if title else Path(run).name):
        sys.stdout.write(f"| {' | '.join(row)} |\n")
