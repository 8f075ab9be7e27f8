"""A small process that ends others when whoever started them is gone, however he went."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

PROGRAM = """
import os, signal, sys, time
pipe, group, grace = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
if not os.read(pipe, 1):
    for number in signal.SIGTERM, signal.SIGKILL:
        end = time.monotonic() + grace
        try:
            os.killpg(group, number)
            while number == signal.SIGTERM and time.monotonic() < end:
                time.sleep(0.1)
                os.killpg(group, 0)
        except OSError:
            break
"""
"""Ends a group when the pipe to whoever started it ends without a word; first asks, as a container needs it."""


class Guard:
    """Watches over a process group.

    Args:
        group: that ends with this process.
        grace: s that it has to end when asked to.
    """

    def __init__(self, group: int, grace: float) -> None:
        reading, self._leash = os.pipe()
        command = [sys.executable, "-S", "-E", "-c", PROGRAM, str(reading), str(group), str(grace)]
        nowhere = subprocess.DEVNULL
        self._process = subprocess.Popen(
            command, stdin=nowhere, stdout=nowhere, stderr=nowhere, pass_fds=[reading], start_new_session=True
        )
        os.close(reading)

    @property
    def gone(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def dismiss(self) -> None:
        """Let it go: nobody is left to be ended."""
        if self._leash >= 0:
            with contextlib.suppress(OSError):
                os.write(self._leash, b"x")
            os.close(self._leash)
            self._leash = -1
            self._process.wait()
