"""Models by name: those of this folder, and those that other packages offer.

A model of this folder is a class `Name` beside its settings `NameConfig`; writing its file is all it takes. A
package offers one as an entry point of the group `cartesian.models`, under the same rule.
"""

from dataclasses import is_dataclass
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from inspect import isclass
from pathlib import Path
from typing import Any

from torch import nn

GROUP = "cartesian.models"
"""Entry points of other packages."""


def find(name: str) -> type[nn.Module]:
    """The class of a model by its name, in any case.

    Raises:
        ValueError: If there is none; lists those there are, and files of models that cannot be imported.
        TypeError: If what another package offers is no model.

    Examples:
        >>> find("nequip")
        <class 'cartesian.nn.models.nequip.NequIP'>
    """
    wanted = name.casefold()
    own, broken = _own()
    known = {found.__name__.casefold(): found for found in own}
    if wanted in known:
        return known[wanted]
    for entry in entry_points(group=GROUP):
        if entry.name.casefold() == wanted:
            offered = entry.load()
            settings(offered)
            return offered
    names = model_names()
    near = get_close_matches(wanted, [known.casefold() for known in names], 1)
    hint = [known for known in names if [known.casefold()] == near]
    raise ValueError(
        f"no model is called {name!r}{f'; is it {hint[0]!r}?' if hint else ''} There are {', '.join(names)}"
        + "".join(f"; {file} cannot be imported: {error}" for file, error in broken.items())
    )


def model_names() -> list[str]:
    """The names of all models."""
    return sorted(
        {found.__name__ for found in _own()[0]} | {entry.name for entry in entry_points(group=GROUP)}
    )


def settings(model: type[nn.Module]) -> type[Any]:
    """The dataclass of the settings of a model.

    Raises:
        TypeError: If the class has none beside it.

    Examples:
        >>> settings(find("NequIP")).__name__
        'NequIPConfig'
    """
    name = f"{getattr(model, '__name__', model)}Config"
    module = import_module(model.__module__)
    found = getattr(module, name, None)
    if not (isclass(model) and issubclass(model, nn.Module) and isclass(found) and is_dataclass(found)):
        raise TypeError(
            f"{model!r} is no model: a model is a torch module with a dataclass {name} in the same file"
        )
    return found


def _own() -> tuple[list[type[nn.Module]], dict[str, Exception]]:
    """The models of this folder; and the files that cannot be imported, which do no harm to the others."""
    models: list[type[nn.Module]] = []
    broken: dict[str, Exception] = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem in ("__init__", "registry"):
            continue
        try:
            module = import_module(f"{__package__}.{path.stem}")
        except Exception as error:
            broken[path.name] = error
            continue
        models += [
            found
            for name, found in vars(module).items()
            if isclass(found) and issubclass(found, nn.Module) and hasattr(module, f"{name}Config")
        ]
    return models, broken
