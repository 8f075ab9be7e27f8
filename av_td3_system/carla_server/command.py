"""`av-td3 serve-carla`: from a command line to a running server."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from av_td3_system.config.errors import UserError

LOOPBACK = ("127.0.0.1", "localhost")


def run_serve_carla(town: str, host: str, port: int, inject: Sequence[str]) -> int:
    """Serve a town as CARLA until a signal comes; the exit code.

    Raises:
        UserError: msgpack is not installed, no such map or fault, or the address is none or taken.
    """
    if importlib.util.find_spec("msgpack") is None:
        raise UserError("serve-carla needs the package msgpack, which is not installed", "pip install 'msgpack>=1'")
    if not 0 <= port < 65535:
        raise UserError(f"--port is {port}, but must be between 0 and 65534", "CARLA's own is 2000")
    if ":" in host:
        raise UserError(f"--host is {host}, but serve-carla listens at IPv4 addresses alone", "--host 127.0.0.1")
    from av_td3_system.carla_server.faults import Faults, read_fault
    from av_td3_system.carla_server.server import Server, refuse_taken

    faults = Faults(read_fault(text) for text in inject)
    refuse_taken(host, port)
    if host not in LOOPBACK:
        print(
            f"warning: everybody who reaches {host} may drive here; CARLA's protocol has no password", file=sys.stderr
        )
    server = Server(town, host, port, faults)

    def stop(number: int, frame: FrameType | None) -> None:
        # At once: within a compilation an exception would be swallowed, and a server that hangs runs no loop.
        server.places.close()
        os._exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    print("preparing the town and its camera: a minute or two the first time", file=sys.stderr, flush=True)
    server.session.prepare()

    def ready(calls: int, streams: int) -> None:
        print(f"serving {server.map_name} as CARLA 0.9.16 at {host}:{calls}, streams at {streams}", flush=True)

    asyncio.run(server.run(ready))
    return 0
