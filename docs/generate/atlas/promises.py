"""What is public: the names that the `__init__` files list, and whether they are documented."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TypeGuard, get_type_hints

from atlas.page import ROOT

# Commands are documented by themselves.
_PRIVATE = {"cli"}


@dataclass(frozen=True)
class Promise:
    """A public name.

    Attributes:
        package: Where users import it from; empty for a class whose values they only receive.
        name: What it is called.
        module: Where it is defined.
    """

    package: str
    name: str
    module: str

    @property
    def value(self) -> object:
        """What it names."""
        return getattr(importlib.import_module(self.module), self.name)

    @property
    def docstring(self) -> str:
        """What is said of it; of a constant or a type, the text below its definition."""
        if _is_defined(self.value):
            return inspect.getdoc(self.value) or ""
        body = ast.parse(inspect.getsource(importlib.import_module(self.module))).body
        for node, below in pairwise([*body, ast.Pass()]):
            if isinstance(node, ast.ImportFrom) and any(alias.name == self.name for alias in node.names):
                return replace(self, module=str(node.module)).docstring
            targets = [ast.unparse(target) for target in getattr(node, "targets", [])]
            if self.name in targets and isinstance(below, ast.Expr):
                return str(ast.literal_eval(below.value))
        return ""

    @property
    def undocumented(self) -> list[str]:
        """What a reader would miss: the name itself, or public members of a class, without a docstring."""
        missing = [] if self.docstring else [self.name]
        if inspect.isclass(self.value):
            members = ((name, member) for name, member in vars(self.value).items() if name[0] != "_")
            missing += [
                f"{self.name}.{name}"
                for name, member in members
                if (inspect.isroutine(member) or isinstance(member, property)) and not inspect.getdoc(member)
            ]
        return missing


def promises() -> tuple[Promise, ...]:
    """Every public name, and the classes that public functions return; modules are left out."""
    listed = {
        (promise.module, promise.name): promise
        for file in reversed(_files())
        for promise in _imports(file)
        if not inspect.ismodule(promise.value)
    }
    returned = (_returned(promise) for promise in listed.values())
    return tuple({**{(p.module, p.name): p for p in returned if p}, **listed}.values())


def _files() -> list[Path]:
    """Files that promise names, those that most users import from first."""
    found = [ROOT / "cartesian" / "__init__.pyi"]
    for folder in (ROOT / "nn", ROOT / "cartesian"):
        found += [file for file in folder.rglob("__init__.py") if not _PRIVATE & set(file.parts)]
    return sorted(found, key=lambda file: (len(file.parts), str(file)))


def _imports(file: Path) -> Iterator[Promise]:
    """Names that a file imports."""
    folders = file.relative_to(ROOT).parent.parts
    package = ".".join(folders if folders[0] == "cartesian" else ("cartesian", *folders))
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.level or str(node.module).startswith("cartesian")):
            module = f"{package}.{node.module or ''}".rstrip(".") if node.level else str(node.module)
            for alias in node.names:
                yield Promise(package, alias.asname or alias.name, _defining(module, alias.name))


def _defining(module: str, name: str) -> str:
    """The module whose file defines a name, which may be imported by way of others."""
    value = getattr(importlib.import_module(module), name)
    return str(value.__module__) if _is_defined(value) else module


def _is_defined(value: object) -> TypeGuard[type]:
    """Whether it is a class or a function, and no name for a value."""
    return (inspect.isclass(value) or inspect.isroutine(value)) and value.__module__.startswith("cartesian")


def _returned(promise: Promise) -> Promise | None:
    """The class of ours that a function returns."""
    if not inspect.isfunction(promise.value):
        return None
    try:
        value = get_type_hints(promise.value).get("return")
    except NameError:  # a name that is imported for type checkers only
        return None
    return Promise("", value.__name__, value.__module__) if _is_defined(value) else None
