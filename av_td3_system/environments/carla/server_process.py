"""A server that this program starts itself, by the command that the user gives.

The command stands in the environment variable `AV_TD3_CARLA_SERVER` and never in a settings file: whoever goes on with
somebody else's run must not start what that file says.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import tempfile
import time

import psutil

from av_td3_system.config.errors import UserError
from av_td3_system.environments.carla.guard import Guard

VARIABLE = "AV_TD3_CARLA_SERVER"
POLL = 0.2  # s
LAST_WORDS = 1000  # bytes of what a server said that are shown
GRACE = 10.0  # s to end when asked to


def server_command(port: int) -> list[str] | None:
    """The command for a server at that port, None where the user gives none.

    Raises:
        UserError: it is no command line, or does not say where the port belongs.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return None
    if "{port}" not in text:
        raise UserError(
            f"{VARIABLE} does not say where the port belongs",
            f'{VARIABLE}="./CarlaUE4.sh -RenderOffScreen -nosound -carla-rpc-port={{port}}"',
        )
    try:
        return shlex.split(text.replace("{port}", str(port)))
    except ValueError as error:
        raise UserError(f"{VARIABLE} is no command line: {error}", "close its quotes") from error


class ServerProcess:
    """A server and all that it starts, in a process group of its own, which ends with whoever started it.

    Raises:
        UserError: the command cannot be started.
    """

    def __init__(self, command: list[str]) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the server
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._said, start_new_session=True
            )  # fmt: skip
        except OSError as error:
            raise UserError(f"{VARIABLE}: {command[0]} cannot be started: {error.strerror}", "give its path") from error
        self._guard = Guard(self._process.pid, GRACE)

    @property
    def group(self) -> int:
        """Its process group."""
        return self._process.pid

    @property
    def ended(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.poll()

    def last_words(self) -> str:
        """The last lines that it wrote to standard error, as one."""
        size = self._said.seek(0, os.SEEK_END)
        self._said.seek(max(size - LAST_WORDS, 0))
        return "; ".join(line.strip() for line in self._said.read().decode(errors="replace").splitlines()[-3:])

    def memory(self) -> float:
        """GB that it and its children hold in memory; 0 once it has ended."""
        total = 0
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self._process.pid)
            for one in (process, *process.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    total += one.memory_info().rss
        return total / 1e9

    def stop(self) -> None:
        """End the whole group and wait for it: a container ends with a request alone, what hangs with none.

        Also where the process itself has ended: what it started may go on.
        """
        for number in (signal.SIGTERM, signal.SIGKILL):
            end = time.monotonic() + GRACE
            with contextlib.suppress(ProcessLookupError, PermissionError):  # until there is no such group
                os.killpg(self._process.pid, number)
                while time.monotonic() < end:
                    self._process.poll()
                    os.killpg(self._process.pid, 0)
                    time.sleep(0.02)
        self._process.poll()
        self._guard.dismiss()


def listens(host: str, port: int, timeout: float = 1.0) -> bool:
    """Whether anything takes connections there."""
    try:
        with socket.create_connection((host, port), timeout) as connection:
            # A port that nobody listens at may be given to the very socket that asks: it is then connected to itself.
            mine, other = connection.getsockname(), connection.getpeername()
            return bool(mine != other)
    except OSError:
        return False


def wait_until_listening(host: str, port: int, seconds: float, server: ServerProcess | None) -> bool:
    """Whether a server takes connections within so many seconds; no longer asked when it has ended."""
    end = time.monotonic() + seconds
    while not listens(host, port):
        if time.monotonic() > end or (server is not None and server.ended is not None):
            return False
        time.sleep(POLL)
    return True
