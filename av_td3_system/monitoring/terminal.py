"""Writing to the user's terminal or pipe: colour, liveliness, and a reader that goes away."""

from __future__ import annotations

import errno
import os
import sys
from typing import TextIO


def is_interactive(stream: TextIO) -> bool:
    """Whether a person watches `stream` on a terminal that can redraw a line."""
    return _is_tty(stream) and os.environ.get("TERM", "") != "dumb"


def uses_colour(stream: TextIO) -> bool:
    """Whether to colour: an interactive terminal and no NO_COLOR (https://no-color.org)."""
    return is_interactive(stream) and not os.environ.get("NO_COLOR")


def write_line(stream: TextIO, line: str) -> bool:
    """Write one line and flush it; a reader that has gone away (a closed pipe) is no error.

    Ctrl-C in `av-td3 train 2>&1 | tee run.log` ends `tee` first. The run must still save and leave
    with its own exit code, so the dead pipe is replaced by the null device.

    Returns:
        Whether somebody still reads.
    """
    try:
        stream.write(line + "\n")
        stream.flush()
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.EIO):  # a closed pipe, a terminal that hung up
            raise
        _discard(stream)
        return False
    return True


def line_buffer_output() -> None:
    """Make piped standard output appear line by line (Python buffers it in blocks)."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(line_buffering=True)


def _is_tty(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # already closed
        return False


def _discard(stream: TextIO) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
