"""`cartesian train`: from a configuration to a folder with a model."""

from pathlib import Path

import click


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--restart", is_flag=True, help="Begin anew, and remove the run that the folder holds.")
@click.option("--quiet", is_flag=True, help="Show nothing but errors.")
@click.option("--show", is_flag=True, help="Print the whole configuration, and do nothing.")
def train(config: Path, overrides: tuple[str, ...], restart: bool, quiet: bool, show: bool) -> None:
    """Train a potential as CONFIG says, a YAML file or the folder of a run.

    Every value can be changed by KEY=VALUE, such as optimizer.rate=0.002 or model.cutoff=6.

    A run that was interrupted, at any moment, goes on with the same command, to the same weights.
    """
    from cartesian.nn.train import read_config, write_config
    from cartesian.nn.train import train as run

    parsed = read_config(config, overrides)
    if show:
        click.echo(write_config(parsed), nl=False)
    else:
        run(parsed, restart=restart, quiet=quiet)
