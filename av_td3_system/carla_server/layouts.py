"""Binary layouts of what is streamed: packed, little-endian, as CARLA 0.9.16's client reads them.

Each stream message begins with a header that names the kind of data by its place in CARLA's sensor registry. Places
shift from version to version, and the client trusts them: one that is wrong ends it.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from av_td3_system.carla_server.conventions import Pose

# places in the registry of 0.9.16
COLLISION, DEPTH, GNSS, IMU, OBSTACLE, RGB, SEMANTIC, WORLD = 0, 1, 4, 5, 7, 13, 14, 17
WORLD_STREAM = 1  # the stream of the world's snapshots
MAP_CHANGE = 1  # flag of a snapshot: the first of a new episode

_SENSOR_HEADER = struct.Struct("<QQd6f")
_WORLD_HEADER = struct.Struct("<Qdf3iI")
_IMAGE_HEADER = struct.Struct("<IIf")
_VEHICLE = struct.Struct("<fff???ifB?IB")
_LIGHT = struct.Struct("<32sffffI?B")
_TOKEN = struct.Struct("<IHBB16s")
_ACTOR = struct.Struct("<IB15f54s")
_TCP, _NO_ADDRESS = 1, 0
_ACTIVE = 1


def token_of(stream: int, port: int) -> bytes:
    """The token by which a client finds a stream: its number and the port.

    It names no address, so a client connects to the host that it has called.
    """
    return _TOKEN.pack(stream, port, _TCP, _NO_ADDRESS, b"")


def sensor_header(kind: int, frame: int, time: float, pose: Pose) -> bytes:
    """What stands before all sensor data; `time` in s of the episode."""
    return _SENSOR_HEADER.pack(kind, frame, time, *pose)


def world_header(episode: int, platform_time: float, dt: float, map_changed: bool) -> bytes:
    """What stands before the actors of a snapshot (48 bytes of `sensor_header` come first); times in s."""
    return _WORLD_HEADER.pack(episode, platform_time, dt, 0, 0, 0, MAP_CHANGE if map_changed else 0)


def actor_state(
    identifier: int,
    pose: Pose,
    velocity: tuple[float, float, float],
    angular: tuple[float, float, float],
    acceleration: tuple[float, float, float],
    special: bytes = b"",
) -> bytes:
    """One actor of a snapshot: m/s, degrees/s, m/s^2; `special` is what vehicles and lights add (54 bytes at most)."""
    return _ACTOR.pack(identifier, _ACTIVE, *pose, *velocity, *angular, *acceleration, special)


def vehicle_state(control: tuple[Any, ...], speed_limit: float) -> bytes:
    """A vehicle's part of a snapshot.

    Args:
        control: throttle, steer, brake, hand brake, reverse, manual gear shift, gear, as `carla.VehicleControl`.
        speed_limit: km/h.

    No vehicle is at a traffic light, since lights are out of play; its light then reads as green, as in CARLA.
    """
    return _VEHICLE.pack(*control, speed_limit, 2, False, 0, 0)


def light_state(sign: str, times: tuple[float, float, float], elapsed: float, frozen: bool, state: int) -> bytes:
    """A traffic light's part: `sign` is its id in the map, `times` green, yellow and red and `elapsed` in s."""
    return _LIGHT.pack(sign.encode()[:31], *times, elapsed, 0, frozen, state)


def image(bgra: NDArray[np.uint8], fov: float) -> bytes:
    """An image (H, W, 4) with its horizontal field of view, degrees."""
    return _IMAGE_HEADER.pack(bgra.shape[1], bgra.shape[0], fov) + bgra.tobytes()
