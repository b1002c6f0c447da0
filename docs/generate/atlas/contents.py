"""All pages that are written, and their places in the navigation."""

from typing import Any

from atlas import (
    chains,
    costs,
    couplings,
    groups,
    index,
    isotropic,
    powers,
    ranks,
    reference,
    rooms,
    symbols,
    tensors,
)
from atlas.page import ROOT, Page

# In the order of the navigation.
_WRITERS = (
    index,
    ranks,
    couplings,
    tensors,
    groups,
    isotropic,
    powers,
    symbols,
    costs,
    chains,
    reference,
    rooms,
)

# Guides that are not named here come after those that are, by their names.
_GUIDES = (
    "compute-with-a-material-tensor",
    "build-a-layer",
    "build-a-model",
    "train",
    "evaluate",
    "dynamics",
    "move-from-e3nn",
    "move-from-mace-and-nequip",
    "extend-a-kernel",
    "contribute",
)


def pages() -> list[Page]:
    """Every page and picture, in the order of the navigation."""
    return [*(page for writer in _WRITERS for page in writer.pages()), *_benchmarks()]


def navigation(written: list[Page]) -> dict[str, list[Any]]:
    """The trees that stand for `atlas`, `reference`, `benchmarks` and `guides` in the navigation."""
    trees = {folder: _tree(written, folder) for folder in ("atlas", "reference", "benchmarks")}
    return {**trees, "guides": _guides()}


def _benchmarks() -> list[Page]:
    """What `python -m benchmarks` has measured, and how to read it."""
    folder = ROOT / "benchmarks" / "results"
    pages = []
    for file in [*sorted(folder.glob("*.md")), *sorted(folder.glob("*.svg"))]:
        text = file.read_text()
        title = text.partition("\n")[0].removeprefix("# ") if file.suffix == ".md" else ""
        pages.append(Page(f"benchmarks/{file.name}", title, text))
    return pages


def _guides() -> list[Any]:
    """The guides there are; they are written by hand."""
    names = [file.stem for file in sorted((ROOT / "docs" / "guides").glob("*.md"))]
    return [f"guides/{name}.md" for name in sorted(names, key=lambda name: (*_GUIDES, name).index(name))]


def _tree(written: list[Page], folder: str) -> list[Any]:
    """Pages of a folder, those of its folders one level down with their index first."""
    top: list[Any] = []
    sections: dict[str, list[Any]] = {}
    for page in written:
        parts = page.uri.split("/")
        if parts[0] != folder or not page.title:
            continue
        if parts[1] == "index.md":
            top.append(page.uri)
        elif len(parts) == 2:
            top.append({page.title: page.uri})
        elif parts[2] == "index.md":
            sections[parts[1]] = [page.uri]
            top.append({page.title: sections[parts[1]]})
        else:
            sections[parts[1]].append({page.title: page.uri})
    return top
