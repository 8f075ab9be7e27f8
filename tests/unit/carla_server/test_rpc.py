"""The ports themselves, without CARLA's client: calls over a socket, junk over a socket, streams."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgpack
import pytest

from av_td3_system.carla_server import streams as streaming
from av_td3_system.carla_server.episode import Episode
from av_td3_system.carla_server.faults import Faults, read_fault
from av_td3_system.carla_server.layouts import WORLD_STREAM
from av_td3_system.carla_server.server import Server


class Caller:
    """A client of the RPC port."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._unpacker = msgpack.Unpacker(raw=False, strict_map_key=False)

    async def ask(self, name: str, *arguments: Any) -> tuple[Any, Any]:
        """Error and result of a call."""
        self.writer.write(msgpack.packb([0, 7, name, [[False], *arguments]]))
        while True:
            for kind, number, error, result in self._unpacker:
                assert (kind, number) == (1, 7)
                return error, result
            data = await self.reader.read(65536)
            if not data:
                raise ConnectionResetError
            self._unpacker.feed(data)


@asynccontextmanager
async def serving(*faults: str) -> AsyncIterator[tuple[Server, Callable[[], Coroutine[Any, Any, Caller]], int]]:
    server = Server("TownA", port=0, faults=Faults(read_fault(text) for text in faults))
    ports: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(server.run(lambda calls, streams: ports.set_result((calls, streams))))
    done, _ = await asyncio.wait({task, ports}, return_when=asyncio.FIRST_COMPLETED)
    assert ports in done, task.exception()
    calls, streams = ports.result()

    async def connect() -> Caller:
        return Caller(*await asyncio.open_connection("127.0.0.1", calls))

    try:
        yield server, connect, streams
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def settings(server: Server) -> list[Any]:
    return [True, *server.session.settings[1:2], [True, 0.05], *server.session.settings[3:]]


