"""Client processes that go wrong in one way each, in place of one that speaks with a server."""

from __future__ import annotations

import os
import struct
import time
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from av_td3_system.environments.carla.messages import ClientSpec, Fault
from av_td3_system.environments.carla.worker import serve

SPEC = ClientSpec(
    host="127.0.0.1",
    port=2000,
    traffic_manager_port=8000,
    timeout=0.2,
    load_timeout=5.0,
    sensor_timeout=0.1,
    town="TownA",
    opendrive="",
    tick=0.05,
    camera=None,
    ego="vehicle.seat.leon",
    vehicle_types=("car",),
    traffic_lights=False,
    settle_ticks=1,
)


class Client:
    """Answers requests with themselves, or goes wrong as it is asked to."""

    def __init__(self, spec: ClientSpec) -> None:
        self.spec = spec

    def begin(self, *arguments: Any) -> Any:
        return "begin", arguments, self.spec.camera

    def advance(self, *arguments: Any) -> Any:
        return "advance", arguments, self.spec.camera

    def die(self) -> None:
        os._exit(7)

    def hang(self) -> None:
        time.sleep(600.0)

    def fail(self) -> None:
        raise Fault("failed_spawn", "no room")

    def time_out(self) -> None:
        raise RuntimeError("time-out of 5000ms while waiting for\n the simulator")

    def refuse(self) -> None:
        raise RuntimeError("trying to operate on a destroyed actor")

    def close(self) -> None:
        pass


def echoes(pipe: Connection, spec: ClientSpec) -> None:
    """Serves `Client`."""
    serve(pipe, spec, partial(Client, spec))


class Leaving(Client):
    """Takes its time, and leaves a file that `SPEC.town` names when it has left."""

    def advance(self, *arguments: Any) -> Any:
        time.sleep(0.5)

    def close(self) -> None:
        time.sleep(0.5)
        Path(self.spec.town).touch()


def leaves_a_mark(pipe: Connection, spec: ClientSpec) -> None:
    """Serves `Leaving`."""
    serve(pipe, spec, partial(Leaving, spec))


def stops_midway(pipe: Connection, spec: ClientSpec) -> None:
    """Says how long its answer will be, and the first bytes of it."""
    pipe.send(("ok", None))
    pipe.recv()
    os.write(pipe.fileno(), struct.pack("!i", 1_000_000) + bytes(100))
    time.sleep(600.0)


def of_another_version(pipe: Connection, spec: ClientSpec) -> None:
    """There is a server that nobody here can drive on."""

    def connect() -> None:
        raise Fault("refused_setting", "the server is CARLA 0.9.15, not 0.9.16", "start CARLA 0.9.16 there")

    serve(pipe, spec, connect)


def never_ready(pipe: Connection, spec: ClientSpec) -> None:
    """There is no world."""

    def connect() -> None:
        raise RuntimeError("time-out of 5000ms while waiting for the simulator")

    serve(pipe, spec, connect)
