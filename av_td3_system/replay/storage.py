"""Where frames lie: in memory, or in a file where there is less memory than frames."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np

from av_td3_system.config.errors import UserError


def frame_memory(shape: tuple[int, ...], file: Path | None = None) -> np.ndarray:
    """Zeros, uint64 of that shape, which take no memory (no disk) until they are written.

    NumPy asks for huge pages by itself where it takes so much memory.

    A file is scratch and no checkpoint: it is created, mapped and at once removed from its folder, so that its space is
    given back however the process ends. Until then `df` counts it and `ls` does not show it. What is read often
    stays in the page cache. If other programs fill the disk up later, writing a frame ends the process (SIGBUS).

    Args:
        shape: of the array.
        file: where it may be created; nothing may be there yet. None: in memory.

    Raises:
        UserError: the file cannot be created, or its disk has less free space than the array may come to take.
    """
    if file is None:
        return np.zeros(shape, np.uint64)
    size = int(np.prod(shape, dtype=object)) * np.dtype(np.uint64).itemsize
    try:
        free = shutil.disk_usage(file.parent).free
        if free < size:
            raise UserError(
                f"replay.file {file}: the frames may take {size / 1e9:.1f} GB, {free / 1e9:.1f} GB are free there",
                "lower replay.capacity, or name a file on a larger disk",
            )
        with file.open("xb+") as opened:
            try:
                opened.truncate(size)
                frames = np.memmap(opened, np.uint64, "r+", shape=shape)
            finally:
                os.unlink(file)
    except OSError as error:
        hint = "it is scratch: name a file that is not there yet, in a folder that you may write to"
        raise UserError(f"replay.file {file} cannot be created: {error.strerror}", hint) from error
    return frames.view(np.ndarray)