async def listen(port: int, stream: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(struct.pack("<I", stream))
    return reader, writer


async def message(reader: asyncio.StreamReader) -> bytes:
    (length,) = struct.unpack("<I", await reader.readexactly(4))
    return await reader.readexactly(length)


def test_a_tick_is_made_once_whoever_else_calls() -> None:
    """A call of another client that ends while a tick waits for a listener does not make it once more."""

    async def go() -> None:
        async with serving() as (server, connect, streams):
            ticking, asking = await connect(), await connect()
            await ticking.ask("set_episode_settings", settings(server))
            before = server.session.episode.frame
            await asking.ask("get_sensor_token", WORLD_STREAM)
            assert (await ticking.ask("tick_cue"))[1] == [[1, before + 1]]
            await asking.ask("version")
            assert server.session.episode.frame == before, "it waits for the listener"
            await listen(streams, WORLD_STREAM)
            for caller in (ticking, asking):
                await caller.ask("version")  # answered when what its last call set off is done
            assert server.session.episode.frame == before + 1
            assert (await asking.ask("tick_cue"))[1] == [[1, before + 2]]

    asyncio.run(go())


def test_a_listener_that_reads_nothing_is_sent_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tick waits for it once, not at each of those that follow."""
    monkeypatch.setattr(streaming, "WAITING", 1024)
    monkeypatch.setattr(streaming, "SUBSCRIBING", 0.05)

    async def go() -> None:
        async with serving() as (server, connect, port):
            caller = await connect()
            await caller.ask("set_episode_settings", settings(server))
            _, writer = await listen(port, WORLD_STREAM)
            while WORLD_STREAM not in server.streams:
                await asyncio.sleep(0.01)
            (kept,) = server.streams._listeners[WORLD_STREAM]
            kept.transport.set_write_buffer_limits(0)
            monkeypatch.setattr(kept.transport, "get_write_buffer_size", lambda: 1000)
            monkeypatch.setattr(type(kept), "drain", lambda self: asyncio.sleep(10.0))
            await server.streams.drain()
            while WORLD_STREAM in server.streams:
                await asyncio.sleep(0.01)
            writer.close()

    asyncio.run(asyncio.wait_for(go(), 60.0))
    assert "reads nothing and is sent away" in capsys.readouterr().err


def test_a_tick_that_cannot_be_told_is_no_end_of_the_server(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def go() -> None:
        async with serving() as (server, connect, _):
            caller = await connect()
            await caller.ask("set_episode_settings", settings(server))
            before = server.session.episode.frame
            told = Episode.snapshot

            def too_large(*_: Any) -> bytes:
                raise OverflowError("float too large to pack with f format")

            monkeypatch.setattr(Episode, "snapshot", too_large)
            await caller.ask("tick_cue")
            await caller.ask("version")
            monkeypatch.setattr(Episode, "snapshot", told)
            await caller.ask("tick_cue")
            assert (await caller.ask("version"))[0] is None
            assert server.session.episode.frame == before + 2

    asyncio.run(go())
    assert "is not told to anybody" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong", [{0: "yes", 1: {"a": 1}, 3: "x", 4: None}, {2: [True, 1e-40]}, {2: [True, "0.05"]}, {10: 1}]
)
def test_settings_that_other_clients_could_not_read_are_refused(wrong: dict[int, Any]) -> None:
    async def go() -> None:
        async with serving() as (server, connect, _):
            caller = await connect()
            sent = [wrong.get(i, usual) for i, usual in enumerate(settings(server))]
            error, result = await caller.ask("set_episode_settings", sent)
            assert error is not None or result[0][0] == 0
            assert server.session.settings[0] is False

    asyncio.run(go())


def test_who_does_not_wait_for_a_refusal_finds_it_in_the_servers_output(capsys: pytest.CaptureFixture[str]) -> None:
    async def go() -> None:
        async with serving() as (_, connect, _):
            caller = await connect()
            for _ in range(2):
                caller.writer.write(msgpack.packb([0, 1, "stop_recorder", [[True]]]))
                await caller.reader.read(100)

    asyncio.run(go())
    assert capsys.readouterr().err.count("no recorder") == 1


def test_calls_ticks_and_snapshots_over_sockets() -> None:
    async def go() -> None:
        async with serving() as (server, connect, port):
            caller = await connect()
            assert await caller.ask("version") == (None, [[1, "0.9.16"]])
            error, result = await caller.ask("make_coffee")
            assert "does not answer the call 'make_coffee'" in error
            assert result is None
            await caller.ask("set_episode_settings", settings(server))
            reader, _ = await listen(port, 1)
            await asyncio.sleep(0.2)
            _, ((_, frame),) = await caller.ask("tick_cue")
            while (snapshot := await message(reader))[8:16] != struct.pack("<Q", frame):
                pass
            assert (len(snapshot) - 48 - 36) % 119 == 0

    asyncio.run(go())


@pytest.mark.parametrize(
    "junk", [b"\xc1" * 100, b"GET / HTTP/1.1\r\n\r\n", msgpack.packb({"a": 1}), b"\x94\x00\x01\xa1\xff"]
)
def test_what_is_no_call_ends_its_own_connection_alone(junk: bytes) -> None:
    async def go() -> None:
        async with serving() as (_, connect, _):
            bad, good = await connect(), await connect()
            bad.writer.write(junk)
            assert await asyncio.wait_for(bad.reader.read(), 5.0) == b""
            assert (await good.ask("version"))[0] is None

    asyncio.run(go())


def test_a_message_that_never_ends_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("av_td3_system.carla_server.rpc.LARGEST_MESSAGE", 100_000)

    async def go() -> None:
        async with serving() as (_, connect, _):
            bad = await connect()
            bad.writer.write(b"\xdb\x7f\xff\xff\xff" + bytes(300_000))
            with suppress(ConnectionError):
                assert await asyncio.wait_for(bad.reader.read(), 5.0) == b""

    asyncio.run(go())


def test_who_calls_without_waiting_does_not_keep_others_waiting() -> None:
    flood = 20_000

    async def go() -> None:
        async with serving() as (server, connect, _):
            answered, answer = 0, server.calls._answer

            def counting(name: str, arguments: list[Any]) -> Any:
                nonlocal answered
                answered += 1
                return answer(name, arguments)

            server.calls._answer = counting  # type: ignore[method-assign]
            hasty, patient = await connect(), await connect()
            hasty.writer.write(flood * msgpack.packb([2, "version", [[False]]]))
            while not answered:
                await asyncio.sleep(0)
            assert (await patient.ask("version"))[0] is None
            assert answered < 1000

    asyncio.run(go())


def test_refusals_that_are_told_do_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("av_td3_system.carla_server.rpc.MOST_TOLD", 3)

    async def go() -> None:
        async with serving() as (server, connect, _):
            caller = await connect()
            for k in range(10):
                assert "does not answer" in (await caller.ask(f"no_such_{k}"))[0]
            assert len(server.calls._told) == 3

    asyncio.run(go())


def test_what_waits_for_listeners_is_shared_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "WAITING_IN_ALL", 4 * streaming.WAITING)
    streams = streaming.Streams(lambda stream: True)
    found = []
    for streams._connections in (0, 1, 4, 16):
        found.append(streams._share)
    assert found == [streaming.WAITING, streaming.WAITING, streaming.WAITING, streaming.WAITING // 4]


class Lagging:
    """A listener that so many bytes wait for, for ever."""

    def __init__(self, waiting: int) -> None:
        self.waiting, self.sent, self.aborted = waiting, 0, False
        self.transport = self

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def write(self, data: bytes) -> None:
        self.sent += len(data)

    async def drain(self) -> None:
        await asyncio.sleep(60.0)

    def abort(self) -> None:
        self.aborted = True


def test_who_lags_behind_its_share_misses_messages() -> None:
    streams = streaming.Streams(lambda stream: True)
    streams._connections = 64  # 16 MiB each
    behind, near = Lagging(16 * 2**20 - 100), Lagging(1000)
    streams._listeners[5] = [behind, near]  # type: ignore[list-item]
    streams.send(5, bytes(200))
    assert (behind.sent, near.sent, streams.missed) == (0, 204, 1)


def test_a_tick_waits_for_all_who_lag_behind_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "SUBSCRIBING", 0.2)
    streams = streaming.Streams(lambda stream: True)
    lagging = [Lagging(streaming.WAITING) for _ in range(20)]
    streams._listeners[5] = list(lagging)  # type: ignore[arg-type]
    asyncio.run(asyncio.wait_for(streams.drain(), 2.0))
    assert all(one.aborted for one in lagging)


def test_a_listener_of_a_stream_that_ended_is_let_go_though_it_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "PATIENCE", 0.05)

    async def go() -> None:
        streams = streaming.Streams(lambda stream: True)
        server = await asyncio.start_server(streams.serve, "127.0.0.1", 0)
        _, writer = await listen(server.sockets[0].getsockname()[1], 5)
        while 5 not in streams:
            await asyncio.sleep(0.01)
        for _ in range(200):
            streams.send(5, bytes(2**18))
        streams.end(5)
        while streams._connections:
            await asyncio.sleep(0.02)
        writer.close()
        server.close()

    asyncio.run(asyncio.wait_for(go(), 20.0))


def test_what_a_client_sends_does_not_write_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    async def go() -> None:
        async with serving() as (_, connect, _):
            await (await connect()).ask("\x1b[31mred\nFAKE LINE")

    asyncio.run(go())
    told = capsys.readouterr().err
    assert "\x1b" not in told and len(told.splitlines()) == 1


def test_connections_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("av_td3_system.carla_server.rpc.MOST_CONNECTIONS", 2)

    async def go() -> None:
        async with serving() as (_, connect, _):
            kept = [await connect() for _ in range(2)]
            for caller in kept:
                await caller.ask("version")
            third = await connect()
            assert await asyncio.wait_for(third.reader.read(), 5.0) == b""

    asyncio.run(go())


def test_a_stream_that_is_not_there_sends_listeners_away() -> None:
    async def go() -> None:
        async with serving() as (_, _, port):
            reader, _ = await listen(port, 999)
            assert await asyncio.wait_for(reader.read(), 5.0) == b""

    asyncio.run(go())


def test_a_tick_waits_for_a_listener_that_was_announced() -> None:
    async def go() -> None:
        streams = streaming.Streams(lambda stream: True)
        streams.expect(5)
        waiting = asyncio.create_task(streams.wait_for_expected())
        await asyncio.sleep(0.05)
        assert not waiting.done()
        server = await asyncio.start_server(streams.serve, "127.0.0.1", 0)
        reader, _ = await listen(server.sockets[0].getsockname()[1], 5)
        await asyncio.wait_for(waiting, 0.5)
        streams.send(5, b"first")
        assert await message(reader) == b"first"
        server.close()

    asyncio.run(go())


def test_a_tick_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "SUBSCRIBING", 0.05)

    async def go() -> None:
        streams = streaming.Streams(lambda stream: True)
        streams.expect(5)
        await asyncio.wait_for(streams.wait_for_expected(), 1.0)
        await asyncio.wait_for(streams.wait_for_expected(), 0.01)

    asyncio.run(go())


def test_a_reload_and_a_lost_vehicle_on_purpose() -> None:
    async def go() -> None:
        async with serving("destroy@1", "reload@2") as (server, connect, _):
            caller = await connect()
            await caller.ask("set_episode_settings", settings(server))
            number = server.session.episode.number
            point = server.session.episode.place.spawn_points[0].to_wire()
            _, ((_, actor),) = await caller.ask("spawn_actor", [0, "vehicle.seat.leon", []], point)
            await caller.ask("tick_cue")
            _, ((_, found),) = await caller.ask("get_actors_by_id", [actor[0]])
            assert found == []
            assert server.session.episode.number == number
            await caller.ask("tick_cue")
            await caller.ask("version")
            assert server.session.episode.number == number + 1

    asyncio.run(go())
