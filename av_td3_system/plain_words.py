"""What a user reads of errors and warnings: two plain lines, and no line of our source."""

from __future__ import annotations

import errno
import sys

from av_td3_system.config.exit_codes import USAGE


def warning_line(message: Warning | str, *_: object, **__: object) -> str:
    """What a user reads of a warning: no line of our source."""
    return f"warning: {message}\n"


def refuse(message: str, hint: str, code: int = USAGE) -> int:
    """Say on standard error what is wrong and what to type; the exit code."""
    print(f"error: {message}", file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)
    return code


def explained(error: OSError) -> tuple[str, str]:
    """Message and hint for what the operating system refused."""
    where = f": {error.filename}" if error.filename else ""
    reason = (error.strerror or str(error)).lower()
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):  # before a run goes; in it `training` halts
        return f"{reason}{where}", "free some space; what was written before is whole"
    return f"{reason}{where}", "check the path and its permissions"


def buffer_by_line() -> None:
    """Piped output appears line by line, as `| tee` and `tail -f | grep` expect."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(line_buffering=True)
