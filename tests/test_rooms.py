"""The order of the rooms: who imports whom, what an import loads, what the package promises."""

import subprocess
import sys
from importlib import import_module
from inspect import getdoc, isclass, ismodule, isroutine
from pathlib import Path

import pytest

import cartesian

ROOT = Path(__file__).resolve().parents[1]
PROMISED: list[str] = list(getattr(cartesian, "__all__", []))


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_import_runs_from_a_lower_room_to_a_higher_one(tmp_path):
    command = Path(sys.executable).with_name("lint-imports")
    result = run(str(command), "--no-logo", "--cache-dir", str(tmp_path))
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("package", ["torch", "sympy", "scipy", "opt_einsum", "hypothesis"])
def test_the_algebra_does_not_load(package, loaded_by_the_algebra):
    assert "cartesian.ops.spaces" in loaded_by_the_algebra
    assert package not in loaded_by_the_algebra


@pytest.fixture(scope="module")
def loaded_by_the_algebra() -> set[str]:
    """Names of the modules a fresh process has loaded with every promised name of the algebra."""
    names = "[getattr(cartesian, n) for n in cartesian.__all__ if n not in ('nn', 'testing')]"
    result = run(sys.executable, "-c", f"import cartesian, sys; {names}; print(*sys.modules)")
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


def test_the_folder_nn_is_the_package_cartesian_nn():
    link = ROOT / "cartesian" / "nn"
    assert link.is_symlink()
    assert link.readlink() == Path("../nn")
    package = import_module("cartesian.nn")
    assert package.__file__ is not None
    assert Path(package.__file__).resolve() == ROOT / "nn" / "__init__.py"


def test_git_keeps_the_link_as_a_link():
    result = run("git", "ls-files", "--stage", "cartesian/nn")
    if result.returncode != 0:
        pytest.skip("not a git checkout")
    assert result.stdout.split()[:1] == ["120000"]


def test_promised_names_are_listed_once_and_shown_by_dir():
    assert PROMISED, "the package root promises no name: it has no __all__"
    assert len(set(PROMISED)) == len(PROMISED)
    assert set(PROMISED) <= set(dir(cartesian))


@pytest.mark.parametrize("name", [name for name in PROMISED if not name.startswith("__")])
def test_a_promised_name_exists_and_says_what_it_is(name):
    value = getattr(cartesian, name)
    if isclass(value) or ismodule(value) or isroutine(value):
        assert getdoc(value)


def test_an_unknown_name_is_an_attribute_error():
    name = "no_such_name"
    with pytest.raises(AttributeError, match=name):
        getattr(cartesian, name)
