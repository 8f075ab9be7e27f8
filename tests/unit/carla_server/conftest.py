"""Servers for the tests of this room: an episode without sockets, and a process that real clients connect to."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

if importlib.util.find_spec("msgpack") is None:
    pytest.skip("needs msgpack: pip install 'msgpack>=1'", allow_module_level=True)

from av_td3_system.carla_server.faults import Faults
from av_td3_system.carla_server.places import Places
from av_td3_system.carla_server.session import Session

ROOT = Path(__file__).resolve().parents[3]
Client = Callable[..., str]


@pytest.fixture(scope="session")
def places() -> Iterator[Places]:
    found = Places("TownA")
    yield found
    found.close()


@pytest.fixture
def session(places: Places) -> Session:
    """TownA in synchronous mode at 20 Hz, nobody in it."""
    made = Session(places, 2001, Faults())
    made.settings[0], made.settings[2] = True, [True, 0.05]
    return made


class Process:
    """A served town in a process of its own, since a server that dies takes the client library with it."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "av_td3_system", "serve-carla", *arguments, "--port", "0"],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r":(\d+), streams at", line)
        assert found, line or self.process.stderr.read()  # type: ignore[union-attr]
        self.port = int(found[1])

    def run(self, script: str, timeout: float = 120.0) -> str:
        """What a client script prints; what `PROLOGUE` defines is there for it."""
        return run_client(self.port, script, timeout)

    def stop(self) -> int:
        """End it; the exit code."""
        self.process.terminate()
        return self.process.wait(20)


PROLOGUE = """
import queue, carla
client = carla.Client("127.0.0.1", {port})
client.set_timeout(60.0)
world = client.get_world()
settings = world.get_settings()
settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
world.apply_settings(settings)
library, points = world.get_blueprint_library(), world.get_map().get_spawn_points()
PLACE = carla.Transform(carla.Location(x=0.8, z=1.6), carla.Rotation(pitch=-6.0))
def camera(vehicle, kind="rgb", place=PLACE, **attributes):
    blueprint = library.find("sensor.camera." + kind)
    for name, number in {{"image_size_x": 84, "image_size_y": 84, "fov": 100, **attributes}}.items():
        blueprint.set_attribute(name, str(number))
    return listen(world.spawn_actor(blueprint, place, attach_to=vehicle))
def sensor(vehicle, kind):
    return listen(world.spawn_actor(library.find("sensor.other." + kind), carla.Transform(), attach_to=vehicle))
def listen(actor):
    data = queue.Queue()
    actor.listen(data.put)
    return actor, data
def car(place=0, name="vehicle.seat.leon", ahead=0.0):
    at, way = points[place], points[place].get_forward_vector()
    where = at.location + carla.Location(ahead * way.x, ahead * way.y, 0.0)
    return world.spawn_actor(library.find(name), carla.Transform(where, at.rotation))
"""


def run_client(port: int, script: str, timeout: float = 120.0) -> str:
    """What a script with the real client library prints, in a process of its own."""
    code = PROLOGUE.format(port=port) + textwrap.dedent(script) + "\nimport os, sys; sys.stdout.flush(); os._exit(0)\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=timeout, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def real_client() -> None:
    """Skips where CARLA's client library is not installed."""
    if importlib.util.find_spec("carla") is None:
        pytest.skip("the client library carla==0.9.16 is not installed")


@pytest.fixture(scope="session")
def served(real_client: None) -> Iterator[Process]:
    """TownA, served without faults, for all tests of a process."""
    process = Process("TownA")
    yield process
    process.stop()
