"""Rows of the table of results for a finished run: python recipes/row.py RUN FILE...

The errors are those of `cartesian evaluate RUN FILE...`; beside them stand parameters, epochs and minutes.
"""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

from cartesian.nn.cli.evaluate import evaluated
from cartesian.nn.files import load_model
from cartesian.nn.report import errors
from cartesian.nn.train import read_config


def rows(run: Path, files: Sequence[Path]) -> list[list[str]]:
    """One row for each result; what belongs to the run stands in the first."""
    *_, last = csv.DictReader((run / "log.csv").open())
    parameters = sum(p.numel() for p in load_model(run).parameters() if p.requires_grad)
    seconds, processor = float(last["seconds"]), float(last["processor"])
    begin = [f"`{run.name}`", read_config(run).model.get("name", "")]
    end = [f"{parameters:,}", last["epoch"], f"{seconds / 60:.1f} ({processor / 60:.1f})"]
    found = []
    for row in errors(evaluated(run, files)):
        if not row.group:
            numbers = (row.rmse, row.mae, row.constant, row.turning, row.blind)
            cells = ["" if number is None else f"{float(f'{number:.3g}'):g}" for number in numbers]
            found.append([*begin, f"{row.name}, {row.unit}", *cells, *end])
            begin, end = [""] * len(begin), [""] * len(end)
    return found


if __name__ == "__main__":
    run, *files = map(Path, sys.argv[1:])
    for row in rows(run, files):
        sys.stdout.write(f"| {' | '.join(row)} |\n".replace("|  ", "| "))
