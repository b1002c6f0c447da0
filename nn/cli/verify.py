"""`cartesian verify`: laws of physics, pass or fail."""

from pathlib import Path

import click


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--count", default=4, show_default=True, type=click.IntRange(1), help="Number of structures.")
@click.option("--seed", default=0, show_default=True, help="Of directions, rotations and velocities.")
@click.pass_context
def verify(context: click.Context, model: Path, file: Path | None, count: int, seed: int) -> None:
    """Check MODEL against the laws of physics, on structures of FILE or on random ones.

    Forces and virial by finite differences; rotations, reflections, translations; the order of atoms; batches
    and distant copies; the cutoff; conservation of energy in dynamics. Everything in float64.

    The exit code is 1 if a law is broken.
    """
    from rich.console import Console

    from cartesian.nn.calculators.source import open_model
    from cartesian.nn.data.frames import Frames
    from cartesian.nn.report.tables import print_check
    from cartesian.nn.report.verification import drawn_frames, verify

    source = open_model(model)
    if file is None:
        frames = drawn_frames(source, count, seed)
    else:
        known = Frames(file)
        # Evenly from the whole file, whose first frames are often alike.
        frames = [known[k * len(known) // count] for k in range(min(count, len(known)))]
    console = Console(highlight=False)
    broken = 0
    for check in verify(source, frames, seed):
        print_check(check, console)
        broken += not check.passed
    console.print(f"{len(frames)} structures, " + (f"{broken} laws broken" if broken else "no law broken"))
    context.exit(1 if broken else 0)
