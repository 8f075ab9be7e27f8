"""The process that speaks with one server: answers one request at a time through a pipe, and ends with it.

It is a program of its own; `multiprocessing` would run the script of whoever drives once more.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection, Pipe
from typing import Any

from av_td3_system.environments.carla.messages import ClientSpec, Fault, FaultKind

Worker = Callable[[Connection, ClientSpec], None]


def start(worker: Worker, spec: ClientSpec) -> tuple[subprocess.Popen[bytes], Connection]:
    """A new process that runs `worker`, and the pipe to it.

    In a session of its own: what a signal to all of whoever drives means, he decides.
    """
    pipe, other = Pipe()
    paths = [path or os.getcwd() for path in sys.path]
    program = f"import sys; sys.path[:] = {paths!r}; from {__name__} import main; main({other.fileno()})"
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.DEVNULL,
            pass_fds=[other.fileno()],
            start_new_session=True,
        )
    finally:
        other.close()

    def tell() -> None:
        with contextlib.suppress(OSError):  # who waits for its first answer is told
            pipe.send((worker, spec))

    # A map is more than a pipe holds, and a process that stops before it reads must not hold up whoever drives.
    threading.Thread(target=tell, daemon=True).start()
    return process, pipe


def main(descriptor: int) -> None:
    """The new process: run what comes through the pipe."""
    pipe = Connection(descriptor)
    worker, spec = pipe.recv()
    worker(pipe, spec)


def work(pipe: Connection, spec: ClientSpec) -> None:
    """Connect CARLA's library and serve."""
    import carla

    from av_td3_system.environments.carla.client import CarlaClient

    serve(pipe, spec, partial(CarlaClient, carla, spec))


def serve(pipe: Connection, spec: ClientSpec, connect: Callable[[], Any]) -> None:
    """Answer requests (name, arguments) with ("ok", value) or ("fault", kind, message, hint) until the pipe ends.

    The first answer is sent without a request: whether there is a client.

    Args:
        pipe: to whoever drives. spec: of the client.
        connect: makes the client, whose methods are what is asked for.
    """
    faulthandler.register(signal.SIGUSR1)  # where it hangs, also within the library
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # its guard asks first: by then it is leaving already
    client = None
    try:
        client = _answered(pipe, connect, tell=False)
        while client is not None:
            name, arguments = pipe.recv()
            _answered(pipe, partial(getattr(client, name), *arguments))
            if name == "close":
                break
    except (EOFError, BrokenPipeError, ConnectionResetError):  # whoever drove is gone
        if client is not None:
            with contextlib.suppress(Exception):
                client.close()  # the server may be somebody else's, and would wait for ticks for ever
    os._exit(0)  # the library's threads may wait for a server that is gone


def _answered(pipe: Connection, call: Callable[[], Any], tell: bool = True) -> Any:
    """Send what a call returns, or only that it did; the value, None after a fault."""
    try:
        value = call()
    except Fault as fault:
        pipe.send(("fault", fault.kind, fault.message, fault.hint))
    except (RuntimeError, IndexError) as error:  # all that the library raises
        kind: FaultKind = "hang" if "time-out" in str(error) else "refused_call"
        line = traceback.extract_tb(error.__traceback__)[-1].line  # the library does not say what it was asked
        pipe.send(("fault", kind, f"{' '.join(str(error).split())} ({line})", ""))
    else:
        pipe.send(("ok", value if tell else None))
        return value
    return None
