"""The command `cartesian`, and how it ends: bad input is one line and the exit code 2."""

import sys
from importlib import import_module
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import click

from cartesian.cli.show import show
from cartesian.cli.tensors import decompose, groups

# Commands of potentials, loaded with torch when one of them is asked for.
NEURAL = {
    "train": "Train a potential on a file of structures.",
    "evaluate": "Errors of a trained potential on a file of structures.",
    "predict": "What trained potentials say of a file of structures.",
    "verify": "Check a trained potential against the laws of physics.",
    "export": "Write a trained potential for another program.",
}


class Deferred(click.Command):
    """A command in the file of its name in `cartesian.nn.cli`, which is loaded when it is asked for."""

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> click.Context:
        """The context of the real command."""
        module = import_module(f"cartesian.nn.cli.{self.name}")
        command: click.Command = getattr(module, str(self.name))
        return command.make_context(info_name, args, *rest, **extra)


def main() -> None:
    """Run the command line; bad input is one line on standard error and the exit code 2."""
    try:
        code = cartesian.main(prog_name="cartesian", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        code = 0
    except (click.ClickException, ValueError, OSError, ModuleNotFoundError) as error:
        text = error.format_message() if isinstance(error, click.ClickException) else str(error)
        click.echo(f"Error: {' '.join(text.split())}", err=True)
        code = 2
    except click.Abort:
        code = 130
    sys.exit(code)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cartesian-tensors", message="%(prog)s %(version)s")
def cartesian() -> None:
    """The algebra of Cartesian tensors under O(3), exact."""


cartesian.add_command(show)
cartesian.add_command(decompose)
cartesian.add_command(groups)
# Not `importlib.util.find_spec`, which would import `cartesian.nn` and with it torch.
if PathFinder.find_spec("cli", [str(Path(__file__).parents[1] / "nn")]):
    for name, text in NEURAL.items():
        cartesian.add_command(Deferred(name, help=text))
