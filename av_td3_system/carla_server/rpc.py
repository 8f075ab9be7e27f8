"""The RPC port: msgpack-rpc as rpclib speaks it, answered one call after the other.

A request is [0, number, name, arguments], its reply [1, number, error, result]; a notification [2, name, arguments] has
none. The first argument of every call is CARLA's metadata, [whether the caller waits]. What is no such message ends
its connection: there is no telling where the next one begins.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import msgpack

from av_td3_system.carla_server.replies import reason_of

LARGEST_MESSAGE = 32 * 2**20  # bytes; a client may send a map
MOST_CONNECTIONS = 64  # so at most 2 GiB wait to become messages
MOST_TOLD = 256  # refusals that are told once each
_CHUNK = 2**16  # bytes read at a time

Answer = Callable[[str, list[Any]], Any]


class CallServer:
    """Reads calls, hands them on and writes what they return.

    Args:
        answer: gets a call's name and arguments and gives its packed result. A `LookupError` it raises is told to the
            caller as an error of the protocol.
        after: awaited after each reply was written, before the next call is looked at.
    """

    def __init__(self, answer: Answer, after: Callable[[], Awaitable[None]]) -> None:
        self._answer, self._after = answer, after
        self._writers: set[asyncio.StreamWriter] = set()
        self._told: set[str] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its first byte to its end."""
        if len(self._writers) >= MOST_CONNECTIONS:
            writer.close()
            return
        self._writers.add(writer)
        unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, max_buffer_size=LARGEST_MESSAGE)
        try:
            while data := await reader.read(_CHUNK):
                unpacker.feed(data)
                for message in unpacker:
                    await self._handle(message, writer)
                    await asyncio.sleep(0)  # who calls without waiting for replies does not keep the others waiting
        except ConnectionError:
            pass
        except (TypeError, ValueError, msgpack.UnpackException) as error:
            print(f"warning: a connection was closed, since it sent no call: {error}", file=sys.stderr)
        finally:
            self._writers.discard(writer)
            writer.close()

    def end_all(self) -> None:
        """Close every connection."""
        for writer in list(self._writers):
            writer.close()

    async def _handle(self, message: Any, writer: asyncio.StreamWriter) -> None:
        number, name, arguments, waits = _parts(message)
        error, result = None, None
        try:
            result = self._answer(name, arguments)
        except LookupError as refused:
            error = str(refused.args[0])
        reason = error or (None if waits else reason_of(result))
        untold = reason is not None and name not in self._told and len(self._told) < MOST_TOLD
        if untold:  # who does not wait for replies would never know
            self._told.add(name)
            print(f"warning: {_plain(str(reason))}", file=sys.stderr)
        if number is not None:
            writer.write(msgpack.packb([1, number, error, result], use_bin_type=True))
            await writer.drain()
        await self._after()


def _plain(text: str) -> str:
    """What a terminal may be shown of what a client has sent."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:300])


def _parts(message: Any) -> tuple[int | None, str, list[Any], bool]:
    """Number (None for a notification), name, arguments without the metadata, and whether the caller waits.

    Raises:
        ValueError: this is no call.
    """
    if isinstance(message, list) and message:
        if message[0] == 0 and len(message) == 4:
            _, number, name, arguments = message
        elif message[0] == 2 and len(message) == 3:
            (_, name, arguments), number = message, None
        else:
            raise ValueError("neither a request nor a notification")
        numbered = number is None or (isinstance(number, int) and not isinstance(number, bool))
        if isinstance(name, str) and len(name) <= 128 and isinstance(arguments, list) and numbered:
            return number, name, arguments[1:], number is not None and arguments[:1] != [[True]]
    raise ValueError("no msgpack-rpc message")
