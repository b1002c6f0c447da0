"""Files of structures, read frame by frame: extended XYZ of any size, ASE databases, and what else ASE reads.

Of an extended XYZ file only the offsets of its frames are kept, so it may be larger than the memory. Whatever
is wrong with a frame is said with the file and the number of the frame, from 0.
"""

import gzip
import io
import lzma
from array import array
from pathlib import Path
from typing import Any, Protocol

_COMPRESSED = {".xz": lzma.open, ".gz": gzip.open}


class Source(Protocol):
    """Frames of a file as `ase.Atoms`, in its order."""

    path: Path

    def __len__(self) -> int: ...

    def atoms(self, index: int) -> Any:
        """One frame.

        Raises:
            ValueError: If it is broken; names the file and the frame.
        """


def open_source(path: str | Path) -> Source:
    """The frames of a file: `.xyz` and `.extxyz`, also `.xz` or `.gz`; `.db`; any other format of ASE.

    Raises:
        FileNotFoundError: If there is no file.
        ModuleNotFoundError: If `ase` is missing.
        ValueError: If it cannot be read, or holds no frames.
    """
    path = Path(path)
    try:
        import ase  # noqa: F401
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "files of structures need ase: pip install 'cartesian-tensors[nn]'", name="ase"
        ) from None
    if not path.is_file():
        near = sorted(str(other) for other in path.parent.glob("*") if other.suffix in (path.suffix, ".xz"))
        there = f"; in {path.parent} are {', '.join(near[:8])}" if near else ""
        raise FileNotFoundError(f"there is no file {path}{there}")
    name = path.with_suffix("") if path.suffix in _COMPRESSED else path
    kinds: dict[str, Any] = {".xyz": ExtendedXYZ, ".extxyz": ExtendedXYZ, ".db": Database}
    source: Source = kinds.get(name.suffix, Whole)(path)
    if not len(source):
        raise ValueError(f"{path} holds no frames")
    return source


class ExtendedXYZ:
    """An extended XYZ file, by the offsets of its frames; a compressed one is unpacked in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offsets, self.lines = _scan(path)
        self._unpacked = _unpack(path) if path.suffix in _COMPRESSED else None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def atoms(self, index: int) -> Any:
        """One frame."""
        from ase.io.extxyz import read_xyz

        start, end = self.offsets[index], self.offsets[index + 1]
        if self._unpacked is None:
            with self.path.open("rb") as file:
                file.seek(start)
                content = file.read(end - start)
        else:
            content = self._unpacked[start:end]
        try:
            return next(read_xyz(io.StringIO(content.decode()), 0))
        except Exception as error:
            raise ValueError(
                f"frame {index} of {self.path} (from line {self.lines[index]}) cannot be read: "
                f"{_reason(error)}"
            ) from error


class Database:
    """A database of ASE; what a row holds as key-value pairs and data counts as `info`."""

    def __init__(self, path: Path) -> None:
        from ase.db import connect

        self.path = path
        self._database = connect(path)  # type: ignore[no-untyped-call]
        with self._database:
            self._ids = [row.id for row in self._database.select(include_data=False, columns=["id"])]

    def __len__(self) -> int:
        return len(self._ids)

    def atoms(self, index: int) -> Any:
        """One frame."""
        try:
            # Otherwise ASE leaves it to the garbage collector to close the file.
            with self._database:
                row = self._database.get(id=self._ids[index])
            atoms = row.toatoms()
            atoms.info.update(row.key_value_pairs)
            atoms.info.update(row.data)
        except Exception as error:
            raise ValueError(f"frame {index} of {self.path} cannot be read: {_reason(error)}") from error
        return atoms


class Whole:
    """A file of any other format, read as a whole by ASE."""

    def __init__(self, path: Path) -> None:
        from ase.io import read

        self.path = path
        try:
            self._frames: Any = read(path, ":")
        except Exception as error:
            raise ValueError(f"{path} cannot be read: {_reason(error)}") from error

    def __len__(self) -> int:
        return len(self._frames)

    def atoms(self, index: int) -> Any:
        """One frame."""
        return self._frames[index]


def _scan(path: Path) -> tuple["array[int]", "array[int]"]:
    """Where each frame begins, in bytes and in lines, and where the last one ends."""
    offsets, lines = array("q"), array("q")
    opened: Any = _COMPRESSED.get(path.suffix, open)
    place, line = 0, 1
    with opened(path, "rb") as file:
        while head := file.readline():
            if not head.strip():
                place, line = place + len(head), line + 1
                continue
            count = _count(head, len(offsets), line, path)
            offsets.append(place)
            lines.append(line)
            place += len(head)
            for k in range(count + 1):
                text = file.readline()
                if not text.strip() and k:
                    raise ValueError(
                        f"frame {len(offsets) - 1} of {path} (from line {line}) is broken: it announces "
                        f"{count} atoms, and line {line + k + 1} is "
                        f"{'empty' if text else 'the end of the file'}"
                    )
                place += len(text)
            line += count + 2
    offsets.append(place)
    return offsets, lines


def _count(head: bytes, frame: int, line: int, path: Path) -> int:
    try:
        count = int(head)
        if count < 0:
            raise ValueError
    except ValueError:
        raise ValueError(
            f"frame {frame} of {path} is broken: line {line} should be its number of atoms and is "
            f"{head[:60].decode(errors='replace').strip()!r}; the frame before it may have too many lines"
        ) from None
    return count


def _unpack(path: Path) -> bytes:
    opened: Any = _COMPRESSED[path.suffix]
    with opened(path, "rb") as file:
        content: bytes = file.read()
    return content


def _reason(error: Exception) -> str:
    return f"unknown element {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
