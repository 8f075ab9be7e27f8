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
import traceback
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection, Pipe
from typing import Any

from av_td3_system.environments.carla.messages import ClientSpec, Fault, FaultKind

Worker = Callable[[Connection, ClientSpec], None]


def start(worker: Worker, spec: ClientSpec) -> tuple[subprocess.Popen[bytes], Connection]:
    """A new process that runs `worker`, and the pipe to it."""
    pipe, other = Pipe()
    paths = [path or os.getcwd() for path in sys.path]
    program = f"import sys; sys.path[:] = {paths!r}; from {__name__} import main; main({other.fileno()})"
    try:
        process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.DEVNULL, pass_fds=[other.fileno()])
    finally:
        other.close()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # who waits for its first answer is told
        pipe.send((worker, spec))
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
    """Answer requests (name, arguments) with ("ok", value) or ("fault", kind, message) until the pipe ends.

    The first answer is sent without a request: whether there is a client. When whoever drives is gone, a server that is
    his goes, too.

    Args:
        pipe: to whoever drives. spec: of the client.
        connect: makes the client, whose methods are what is asked for.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever drives decides what an interruption means
    faulthandler.register(signal.SIGUSR1)  # where it hangs, also within the library
    try:
        client = _answered(pipe, connect, tell=False)
        while client is not None:
            name, arguments = pipe.recv()
            _answered(pipe, partial(getattr(client, name), *arguments))
            if name == "close":
                break
    except (EOFError, BrokenPipeError, ConnectionResetError):
        if spec.server_group is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(spec.server_group, signal.SIGKILL)
    os._exit(0)  # the library's threads may wait for a server that is gone


def _answered(pipe: Connection, call: Callable[[], Any], tell: bool = True) -> Any:
    """Send what a call returns, or only that it did; the value, None after a fault."""
    try:
        value = call()
    except Fault as fault:
        pipe.send(("fault", fault.kind, fault.message))
    except RuntimeError as error:  # all that the library raises
        kind: FaultKind = "hang" if "time-out" in str(error) else "refused_call"
        line = traceback.extract_tb(error.__traceback__)[-1].line  # the library does not say what it was asked
        pipe.send(("fault", kind, f"{' '.join(str(error).split())} ({line})"))
    else:
        pipe.send(("ok", value if tell else None))
        return value
    return None
