"""What users install: the wheel holds every module of both folders."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[1]


def files(folder: Path, name: str) -> set[str]:
    """Files under `folder` that belong into the package, as paths below `name`."""
    return {
        f"{name}/{path.relative_to(folder).as_posix()}"
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name[0] != "."
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> ZipFile:
    """The built wheel, made without network."""
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(ROOT)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    (path,) = target.glob("*.whl")
    return ZipFile(path)


def test_the_wheel_holds_every_file_of_both_folders(wheel):
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    # rglob does not follow links, so the folder behind cartesian/nn is listed on its own.
    wanted = files(ROOT / "cartesian", "cartesian") | files(ROOT / "nn", "cartesian/nn")
    assert packed == wanted
    assert {"cartesian/__init__.py", "cartesian/py.typed", "cartesian/nn/__init__.py"} <= packed


def test_the_wheel_holds_files_where_the_checkout_has_a_link(wheel):
    assert all(entry.external_attr >> 28 != 0o12 for entry in wheel.infolist())


def test_the_wheel_names_its_licence_and_command(wheel):
    (folder,) = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
    assert "MIT License" in wheel.read(f"{folder}/licenses/LICENSE").decode()
    assert "cartesian = cartesian.cli:main" in wheel.read(f"{folder}/entry_points.txt").decode()
    assert "License-Expression: MIT" in wheel.read(f"{folder}/METADATA").decode()
