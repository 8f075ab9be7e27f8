"""Appending to a file whole or not at all."""

from __future__ import annotations

import io
import os


def append_whole(file: io.FileIO, data: bytes) -> None:
    """Append `data` to an unbuffered file; a failure leaves the file as it was.

    Raises:
        OSError: the disk is full or gone.
    """
    before = file.seek(0, os.SEEK_END)
    try:
        written = 0
        while written < len(data):
            written += file.write(data[written:]) or 0
    except OSError:
        file.truncate(before)
        raise
