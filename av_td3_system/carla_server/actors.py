"""The actors of an episode: what each kind keeps, and how it is told to clients."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from av_td3_system.carla_server.blueprints import BOOL, COLOR, FLOAT, INT, Blueprint
from av_td3_system.carla_server.conventions import HERE, Pose
from av_td3_system.carla_server.layouts import light_state, vehicle_state
from av_td3_system.carla_server.replies import Refusal
from av_td3_system.town.semantic_tags import tags_of_vehicles

RED, YELLOW, GREEN = 0, 1, 2
SPEED_LIMIT = 30.0  # km/h, told for every vehicle until a map's own are read
ZERO = (0.0, 0.0, 0.0)
NEUTRAL = (0.0, 0.0, 0.0, False, False, False, 0)  # throttle, steer, brake, hand brake, reverse, manual shift, gear
PROP_TAG = 20  # CARLA's Static
LONGEST_VALUE = 1024  # letters of an attribute


@dataclass
class Actor:
    """What every actor has.

    `stream` is its data stream's number, 0 without one; velocities (m/s, degrees/s) and acceleration (m/s^2) are in
    CARLA's axes.
    """

    identifier: int
    blueprint: Blueprint
    description: list[Any]  # as the client sent it: uid, id, attributes
    pose: Pose
    parent: int = 0
    relative: Pose = HERE  # to the parent
    stream: int = 0
    velocity: tuple[float, float, float] = ZERO
    angular: tuple[float, float, float] = ZERO
    acceleration: tuple[float, float, float] = ZERO
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The blueprint's id."""
        return self.blueprint.identifier

    @property
    def bounding_box(self) -> list[Any]:
        """As `carla::geom::BoundingBox` is packed: middle and half sizes in m, rotation, actor."""
        length, width, height = self.blueprint.size or ZERO
        return [[0.0, 0.0, height / 2], [length / 2, width / 2, height / 2], [0.0, 0.0, 0.0], self.identifier]

    @property
    def tags(self) -> bytes:
        """Semantic tags."""
        if self.kind.startswith("vehicle."):
            return tags_of_vehicles(np.array([self.blueprint.kind], np.int8)).tobytes()
        return bytes([PROP_TAG]) if self.blueprint.size else b""

    def special(self) -> bytes:
        """What the actor adds to its state in a snapshot."""
        return b""

    def to_wire(self, token: bytes) -> list[Any]:
        """As `carla::rpc::Actor` is packed, with the token of its stream or b''."""
        return [self.identifier, self.parent, self.description, self.bounding_box, self.tags, token]


@dataclass
class Vehicle(Actor):
    """A vehicle and the command that it follows."""

    control: tuple[Any, ...] = NEUTRAL
    lights: int = 0  # flags of `carla.VehicleLightState`
    constant_velocity: tuple[float, float, float] | None = None  # m/s in the vehicle's own axes

    @property
    def forgets(self) -> bool:
        """Whether a command counts for one tick only."""
        return self.attributes["sticky_control"].lower() in ("false", "0")

    def special(self) -> bytes:
        """The command."""
        return vehicle_state(self.control, SPEED_LIMIT)


@dataclass
class TrafficLight(Actor):
    """A traffic light: it stands there and shows what it is told to; nobody is governed by it."""

    sign: str = ""  # its id in the map
    times: tuple[float, float, float] = (10.0, 3.0, 2.0)  # s green, yellow, red, as told by a client
    elapsed: float = 0.0
    frozen: bool = True
    state: int = GREEN

    def special(self) -> bytes:
        """What it shows."""
        return light_state(self.sign, self.times, self.elapsed, self.frozen, self.state)


@dataclass
class Sensor(Actor):
    """A sensor, and when it measures next."""

    next_time: float = 0.0  # s

    def is_due(self, time: float) -> bool:
        """Whether it measures at this time (s); asked once a tick, since it also sets the next time."""
        if time + 1e-9 < self.next_time:
            return False
        self.next_time = time + self.number("sensor_tick", 0.0, 1e6)
        return True

    def number(self, name: str, low: float, high: float) -> float:
        """An attribute as a number, 0 where the blueprint has none of that name.

        Raises:
            Refusal: it is no number between `low` and `high`.
        """
        text = self.attributes.get(name, "0")
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not low <= number <= high:
            raise Refusal(f"{self.kind}: {name} is {text!r}, but must be between {low:g} and {high:g}")
        return number


def attributes_of(blueprint: Blueprint, given: list[Any]) -> dict[str, str]:
    """All attributes of a new actor: the blueprint's values, and over them those of the description.

    Raises:
        Refusal: an attribute that the blueprint does not have, or a value that is not of its type.
    """
    kinds = {name: kind for name, kind, *_ in blueprint.attributes}
    found = blueprint.defaults()
    for name, _, value in given:
        if name not in kinds:
            raise Refusal(f"{blueprint.identifier} has no attribute {name[:60]!r}")
        if not _fits(kinds[name], value):
            raise Refusal(f"{blueprint.identifier}: {name} cannot be {str(value)[:60]!r}")
        found[name] = value
    return found


def _fits(kind: int, value: Any) -> bool:
    if not isinstance(value, str) or len(value) > LONGEST_VALUE:
        return False
    if kind in (INT, FLOAT, COLOR):
        try:
            numbers = [float(part) for part in value.split(",")]
        except ValueError:
            return False
        if len(numbers) != (3 if kind == COLOR else 1) or not all(map(math.isfinite, numbers)):
            return False
        return kind != INT or numbers[0].is_integer()
    return kind != BOOL or value.lower() in ("true", "false", "0", "1")
