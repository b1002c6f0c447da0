"""From C source to a loaded library: compiled once per machine, kept in the user's cache.

A library is named by what it is made from: source, compiler, flags, and the processor the compiler
sees. Compiling writes a file of its own and renames it, so several processes do no harm to each other.
The folder is `$CARTESIAN_CACHE`, else `cartesian` in `$XDG_CACHE_HOME` or `~/.cache`.
"""

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

# Not -ffast-math: linked into a library, it switches off subnormal numbers for the whole process.
_FLAGS = ("-march=native", "-std=gnu11", "-fPIC", "-shared", "-fno-math-errno", "-fno-trapping-math")


class CompilerError(RuntimeError):
    """No library could be made; the message says why."""


@cache
def load(source: str, level: str = "-O3") -> ctypes.CDLL:
    """The library compiled from C source at a level of optimisation, from the cache if it is there.

    Raises:
        CompilerError: If there is no working C compiler.
    """
    compiler, flags, machine = toolchain()
    name = hashlib.sha256("\0".join((source, *flags, level, machine)).encode()).hexdigest()[:32]
    folder = cache_folder()
    library = folder / f"{name}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            code, made = Path(scratch, "kernel.c"), Path(scratch, "kernel.so")
            code.write_text(source)
            _run([compiler, *flags, level, str(code), "-o", str(made)])
            made.replace(library)
    return ctypes.CDLL(str(library))


@cache
def toolchain() -> tuple[str, tuple[str, ...], str]:
    """Path of the C compiler, its flags, and what it says about itself and this processor."""
    wanted = os.environ.get("CC", "cc")
    compiler = shutil.which(wanted)
    if compiler is None:
        raise CompilerError(f"no C compiler: {wanted!r} is not on the path")
    machine = _run([compiler, *_FLAGS, "-dM", "-E", "-x", "c", os.devnull])
    try:
        _run([compiler, "-fopenmp", "-E", "-x", "c", os.devnull])
    except CompilerError:
        return compiler, _FLAGS, machine
    return compiler, (*_FLAGS, "-fopenmp"), machine


def cache_folder() -> Path:
    """Folder of compiled kernels, made if it is not there; a temporary one where none can be written."""
    chosen = os.environ.get("CARTESIAN_CACHE")
    base = Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "cartesian"
    folder = base.expanduser() / "kernels"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return _temporary_folder()
    return folder if os.access(folder, os.W_OK) else _temporary_folder()


@cache
def _temporary_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="cartesian-"))


def _run(command: list[str]) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise CompilerError(f"{' '.join(command[:2])} … failed: {result.stderr.strip()[-2000:]}")
    return result.stdout
