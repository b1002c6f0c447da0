"""`cartesian predict`: structures with what potentials say of them."""

from collections.abc import Sequence
from pathlib import Path

import click

from cartesian.nn.cli.paths import parted


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="MODEL... FILE...")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="The file, .xyz or .extxyz.")
@click.option("--prefix", default="", help="Of the names of results, as mace_ for mace_energy.")
@click.option("--batch", default=16, show_default=True, type=click.IntRange(1), help="Structures at once.")
@click.option("--dtype", type=click.Choice(["float32", "float64"]), help="By default that of the model.")
@click.option("--device", help="By default the CPU.")
def predict(
    paths: tuple[Path, ...], output: Path, prefix: str, batch: int, dtype: str | None, device: str | None
) -> None:
    """Write the structures of all FILES with what each MODEL says, in the mean.

    A MODEL is the folder of a run or of a model. Energies, forces, stresses and all further results are in
    eV, Å and e, tensors flat rows. Of several models there is how far they disagree, too: energy_deviation,
    energies_deviation, forces_deviation.

    Energies and forces that FILES hold are replaced, unless results have a PREFIX.
    """
    import torch

    from cartesian.nn.calculators.source import open_model
    from cartesian.nn.data.frames import Frames
    from cartesian.nn.report.prediction import label

    models, files = parted(paths)
    if not files:
        raise click.UsageError(f"which structures? There are only models: {', '.join(map(str, models))}")
    kind = None if dtype is None else getattr(torch, dtype)
    sources = [open_model(model, device, kind) for model in models]
    count = label(sources, Frames(files, charge=_charge(models)), output, prefix, batch)
    click.echo(f"{count} structures are in {output}")


def _charge(models: Sequence[Path]) -> str | None:
    """The key of the total charge, or of what else models were told of a structure."""
    from cartesian.nn.train import read_config

    runs = [model for model in models if (model / "config.yaml").is_file()]
    keys = {str(run): read_config(run).data.attribute for run in runs}
    if len(set(keys.values())) > 1:
        told = ", ".join(f"{run} by {key or 'nothing'}" for run, key in keys.items())
        raise click.UsageError(f"the models learned the charge of structures under different names: {told}")
    return next(iter(keys.values()), None)
