"""The process that speaks with one server: answers one request at a time through a pipe, and ends with it."""

from __future__ import annotations

import contextlib
import os
import signal
from multiprocessing.connection import Connection
from typing import Any

from av_td3_system.environments.carla.messages import ClientSpec, Fault


def work(pipe: Connection, spec: ClientSpec) -> None:
    """Serve requests (name, arguments) with ("ok", value) or ("fault", kind, message) until the pipe ends.

    The first answer is sent without a request: whether the client is there.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever drives decides what an interruption means
    try:
        import carla

        from av_td3_system.environments.carla.client import CarlaClient

        client = _answered(pipe, lambda: CarlaClient(carla, spec), tell=False)
        while client is not None:
            name, arguments = pipe.recv()
            if name == "close":
                _answered(pipe, client.close)
                break
            _answered(pipe, lambda name=name, arguments=arguments: getattr(client, name)(*arguments))
    except (EOFError, BrokenPipeError, ConnectionResetError):  # whoever drives is gone
        if spec.server_group is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(spec.server_group, signal.SIGKILL)
    os._exit(0)  # the library's threads may wait for a server that is gone


def _answered(pipe: Connection, call: Any, tell: bool = True) -> Any:
    """Send what a call returns, or only that it did; the value, None after a fault."""
    try:
        value = call()
    except Fault as fault:
        pipe.send(("fault", fault.kind, fault.message))
    except RuntimeError as error:  # all that the library raises
        kind = "hang" if "time-out" in str(error) else "refused_call"
        pipe.send(("fault", kind, " ".join(str(error).split())))
    else:
        pipe.send(("ok", value if tell else None))
        return value
    return None
