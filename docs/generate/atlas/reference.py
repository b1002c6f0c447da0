"""The reference: every promised name of the package, from its docstring."""

from collections.abc import Iterator

from atlas.page import Page, document, table
from atlas.promises import Promise, promises

# Pages of the reference: title, file, and the modules whose names it holds.
_PAGES = (
    ("What a tensor is", "spec", ("cartesian.spec",)),
    ("Exact objects", "symbolic", ("cartesian.symbolic", "cartesian.tables")),
    ("Operations", "ops", ("cartesian.ops", "cartesian.programs", "cartesian.kernels")),
    ("Testing", "testing", ("cartesian.testing", "cartesian.nn.testing")),
    ("Graphs and data", "nn-data", ("cartesian.nn.graph", "cartesian.nn.data", "cartesian.nn.elements")),
    ("Radial functions", "nn-radial", ("cartesian.nn.radial",)),
    ("Layers", "nn-layers", ("cartesian.nn.layers",)),
    ("Heads", "nn-heads", ("cartesian.nn.heads",)),
    ("Models", "nn-models", ("cartesian.nn.models",)),
    ("Training, files, calculators", "nn-use", ("cartesian.nn",)),
)


def pages() -> Iterator[Page]:
    """The index and a page per room."""
    by_page = _by_page()
    yield Page("reference/index.md", "Reference", _index(by_page))
    for (title, file), found in by_page.items():
        blocks = (f"::: {promise.module}.{promise.name}" for promise in found)
        yield Page(f"reference/{file}.md", title, document(title, *blocks))


def _by_page() -> dict[tuple[str, str], list[Promise]]:
    """Names by title and file of their page, in the order of the alphabet."""
    result: dict[tuple[str, str], list[Promise]] = {(title, file): [] for title, file, _ in _PAGES}
    for promise in sorted(promises(), key=lambda promise: promise.name.lower()):
        place = next(
            (title, file)
            for title, file, modules in _PAGES
            if any(f"{promise.module}.".startswith(f"{module}.") for module in modules)
        )
        result[place].append(promise)
    return {place: found for place, found in result.items() if found}


def _index(by_page: dict[tuple[str, str], list[Promise]]) -> str:
    parts = []
    for (title, file), found in by_page.items():
        rows = ((_link(promise, file), promise.docstring.partition("\n")[0]) for promise in found)
        parts += [f"## [{title}]({file}.md)", table(("name", "what it is"), rows)]
    return document(
        "Reference",
        "Every promised name, with formula, shapes, units, errors and source. Names of the algebra are "
        "imported as `import cartesian as ct`, layers and models as `from cartesian import nn`; names "
        "without a prefix are classes of values that functions return. A name that is not listed here may "
        "change.",
        *parts,
    )


def _link(promise: Promise, file: str) -> str:
    package = promise.package.replace("cartesian.nn", "nn").replace("cartesian", "ct")
    name = f"{package}.{promise.name}".removeprefix(".")
    return f"[`{name}`]({file}.md#{promise.module}.{promise.name})"
