"""Which errors of the operating system mean that there is no room."""

from __future__ import annotations

import errno
from typing import Final

NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The disk, a quota or the largest allowed file is full: making room may help."""


def wants_room(error: OSError) -> bool:
    """Whether a write failed for want of space."""
    return error.errno in NO_ROOM


def is_of_the_disk(error: OSError) -> bool:
    """Whether files are what it is about, and not a connection."""
    return not isinstance(error, (ConnectionError, TimeoutError))
