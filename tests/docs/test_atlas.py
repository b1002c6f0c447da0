"""The atlas: what it says is what other sources say, what it shows to copy runs."""

import re
from functools import cache
from textwrap import dedent

import pytest
from atlas import contents, drawing, promises, properties
from atlas.page import guarded

from cartesian import CRYSTAL_CLASSES, PointGroup
from cartesian.spec import Path


@cache
def pages() -> dict[str, str]:
    """Text of every page that is written, by its place."""
    return {page.uri: page.content for page in contents.pages() if isinstance(page.content, str)}


def rows(page: str, heading: str) -> list[list[str]]:
    """Cells of the first table below a heading."""
    _, _, rest = pages()[page].partition(f"\n{heading}\n")
    table = re.search(r"(?:^\|.*\n)+", rest, re.MULTILINE)
    assert table, f"no table below {heading!r}"
    lines = table[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


# J. F. Nye, Physical Properties of Crystals (1957), Appendix B: groups that are not listed have none.
PIEZOELECTRIC = {
    **{"1": 18, "2": 8, "m": 10, "222": 3, "mm2": 5, "4": 4, "-4": 4, "422": 1, "4mm": 3, "-42m": 2},
    **{"3": 6, "32": 2, "3m": 4, "6": 4, "-6": 2, "622": 1, "6mm": 3, "-6m2": 1, "23": 1, "-43m": 1},
}
# The groups of a Laue class share these; cubic 3, isotropic 2.
ELASTIC = {"triclinic": {21}, "monoclinic": {13}, "orthorhombic": {9}, "tetragonal": {6, 7}}
ELASTIC |= {"trigonal": {6, 7}, "hexagonal": {5}, "cubic": {3}, "cylindrical": {5}, "spherical": {2}}


def test_piezoelectric_constants_are_those_of_nyes_tables():
    table = rows("atlas/tensors/piezoelectricity-d.md", "## Under each point group")
    counts = {re.findall(r"\[(.*?)\]", group)[0]: int(count) for group, count, *_ in table}
    found = {group: counts[group] for group in CRYSTAL_CLASSES}
    assert found == {group: PIEZOELECTRIC.get(group, 0) for group in found}


def test_elastic_constants_are_those_of_nyes_tables():
    for group, count, *_ in rows("atlas/tensors/stiffness.md", "## Under each point group"):
        assert int(count) in ELASTIC[PointGroup(re.findall(r"\[(.*?)\]", group)[0]).system]


def test_quartz_is_answered_from_both_sides():
    tensors = rows("atlas/groups/32.md", "## What is left of a tensor")
    assert [row[3] for row in tensors if row[0].startswith("[Piezoelectricity, strain form d]")] == [
        "d11, d14"
    ]
    groups = rows("atlas/tensors/piezoelectricity-d.md", "## Under each point group")
    assert [row[3] for row in groups if row[0].startswith("[32]")] == ["d11, d14"]
    assert "quartz" in pages()["atlas/groups/32.md"]


def test_a_convolution_to_degree_three_has_23_paths():
    natural = {
        int(row[0]): [int(cell) for cell in row[1:]]
        for row in rows("atlas/costs.md", "## A convolution of natural parities")
    }
    # Published numbers of paths and of nonzero coefficients.
    assert {l: row[:1] + row[2:3] for l, row in natural.items() if 1 <= l <= 5} == {
        1: [4, 10],
        2: [11, 83],
        3: [23, 353],
        4: [42, 1158],
        5: [69, 2907],
    }
    both = {int(row[0]): int(row[1]) for row in rows("atlas/costs.md", "## A convolution of both parities")}
    assert both[3] == 68


def test_riordan_counts_the_isotropic_tensors():
    table = re.findall(r"^\| \[\d\]\(#.*\|$", pages()["atlas/isotropic.md"], re.MULTILINE)
    assert [int(row.split("|")[4]) for row in table] == [1, 0, 1, 1, 3, 6, 15, 36, 91]


def test_python_to_copy_runs():
    blocks = {
        dedent(block)
        for uri, text in pages().items()
        if uri.startswith("atlas/")
        for block in re.findall(r"^ *```python\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    }
    assert len(blocks) > 300
    for block in blocks:
        exec(compile(block.replace("print(", "str("), block, "exec"), {})


def test_a_guard_that_does_not_exist_stops_the_build():
    with pytest.raises(
        ValueError, match=r"names the test 'test_nothing', but tests/symbolic/test_traces.py has no"
    ):
        guarded("symbolic/test_traces.py::test_nothing")


def test_every_page_of_the_atlas_names_its_guards():
    lists = {"atlas/index.md", "atlas/tensors/index.md", "atlas/ranks/index.md"}
    unguarded = [
        uri for uri, text in pages().items() if uri.startswith("atlas/") and "Guarded by" not in text
    ]
    assert set(unguarded) <= lists


def test_every_letter_of_a_material_tensor_says_its_rank():
    for tensor in properties.PROPERTIES:
        indices = re.findall(r"_\{(\w+)\}", tensor.law) + re.findall(r"_(\w)", tensor.law)
        assert tensor.symmetry.rank in map(len, indices), tensor.name
    assert len({tensor.slug for tensor in properties.PROPERTIES}) == len(properties.PROPERTIES)


@pytest.mark.parametrize("degrees", [(0, 0, 0), (1, 1, 1), (2, 3, 1), (4, 4, 3)])
def test_a_picture_of_a_path_draws_every_index(degrees):
    path = Path(*degrees)
    left, right, out = degrees
    odd = not path.is_contraction
    picture = drawing.path_picture(path)
    # Lines between the boxes, through ε, from the boxes to the bar, and from the bar on.
    through = left + right - 2 * path.pairs - 2 * odd
    assert picture.count("<path d=") == path.pairs + 3 * odd + through + out
    assert out == through + odd
    assert drawing.describe(path) in picture


def test_every_public_name_is_documented_with_all_its_methods():
    found = {promise.name: promise.undocumented for promise in promises.promises()}
    assert {name: missing for name, missing in found.items() if missing} == {}


def test_a_method_without_a_docstring_is_found(monkeypatch):
    monkeypatch.setattr(Path, "bare", lambda _: None, raising=False)
    assert promises.Promise("cartesian", "Path", "cartesian.spec.path").undocumented == ["Path.bare"]


def test_values_that_functions_return_are_public_too():
    found = {promise.name: promise.package for promise in promises.promises()}
    assert (found["coupling"], found["Coupling"], found["Linear"]) == ("cartesian", "", "cartesian.nn")
