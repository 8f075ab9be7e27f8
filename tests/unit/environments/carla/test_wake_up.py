"""A tick through which the Traffic Manager sleeps is noticed and ended; nothing else is taken for one."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from av_td3_system.environments.carla import wake_up
from av_td3_system.environments.carla.wake_up import TickWatch, wake
from tests.unit.environments.carla.test_vector_env import needs_carla

msgpack = pytest.importorskip("msgpack", reason="pip install 'msgpack>=1'")


class Manager:
    """A Traffic Manager's port: keeps what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[bool]]] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            unpacker = msgpack.Unpacker()
            with connection:
                while data := connection.recv(1024):
                    unpacker.feed(data)
                    for kind, number, name, arguments in unpacker:
                        assert kind == 0
                        self.asked.append((name, arguments))
                        connection.sendall(msgpack.packb([1, number, None, None]))

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    monkeypatch.setattr(wake_up, "LOOK", 0.1)
    made = Manager()
    yield made
    made.close()


def until(manager: Manager, seconds: float) -> list[tuple[str, list[bool]]]:
    end = time.monotonic() + seconds
    while not manager.asked and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.05)
    return manager.asked


def test_a_tick_that_the_server_answered_and_nobody_works_at_is_ended(
    manager: Manager, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = iter([7, *[8] * 1000])
    watch = TickWatch(manager.port, lambda: next(frames))
    with watch:
        assert until(manager, 10.0)[:2] == [("set_synchronous_mode", [False]), ("set_synchronous_mode", [True])]
    watch.close()
    assert watch.woken >= 1
    assert "slept through a tick and was woken" in capsys.readouterr().err


def test_a_server_that_does_not_answer_is_no_sleep(manager: Manager) -> None:
    watch = TickWatch(manager.port, lambda: 7)
    with watch:
        assert until(manager, 1.5) == []
    watch.close()


def test_who_works_at_a_tick_is_not_asleep(manager: Manager) -> None:
    frames = iter([7, *[8] * 10_000])
    watch = TickWatch(manager.port, lambda: next(frames))
    end = time.monotonic() + 1.5
    with watch:
        while time.monotonic() < end:
            pass
    watch.close()
    assert manager.asked == []


def test_many_short_ticks_are_no_long_one(manager: Manager) -> None:
    frame = [0]
    watch = TickWatch(manager.port, lambda: frame[0])
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        with watch:
            frame[0] += 1
            time.sleep(0.15)
    watch.close()
    assert manager.asked == [] and watch.woken == 0


def test_nobody_at_the_port_is_no_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert not wake(port)


AWAKE = """
import random
from av_td3_system.environments.carla.wake_up import wake
manager = client.get_trafficmanager(random.SystemRandom().randrange(20000, 60000))
manager.set_synchronous_mode(True)
driven = car()
world.tick()
driven.set_autopilot(True, manager.get_port())
for _ in range(40):
    world.tick()
assert wake(manager.get_port())
begun = driven.get_location()
for _ in range(40):
    world.tick()
print(round(driven.get_location().distance(begun)))
"""


@needs_carla
def test_the_real_traffic_manager_drives_on_after_it_was_woken_for_nothing() -> None:
    from tests.unit.carla_server.conftest import Process

    server = Process("TownA")
    try:
        assert int(server.run(AWAKE).split()[-1]) > 5
    finally:
        server.stop()
