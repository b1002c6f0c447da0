"""`cartesian evaluate`: errors of a potential on labelled structures."""

from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--label", "labels", multiple=True, metavar="RESULT=KEY", help="Where a reference stands.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder for errors.csv and parity.png.")
@click.option("--batch", default=16, show_default=True, type=click.IntRange(1), help="Structures at once.")
@click.option("--dtype", type=click.Choice(["float32", "float64"]), help="By default that of the model.")
@click.option("--device", help="By default the CPU.")
def evaluate(
    model: Path,
    files: tuple[Path, ...],
    labels: tuple[str, ...],
    output: Path | None,
    batch: int,
    dtype: str | None,
    device: str | None,
) -> None:
    """Compare what MODEL says with the labels of FILES.

    MODEL is the folder of a run or of a model. Errors are given for each kind of structures (config_type),
    beside those of the best constant: zero for forces, else the mean over structures of the same composition.

    The keys of labels are those of the run, or the names of the results.
    """
    import torch
    from rich.console import Console

    from cartesian.nn.calculators.source import open_model
    from cartesian.nn.data.frames import Frames
    from cartesian.nn.report.evaluation import compare, errors
    from cartesian.nn.report.tables import print_errors, write_errors

    source = open_model(model, device, None if dtype is None else getattr(torch, dtype))
    frames = Frames(files, **_reading(model, source.model.config, labels))
    comparisons = compare(source, frames, batch)
    rows = errors(comparisons)
    console = Console(highlight=False)
    print_errors(rows, console)
    console.print(f"{len(frames)} structures")
    if output is not None:
        from cartesian.nn.report.plots import parity

        output.mkdir(parents=True, exist_ok=True)
        write_errors(rows, output / "errors.csv")
        parity(comparisons).savefig(output / "parity.png")
        console.print(f"errors.csv and parity.png are in {output}", soft_wrap=True)


def _reading(model: Path, config: Any, given: tuple[str, ...]) -> dict[str, Any]:
    """How the files are read: as in the training, else by the names of the results."""
    from cartesian.nn.data.labels import Label, parse_labels
    from cartesian.nn.heads.outputs import parse_targets

    reading: dict[str, Any] = {}
    if (model / "config.yaml").is_file():
        from cartesian.nn.train import read_config

        run = read_config(model)
        reading = {"charge": run.data.charge, "group": run.data.group}
        labels = {**{name: name for name in run.loss.weights}, **run.data.labels}
        known = {label.name: label for label in parse_labels(labels)}
    else:
        targets = [target.name for target in parse_targets(getattr(config, "targets", ()))]
        names = ("energy", "forces", "stress", *targets)
        known = {name: Label(name, optional=True) for name in names}
    for text in given:
        name, equals, key = text.partition("=")
        if not (name and equals and key):
            raise click.BadParameter(f"{text!r} names no label: write RESULT=KEY, such as energy=E_ref")
        known[name] = Label(name, key)
    return {**reading, "labels": tuple(known.values())}
