"""One checkpoint file: written atomically with its hash, read only when it is what was written."""

from __future__ import annotations

import contextlib
import hashlib
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import torch

from av_td3_system.checkpointing.atomic import replace_file
from av_td3_system.checkpointing.plain_state import to_plain
from av_td3_system.config.errors import UserError


class CheckpointError(UserError):
    """A checkpoint that is missing, damaged, or not a checkpoint."""


@contextlib.contextmanager
def write_checkpoint(path: Path, state: Any) -> Iterator[str]:
    """Write `state` beside `path` and move it there when the block ends well.

    Inside the block the value is the SHA-256 (hex) of the new file, so that it can be recorded
    before the file appears under its name.

    Raises:
        OSError: the disk is full or gone; the old file stays.
        TypeError: the state is not plain.
    """
    plain = to_plain(state)
    with replace_file(path) as file:
        hashing = _HashingFile(file)
        try:
            torch.save(plain, cast(IO[bytes], hashing))
        except RuntimeError as error:
            # Torch hides a full disk behind an error of its own zip writer.
            raise hashing.error if hashing.error is not None else error from None
        yield hashing.sha256


class _HashingFile:
    """Hashes what is written through it: what was meant, not what the disk gives back."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        self._digest.update(data)
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self._file.flush()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Load a checkpoint to the processor's memory without running any code of it.

    Raises:
        CheckpointError: unreadable, or with content other than plain values.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} holds more than plain values and is not loaded", hint="take a checkpoint that this program wrote"
        ) from error
    except (RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{path} is damaged or no checkpoint ({type(error).__name__})", hint="take another checkpoint of the run"
        ) from error
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} is no checkpoint of this system")
    return state


def verify_sha256(path: Path, hashes: tuple[str, ...]) -> str:
    """Which of the recorded hashes the file has.

    Raises:
        CheckpointError: it has none of them.
    """
    actual = file_sha256(path)
    if actual not in hashes:
        raise CheckpointError(
            f"{path} is damaged: its SHA-256 is {actual[:12]}..., recorded was {hashes[0][:12]}...",
            hint="load another checkpoint of the run",
        )
    return actual


def verify_archive(path: Path) -> None:
    """Check the checksums that the zip archive carries itself; a flipped bit fails them too.

    Raises:
        CheckpointError: they are wrong, or it is no archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError) as error:
        raise CheckpointError(f"{path} is damaged or no checkpoint: {error}") from error
    if damaged is not None:
        raise CheckpointError(f"{path} is damaged: the checksum of {damaged} is wrong")


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, hex."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
