"""Whether CARLA servers answer: asked over the wire, without CARLA's library, which may hang where a server does."""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass

CARLA_VERSION = "0.9.16"
_VERSION = b"\x94\x00\x00\xa7version\x91\x91\xc2"  # msgpack-rpc: [0, 0, "version", [[false]]]
_ANSWER = re.compile(rb"[\xa5-\xab](\d+\.\d+\.\d+)")  # a short text of msgpack: its length, then itself


@dataclass(frozen=True)
class CarlaServer:
    """What was found at an address.

    Attributes:
        host: of the server. port: of its calls.
        version: that it answered with, None where it does not answer.
        why_not: in words, empty where it answers.
    """

    host: str
    port: int
    version: str | None
    why_not: str = ""

    @property
    def place(self) -> str:
        """Its address in words."""
        return f"{self.host}:{self.port}"


def ask_server(host: str, port: int, timeout: float = 2.0) -> CarlaServer:
    """Ask a server for its version, for `timeout` seconds at most.

    A server that takes connections but says nothing hangs or loads a map: it serves one call at a time.
    """
    end = time.monotonic() + timeout
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connection.sendall(_VERSION)
            told = b""
            while (left := end - time.monotonic()) > 0:
                connection.settimeout(left)
                part = connection.recv(256)
                told += part
                found = _ANSWER.search(told)
                if found is not None:
                    return CarlaServer(host, port, found[1].decode())
                if not part:
                    return CarlaServer(host, port, None, "whoever listens there is no CARLA server")
    except TimeoutError:
        pass
    except OSError as error:
        return CarlaServer(host, port, None, (error.strerror or str(error)).lower())
    return CarlaServer(host, port, None, "it takes connections and says nothing: it hangs, or loads a map")


def servers_of(host: str, port: int, step: int, count: int, timeout: float = 2.0) -> list[CarlaServer]:
    """What is found at the addresses of so many worlds' servers."""
    return [ask_server(host, port + index * step, timeout) for index in range(count)]
