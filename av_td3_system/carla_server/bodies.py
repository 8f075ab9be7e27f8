"""The bodies of an episode: what has a size, can be run into, and drives if it is a vehicle."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from av_td3_system.carla_server.conventions import Pose, yaw_of
from av_td3_system.config.schema import VehicleConfig
from av_td3_system.town.camera_types import Vehicles
from av_td3_system.town.fleet import BODY, CONTACT, drive_fleet
from av_td3_system.town.geometry import rectangles_overlap
from av_td3_system.town.state import TRUCK
from av_td3_system.town.vehicle import VehicleParameters, vehicle_parameters

MOST = 1024  # bodies of an episode
MOST_CONTACTS = 256  # told in a tick
CAR_HEIGHT = 1.47  # m, of the town's car
TRUCK_DRIVE = 0.6  # of a car's acceleration, as of the town's trucks


class Contact(NamedTuple):
    """Two that touched in a tick."""

    first: int  # id of the actor that moved
    second: int | None  # id of the other, None for what stands in the town
    solid: int  # row of the town's solids, -1 for an actor
    impulse: tuple[float, float, float]  # N s on the first, CARLA's axes


class Bodies:
    """Up to `MOST` bodies among the solids of a town.

    Args:
        solids: (K, 5) as `town.fleet.drive_fleet` takes them.
    """

    def __init__(self, solids: NDArray[np.float64]) -> None:
        self._solids = solids
        self._bodies = np.zeros(MOST, BODY)
        self._kind = np.zeros(MOST, np.int8)
        self._paint = np.zeros((MOST, 3), np.float32)
        self._contacts = np.zeros(MOST_CONTACTS, CONTACT)
        self._owners: list[int] = []  # actor of each body

    def __len__(self) -> int:
        return len(self._owners)

    def add(
        self,
        owner: int,
        size: tuple[float, float, float],
        pose: Pose,
        *,
        kind: int = 0,
        paint: tuple[float, ...] = (128.0, 128.0, 128.0),
        drives: bool = False,
    ) -> None:
        """Put a body where it is wanted, at a standstill; `size` is length, width and height in m.

        Raises:
            IndexError: there are `MOST` already.
        """
        place = len(self._owners)
        if place >= MOST:
            raise IndexError(f"there are {MOST} bodies already")
        self._bodies[place] = np.zeros((), BODY)
        body = self._bodies[place]
        for name, number in _data_sheet(size, kind)._asdict().items():
            if name in BODY.fields:  # type: ignore[operator]
                body[name] = number
        body["height"], body["drives"] = size[2], drives
        self._kind[place], self._paint[place] = kind, paint
        self._owners.append(owner)
        self.put(owner, pose)

    def remove(self, owner: int) -> None:
        """Take a body away; the last one moves into its place."""
        place, last = self._owners.index(owner), len(self._owners) - 1
        for column in (self._bodies, self._kind, self._paint):
            column[place] = column[last]
        self._owners[place] = self._owners[last]
        self._owners.pop()

    def of(self, owner: int) -> np.void:
        """The record of an actor's body; what is written to it is written to the body."""
        record: np.void = self._bodies[self._owners.index(owner)]
        return record

    def put(self, owner: int, pose: Pose) -> None:
        """Move a body; it keeps its speed."""
        body = self.of(owner)
        body["x"], body["y"], body["heading"] = pose.x, -pose.y, pose.heading

    def pose_of(self, owner: int) -> Pose:
        """Where a body is, on the ground."""
        body = self.of(owner)
        return Pose(float(body["x"]), -float(body["y"]), 0.0, 0.0, yaw_of(float(body["heading"])), 0.0)

    def is_free(self, size: tuple[float, float, float], pose: Pose) -> bool:
        """Whether a body of that length and width would touch nothing there."""
        own = (pose.x, -pose.y, pose.heading, size[0], size[1])
        here = self._bodies[: len(self._owners)]
        others = [(b["x"], b["y"], b["heading"], b["length"], b["width"]) for b in here]
        near = np.hypot(self._solids[:, 0] - own[0], self._solids[:, 1] - own[1])
        close = near < sum(size[:2]) + self._solids[:, 3] + self._solids[:, 4]
        others += [(s[0], s[1], s[2], 2 * s[3], 2 * s[4]) for s in self._solids[close]]
        return not any(rectangles_overlap(*own, *(float(number) for number in other)) for other in others)

    def advance(self, dt: float) -> list[Contact]:
        """Drive all bodies for `dt` seconds and tell who touched whom."""
        count = drive_fleet(self._bodies[: len(self._owners)], self._solids, self._contacts, dt)
        found = []
        for contact in self._contacts[:count]:
            other = int(contact["second"])
            impulse = (float(contact["impulse_x"]), -float(contact["impulse_y"]), 0.0)
            second, solid = (None, -1 - other) if other < 0 else (self._owners[other], -1)
            found.append(Contact(self._owners[int(contact["first"])], second, solid, impulse))
        return found

    def seen_from(self, left_out: int | None) -> Vehicles:
        """All bodies but one as the town's cameras take them, in red, green and blue."""
        rows = [i for i, owner in enumerate(self._owners) if owner != left_out]
        bodies = self._bodies[rows]
        size = np.stack([bodies["length"], bodies["width"], bodies["height"]], axis=-1)[None]
        x, y, heading = (np.ascontiguousarray(bodies[name][None]) for name in ("x", "y", "heading"))
        brake = (bodies["brake"] > 0.0).astype(np.uint8)[None]
        paint = np.ascontiguousarray(self._paint[rows].T[:, None])
        return Vehicles(x, y, heading, np.ascontiguousarray(size), self._kind[rows][None], paint, brake)


def _data_sheet(size: tuple[float, float, float], kind: int) -> VehicleParameters:
    """The town's car, drawn out to another size: mass by volume, engine by mass, wheelbase by length."""
    car = vehicle_parameters(VehicleConfig())
    length, width, height = size
    heavier = (length * width * height) / (car.length * car.width * CAR_HEIGHT)
    livelier = TRUCK_DRIVE if kind == TRUCK else 1.0
    return car._replace(
        length=length,
        width=width,
        wheelbase=car.wheelbase * length / car.length,
        mass=car.mass * heavier,
        max_acceleration=car.max_acceleration * livelier,
        engine_power=car.engine_power * heavier * livelier,
        drag_area=car.drag_area * (width * height) / (car.width * CAR_HEIGHT),
    )


def distance_ahead(
    pose: Pose, radius: float, reach: float, box: tuple[float, float, float, float, float]
) -> float | None:
    """Metres that a ball must move ahead of a pose to touch a box, None where it does not within `reach`.

    `box` is x, y, yaw, half length and half width in the town's axes; widened by the ball's radius it is met by a ray
    (slab method).
    """
    x, y, yaw, half_length, half_width = box
    cos, sin = math.cos(yaw), math.sin(yaw)
    dx, dy = pose.x - x, -pose.y - y
    way = math.cos(pose.heading - yaw), math.sin(pose.heading - yaw)
    enter, leave = 0.0, reach
    for start, move, half in (
        (dx * cos + dy * sin, way[0], half_length + radius),
        (dy * cos - dx * sin, way[1], half_width + radius),
    ):
        if abs(move) < 1e-12:
            if abs(start) > half:
                return None
            continue
        first, second = (-half - start) / move, (half - start) / move
        enter, leave = max(enter, min(first, second)), min(leave, max(first, second))
    return enter if enter <= leave else None
