"""The streaming port: a client names a stream and is sent its messages for as long as it listens.

Each message is its length (u32, little-endian) and its bytes. Nothing is read from a listener but the number.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import sys
from collections.abc import Callable

MOST_LISTENERS = 512
PATIENCE = 5.0  # s for a new connection to name its stream
WAITING = 64 * 2**20  # bytes to one listener; who lags further behind misses messages
WAITING_IN_ALL = 2**30  # bytes, shared equally where there are many listeners
SUBSCRIBING = 1.0  # s that a tick waits for a listener that is on its way
_LENGTH = struct.Struct("<I")


class Streams:
    """Who listens to which stream.

    Args:
        exists: whether there is a stream of that number; a listener to any other is sent away.
    """

    def __init__(self, exists: Callable[[int], bool]) -> None:
        self._exists = exists
        self._listeners: dict[int, list[asyncio.StreamWriter]] = {}
        self._expected: set[int] = set()
        self._arrived = asyncio.Event()
        self._connections = 0
        self.missed = 0  # messages that were not sent, since a listener lagged behind

    def __contains__(self, stream: object) -> bool:
        return bool(self._listeners.get(stream))  # type: ignore[call-overload]

    def expect(self, stream: int) -> None:
        """Somebody has asked for a stream's token and will listen at once."""
        if self._exists(stream):
            self._expected.add(stream)

    async def wait_for_expected(self) -> None:
        """Wait until those that are expected listen, for `SUBSCRIBING` seconds at most.

        So a sensor's first datum is that of the tick after `listen`, as on a real server.
        """
        end = asyncio.get_running_loop().time() + SUBSCRIBING
        while self._expected:
            left = end - asyncio.get_running_loop().time()
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), max(left, 0.0))
            except asyncio.TimeoutError:
                self._expected.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its first byte to its end."""
        if self._connections >= MOST_LISTENERS:
            writer.close()
            return
        self._connections += 1
        stream = 0
        try:
            (stream,) = _LENGTH.unpack(await asyncio.wait_for(reader.readexactly(_LENGTH.size), PATIENCE))
            if not self._exists(stream):
                return
            self._listeners.setdefault(stream, []).append(writer)
            self._expected.discard(stream)
            self._arrived.set()
            await reader.read(1)  # ends with the connection; nothing else is to come
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            pass
        finally:
            self._connections -= 1
            if writer in self._listeners.get(stream, []):
                self._listeners[stream].remove(writer)
            if not self._listeners.get(stream):
                self._listeners.pop(stream, None)
            writer.close()

    def send(self, stream: int, payload: bytes) -> None:
        """Send one message to everybody who listens."""
        share = self._share
        for writer in self._listeners.get(stream, ()):
            waiting = writer.transport.get_write_buffer_size()
            if waiting and waiting + len(payload) > share:
                self.missed += 1
                continue
            writer.write(_LENGTH.pack(len(payload)) + payload)

    @property
    def _share(self) -> int:
        """Bytes that may wait for one listener."""
        return min(WAITING, WAITING_IN_ALL // max(self._connections, 1))

    async def drain(self) -> None:
        """Wait for all who lag behind, `SUBSCRIBING` seconds at most; who reads nothing then is sent away."""
        lagging = []
        for stream, writers in self._listeners.items():
            for writer in writers:
                waiting = writer.transport.get_write_buffer_size()
                if waiting > self._share // 4:
                    lagging.append((stream, writer, waiting))
        if not lagging:
            return
        caught_up = asyncio.gather(*(writer.drain() for _, writer, _ in lagging), return_exceptions=True)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(caught_up, SUBSCRIBING)
        for stream, writer, waiting in lagging:
            if writer.transport.get_write_buffer_size() >= waiting:
                print(f"warning: a listener to stream {stream} reads nothing and is sent away", file=sys.stderr)
                writer.transport.abort()

    def end(self, stream: int) -> None:
        """There is no such stream any more."""
        self._expected.discard(stream)
        loop = asyncio.get_running_loop()
        for writer in self._listeners.get(stream, ()):
            writer.close()  # with what waits for it, if it reads that
            loop.call_later(PATIENCE, writer.transport.abort)

    def end_all(self) -> None:
        """Close every connection."""
        for stream in list(self._listeners):
            self.end(stream)
