"""Files that are there whole or not at all, also after a kill or a power failure."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

TEMPORARY_PREFIX = ".writing-"


@contextlib.contextmanager
def replace_file(path: Path) -> Iterator[BinaryIO]:
    """Write a new version of `path`; it takes the place of the old one when the block ends well.

    The data are forced to the disk before the name is moved, and the folder after it, so that the
    name never stands for half a file. On an error the old version stays and the new one is removed.

    Raises:
        OSError: the file cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{path.name}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def atomic_write_bytes(path: Path, data: bytes) -> None:
    """Replace the content of `path` in one step, durably."""
    with replace_file(path) as file:
        file.write(data)


def atomic_write_text(path: Path, text: str) -> None:
    """Replace the content of `path` in one step, durably (UTF-8)."""
    atomic_write_bytes(path, text.encode())


def sweep_temporaries(folder: Path) -> list[Path]:
    """Remove what killed writers left behind in `folder`; what they were. Only its one writer may call this."""
    leftovers = sorted(Path(folder).glob(f"{TEMPORARY_PREFIX}*"))
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
    return leftovers


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:  # some network file systems refuse it for folders
        pass
    finally:
        os.close(descriptor)
