"""`cartesian export`: a potential for other programs."""

from pathlib import Path

import click


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.option(
    "--form",
    type=click.Choice(["program", "package", "metatomic"]),
    default="program",
    show_default=True,
    help="A torch.export program, which runs with this package; or one compiled by AOTInductor, which needs "
    "neither it nor Python; or the energy for the engines of metatomic.",
)
@click.option("--no-stress", is_flag=True, help="Leave out stress and virial.")
def export(model: Path, output: Path, form: str, no_stress: bool) -> None:
    """Write MODEL, the folder of a run or of a model, to OUTPUT.

    OUTPUT ends in .pt2, or in .pt for metatomic. A .pt2 file gives energies, forces, stress and all further
    results for any numbers of atoms, edges and systems; it is loaded again and compared with the model before
    the command ends.
    """
    from cartesian.nn.calculators.export import INPUTS, export
    from cartesian.nn.calculators.metatomic import export_metatomic

    if form == "metatomic":
        click.echo(f"{export_metatomic(model, output)} gives the energy; engines derive forces and stress")
        return
    path = export(model, output, form, stress=not no_stress)  # type: ignore[arg-type]
    click.echo(f"{path} takes {', '.join(INPUTS)}; it gives what the model gives")
