"""The server: both ports, and the clock that ticks the world for clients or by itself."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import struct
import sys
import time
from collections.abc import Callable

from av_td3_system.carla_server.actors import Vehicle
from av_td3_system.carla_server.calls import Calls
from av_td3_system.carla_server.faults import Faults
from av_td3_system.carla_server.layouts import WORLD_STREAM
from av_td3_system.carla_server.places import Places
from av_td3_system.carla_server.rpc import CallServer
from av_td3_system.carla_server.session import Session
from av_td3_system.carla_server.streams import Streams
from av_td3_system.config.errors import UserError


class Server:
    """A town behind CARLA's protocol.

    Args:
        town: a built-in town or the path of an `.xodr` file.
        host: address to listen at. port: of the calls; streams are at the next one. 0: any two that are free.
        faults: that are to happen.

    Raises:
        UserError: no such map.
    """

    def __init__(self, town: str, host: str = "127.0.0.1", port: int = 2000, faults: Faults | None = None) -> None:
        self._host, self._port = host, port
        self.faults = faults or Faults()
        self.places = Places(town)
        self.session = Session(self.places, 0, self.faults)
        self.streams = Streams(lambda stream: self.session.has_stream(stream))
        self.calls = CallServer(Calls(self.session).answer, self._after_call)
        self._ticking = asyncio.Lock()
        self._started = time.monotonic()
        self._asked = 0  # ticks that clients have asked for

    @property
    def map_name(self) -> str:
        """The map that is served."""
        return self.session.episode.place.name

    async def run(self, ready: Callable[[int, int], None] | None = None) -> None:
        """Serve until cancelled; `ready` is told both ports once clients may come.

        Raises:
            UserError: a port is taken, or the address is not of this machine.
        """
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self.places.close)
            calls = await stack.enter_async_context(await self._listen(self.calls.serve, self._port))
            own = calls.sockets[0].getsockname()[1]
            beside = self._port + 1 if self._port else 0
            streams = await stack.enter_async_context(await self._listen(self.streams.serve, beside))
            self.session.port = streams.sockets[0].getsockname()[1]
            self.session.load("", reset=True)  # with the port in its tokens
            stack.callback(self.streams.end_all)
            stack.callback(self.calls.end_all)
            if ready is not None:
                ready(own, self.session.port)
            await self._run_freely()

    async def _listen(self, serve: Callable[..., object], port: int) -> asyncio.Server:
        try:
            return await asyncio.start_server(serve, self._host, port)  # type: ignore[arg-type]
        except OSError as error:
            raise _not_here(self._host, port, error) from error

    async def _after_call(self) -> None:
        """What a call has set off: ends of streams, listeners to come, ticks."""
        session = self.session
        while session.ended:
            self.streams.end(session.ended.pop())
        while session.expected:
            self.streams.expect(session.expected.pop())
        if session.due:
            async with self._ticking:  # before it looks again: the tick being made may be the one that was due
                while session.due:
                    self._asked += 1
                    await self._tick(self._asked)

    async def _run_freely(self) -> None:
        """Without synchronous mode the world ticks by the clock on the wall."""
        while True:
            begun = time.monotonic()
            if not self.session.synchronous:
                async with self._ticking:
                    await self._tick(0)
            spent = time.monotonic() - begun
            await asyncio.sleep(max(self.session.delta - spent, 0.001))

    async def _tick(self, asked: int) -> None:
        """One tick, the `asked`th that a client asks for (0: nobody did); `_ticking` is held."""
        await self.streams.wait_for_expected()
        self._disturb(asked)
        episode, delta = self.session.episode, self.session.delta
        try:
            episode.tick(delta)
        finally:
            if asked:
                self.session.due = max(self.session.due - 1, 0)  # with the frame's number, which replies foretell
        try:
            for stream, payload in self.faults.passed_on(asked, episode.measured(self.streams)):
                self.streams.send(stream, payload)
            self.streams.send(WORLD_STREAM, episode.snapshot(delta, time.monotonic() - self._started))
        except (ArithmeticError, ValueError, struct.error) as error:  # something is where no number can say it
            print(f"warning: tick {episode.frame} is not told to anybody: {error}", file=sys.stderr)
        await self.streams.drain()

    def _disturb(self, asked: int) -> None:
        self.faults.on_tick(asked)
        if self.faults.reloads(asked):
            self.session.load("", reset=False)
        if self.faults.destroys(asked):
            vehicles = [a.identifier for a in self.session.episode.actors.values() if isinstance(a, Vehicle)]
            for identifier in vehicles[:1]:
                self.session.episode.destroy(identifier)


def refuse_taken(host: str, port: int) -> None:
    """See before a town is loaded whether both ports can be had.

    Raises:
        UserError: one is taken, or the address is not of this machine.
    """
    for number in (port, port + 1) if port else ():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, number))
            except OSError as error:
                raise _not_here(host, number, error) from error


def _not_here(host: str, port: int, error: OSError) -> UserError:
    reason = os.strerror(error.errno).lower() if error.errno and error.errno > 0 else str(error)
    hint = "another server may be there; give another --port"
    if error.errno != errno.EADDRINUSE:
        hint = "--host is an address of this machine, as 127.0.0.1"
    return UserError(f"cannot serve at {host}:{port}: {reason}", hint)
