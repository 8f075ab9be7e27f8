"""What the process that drives and the process that speaks with a server tell one another: plain values alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FaultKind = Literal[
    "no_connection",
    "hang",
    "crash",
    "missing_frame",
    "failed_spawn",
    "destroyed_actor",
    "changed_world",
    "refused_call",
    "refused_setting",
]
SOFT: tuple[FaultKind, ...] = ("missing_frame", "failed_spawn", "destroyed_actor")
"""Faults after which the same server is asked once more; after others it is connected to, or started, anew."""


class Fault(Exception):
    """Something went wrong with a server; `refused_setting` alone is the user's mistake, which no other attempt mends.

    Args:
        kind: which of the faults.
        message: one sentence.
        hint: what the user can do.
    """

    def __init__(self, kind: FaultKind, message: str, hint: str = "") -> None:
        super().__init__(kind, message, hint)
        self.kind: FaultKind = kind
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"


@dataclass(frozen=True)
class CameraSpec:
    """The front camera in CARLA's terms: pixels, degrees, m from the middle of the car's box at the road's height."""

    width: int
    height: int
    fov: float
    x: float
    y: float
    z: float
    pitch: float


@dataclass(frozen=True)
class ClientSpec:
    """What a client must know before the first episode.

    Attributes:
        host: of the server. port: of its calls; streams are at the next one.
        traffic_manager_port: of this client's Traffic Manager.
        timeout: s, of a call. load_timeout: s, of loading a map. sensor_timeout: s, of a picture after its tick.
        town: name of the map. opendrive: the map itself.
        tick: s of simulated time.
        camera: None: no camera.
        ego: blueprint of the car.
        vehicle_types: CARLA's base types of the other vehicles.
        traffic_lights: whether lights change and traffic obeys them; else all are green and it is told to ignore them.
        settle_ticks: after spawning, for suspensions to come to rest.
    """

    host: str
    port: int
    traffic_manager_port: int
    timeout: float
    load_timeout: float
    sensor_timeout: float
    town: str
    opendrive: str
    tick: float
    camera: CameraSpec | None
    ego: str
    vehicle_types: tuple[str, ...]
    traffic_lights: bool
    settle_ticks: int


@dataclass(frozen=True)
class EpisodeSpec:
    """What an episode begins with, in the town's axes.

    Attributes:
        ego: x, y (m), heading (rad).
        vehicles: (V, 5) x, y (m), heading (rad), speed (m/s) to begin with, desired speed / limit.
        parked: (P, 3) x, y (m), heading (rad) of those that stand beside the lanes.
        kinds: (V + P,) `town.state` CAR, VAN or TRUCK.
        seed: of the Traffic Manager and of what the vehicles look like.
        weather: name of a preset.
    """

    ego: tuple[float, float, float]
    vehicles: NDArray[np.float64]
    parked: NDArray[np.float64]
    kinds: NDArray[np.int8]
    seed: int
    weather: str


@dataclass(frozen=True)
class Begun:
    """How an episode begins.

    Attributes:
        ego: (5,) x, y (m), heading (rad), speed (m/s), yaw rate (rad/s).
        others: (V, 4) x, y (m), heading (rad), speed (m/s); NaN for who found no place.
        sizes: (V, 3) length, width, height, m.
        picture: uint8 (H, W, 4) BGRA, None without a camera.
    """

    ego: NDArray[np.float64]
    others: NDArray[np.float64]
    sizes: NDArray[np.float64]
    picture: NDArray[np.uint8] | None


@dataclass(frozen=True)
class Driven:
    """What T ticks of a decision came to.

    Attributes:
        ego: (T, 5) as of `Begun`. collided: (T,) bool. others: (T, V, 4), NaN for who is gone.
        steer: of the front wheels at the end, rad, positive to the left.
        picture: uint8 (H, W, 4) BGRA of the last tick, None without a camera.
    """

    ego: NDArray[np.float64]
    collided: NDArray[np.bool_]
    others: NDArray[np.float64]
    steer: float
    picture: NDArray[np.uint8] | None
