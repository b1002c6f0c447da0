"""The site, built once for all tests that look at it, and the programs that write its pages."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Where mkdocs finds its hooks, and the browser of these tests.
sys.path[:0] = [str(ROOT / "docs" / "generate"), str(ROOT)]


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """Folder of the site, built strictly. Workers of one run share it: the first one builds."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with (folder / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        built = folder / "site"
        if not (built / "sitemap.xml").exists():
            command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(built)]
            environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
            result = subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
            )
            assert result.returncode == 0, result.stdout + result.stderr
    return built
