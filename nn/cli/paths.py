"""What stands on a command line: folders of models, and files of structures."""

from collections.abc import Sequence
from pathlib import Path

import click


def parted(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Folders of models or runs, and files.

    Raises:
        click.UsageError: If there is no folder.
    """
    models = [path for path in paths if path.is_dir()]
    if not models:
        raise click.UsageError(f"none of {', '.join(map(str, paths))} is the folder of a model or of a run")
    return models, [path for path in paths if not path.is_dir()]
