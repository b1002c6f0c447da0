"""`cartesian evaluate`: errors of potentials on labelled structures."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cartesian.nn.cli.paths import parted

if TYPE_CHECKING:
    from cartesian.nn.data.labels import Label
    from cartesian.nn.report.evaluation import Comparison


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="MODEL... FILE...")
@click.option("--label", "labels", multiple=True, metavar="RESULT=KEY", help="Where a reference stands.")
@click.option("--units", multiple=True, metavar="RESULT=UNIT", help="Unit of errors, as forces=kcal/mol/Å.")
@click.option("--mean", "with_mean", is_flag=True, help="Errors of what all MODELs say in the mean, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder for errors.csv and parity.png.")
@click.option("--batch", default=16, show_default=True, type=click.IntRange(1), help="Structures at once.")
@click.option("--dtype", type=click.Choice(["float32", "float64"]), help="By default that of the model.")
@click.option("--device", help="By default the CPU.")
def evaluate(
    paths: tuple[Path, ...],
    labels: tuple[str, ...],
    units: tuple[str, ...],
    with_mean: bool,
    as_json: bool,
    output: Path | None,
    **options: Any,
) -> None:
    """Compare what each MODEL says with the labels of all FILES.

    A MODEL is the folder of a run or of a model. Without FILES it is the data.test of its run. Errors are
    given for each kind of structures (config_type), beside those of the constant predictor, which knows the
    elements and the means of the training set.

    The keys and units of labels are those of the run, or the names of the results. KEY may also hold fields
    of a label, as in --label "energy={key: E, unit: Hartree}".
    """
    from rich.console import Console

    from cartesian.nn.report.evaluation import errors
    from cartesian.nn.report.tables import print_errors, write_errors

    models, files = parted(paths)
    if with_mean and len(models) < 2:
        raise click.UsageError(f"the mean of which models? {models[0]} is the only one")
    if with_mean and Path("mean") in models:
        raise click.UsageError(
            "a model lies in the folder mean, the name their mean goes by: give its whole path"
        )
    console, tables = Console(highlight=False), {}
    compared = ((str(model), evaluated(model, files, labels, units, **options)) for model in models)
    for model, comparisons in _and_mean(compared) if with_mean else compared:
        rows = tables[model] = errors(comparisons)
        if not as_json:
            if len(models) > 1:
                console.print(f"\n{model}", style="bold", soft_wrap=True)
            print_errors(rows, console)
            console.print(f"{len({int(k) for one in comparisons for k in one.frames})} structures")
        if output is not None:
            from cartesian.nn.report.plots import parity

            folder = output if len(models) == 1 else output / model.strip("/").replace("/", "-")
            folder.mkdir(parents=True, exist_ok=True)
            write_errors(rows, folder / "errors.csv")
            parity(comparisons).savefig(folder / "parity.png")
    if as_json:
        click.echo(json.dumps({model: [asdict(row) for row in rows] for model, rows in tables.items()}))
    elif output is not None:
        console.print(f"errors.csv and parity.png are in {output}", soft_wrap=True)


def evaluated(
    model: Path,
    files: Sequence[Path],
    labels: Sequence[str] = (),
    units: Sequence[str] = (),
    batch: int = 16,
    dtype: str | None = None,
    device: str | None = None,
) -> list["Comparison"]:
    """What a model says of files, beside their labels; arguments as on the command line."""
    import torch

    from cartesian.nn.calculators.source import open_model
    from cartesian.nn.data.frames import Frames
    from cartesian.nn.report.constant import Constant
    from cartesian.nn.report.evaluation import compare
    from cartesian.nn.report.units import UNITS

    source = open_model(model, device, None if dtype is None else getattr(torch, dtype))
    known, reading, test = _known(model, source.model.config)
    if not files and test is None:
        raise click.UsageError(f"which files? {model} names no data.test")
    for name, key in _pairs(labels, "energy=E_ref"):
        known[name] = _label(name, key, known.get(name))
    shown = {name: label.unit for name, label in known.items() if name not in UNITS}
    for name, unit in _pairs(units, "forces=kcal/mol/Å"):
        if name not in known:
            raise click.BadParameter(f"there is no result {name!r}: there are {', '.join(known)}")
        shown[name] = unit
    frames = Frames(files or test or (), tuple(known.values()), **reading)
    return compare(source, frames, batch, Constant.of(model), shown)


def _and_mean(compared: Iterable[tuple[str, list["Comparison"]]]) -> Iterator[tuple[str, list["Comparison"]]]:
    """The comparisons of each model, and last those of their mean."""
    from cartesian.nn.report.evaluation import mean

    members = []
    for model, comparisons in compared:
        members.append(comparisons)
        yield model, comparisons
    yield "mean", mean(members)


def _known(model: Path, config: Any) -> tuple[dict[str, "Label"], dict[str, Any], Any]:
    """Labels and further keys as in the training, and its test files; else labels by the names of results."""
    from cartesian.nn.data.labels import Label
    from cartesian.nn.heads.outputs import parse_targets
    from cartesian.nn.train import read_config
    from cartesian.nn.train.prepare import read_labels

    if (model / "config.yaml").is_file():
        run = read_config(model)
        labels = read_labels(run.data, list(run.loss.weights))
        reading = {"charge": run.data.attribute, "group": run.data.group}
        return {label.name: label for label in labels}, reading, run.data.test
    targets = [target.name for target in parse_targets(getattr(config, "targets", ()))]
    names = ("energy", "forces", "stress", *targets)
    return {name: Label(name, optional=True) for name in names}, {}, None


def _pairs(texts: Sequence[str], example: str) -> list[tuple[str, str]]:
    found = [text.partition("=") for text in texts]
    for text, (name, _, value) in zip(texts, found, strict=True):
        if not (name and value):
            raise click.BadParameter(f"{text!r} says nothing of a result: write it as in {example}")
    return [(name, value) for name, _, value in found]


def _label(name: str, text: str, before: "Label | None") -> "Label":
    """A label with another key, or with other fields."""
    import yaml

    from cartesian.nn.data.labels import Label

    given = yaml.safe_load(text) if text.startswith("{") else {"key": text}
    known = [field.name for field in fields(Label)]
    for key in given:
        if key not in known:
            raise click.BadParameter(f"the label of {name} has no {key!r}: there are {', '.join(known)}")
    return replace(before or Label(name), **{"optional": False, **given})
