"""The diagram of the architecture, drawn from the imports."""

import tomllib
from collections.abc import Iterator
from itertools import combinations

import grimp

from atlas.page import ROOT, Page

_ROW, _TOP, _LEFT, _WIDTH = 34, 30, 190, 170


def pages() -> Iterator[Page]:
    """Pictures of the algebra and of its neural layers."""
    graph = grimp.build_graph("cartesian", cache_dir=None)
    for package, name in (("cartesian", "rooms"), ("cartesian.nn", "rooms-nn")):
        yield Page(f"assets/{name}.svg", "", _diagram(graph, package))


def rooms(package: str) -> list[str]:
    """The rooms of a package, lowest first, from the contracts that the linter checks."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(found["layers"] for found in contracts if found.get("containers") == [package])
    names = [name.strip("() ") for layer in reversed(layers) for name in layer.split("|")]
    return [
        name
        for name in names
        if (ROOT / package.replace(".", "/") / name).with_suffix(".py").exists()
        or (ROOT / package.replace(".", "/") / name).is_dir()
    ]


def _diagram(graph: grimp.ImportGraph, package: str) -> str:
    names = rooms(package)
    middle = {name: _TOP + k * _ROW + 12 for k, name in enumerate(names)}
    parts = [f'<text x="{_LEFT}" y="16">{package}</text>']
    for low, high in combinations(names, 2):
        if count := _imports(graph, f"{package}.{low}", f"{package}.{high}"):
            reach = 22 + 16 * (names.index(high) - names.index(low))
            start, end, side = middle[high], middle[low], _LEFT - reach
            curve = f"M{_LEFT} {start} C{side} {start} {side} {end} {_LEFT} {end}"
            width = 0.8 + min(count, 40) ** 0.5 * 0.5
            parts.append(
                f'<path d="{curve}" stroke-width="{width:.1f}"><title>{high} imports {low}</title></path>'
            )
    for name, y in middle.items():
        files = len(graph.find_descendants(f"{package}.{name}")) or 1
        parts.append(f'<rect x="{_LEFT}" y="{y - 12}" width="{_WIDTH}" height="24" rx="5"/>')
        parts.append(f'<text x="{_LEFT + 10}" y="{y + 5}">{name}</text>')
        words = f"{files} file{'s' * (files > 1)}"
        parts.append(f'<text class="count" x="{_LEFT + _WIDTH - 10}" y="{y + 4}">{words}</text>')
    size = f"{_LEFT + _WIDTH + 10} {_TOP + len(names) * _ROW}"
    width, height = size.split()
    label = f"Which rooms of {package} import which"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="rooms" viewBox="0 0 {size}" '
        f'width="{width}" height="{height}" role="img" aria-label="{label}">'
        f"{''.join(parts)}</svg>"
    )


def _imports(graph: grimp.ImportGraph, low: str, high: str) -> int:
    """Number of files of `high` that import files of `low`."""
    inside = {high, *graph.find_descendants(high)}
    below = {low, *graph.find_descendants(low)}
    return sum(bool(graph.find_modules_directly_imported_by(module) & below) for module in inside)
