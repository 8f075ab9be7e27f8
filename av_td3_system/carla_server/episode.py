"""One episode: a map, its weather and the actors in it, moved tick by tick.

It knows nothing of sockets: what is to be streamed comes out of `tick` as payloads by stream.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from av_td3_system.carla_server import layouts, sensing
from av_td3_system.carla_server.actors import NEUTRAL, ZERO, Actor, Sensor, TrafficLight, Vehicle, attributes_of
from av_td3_system.carla_server.blueprints import Blueprint, Library
from av_td3_system.carla_server.bodies import Bodies, Contact
from av_td3_system.carla_server.cameras import Eyes
from av_td3_system.carla_server.conventions import Pose, attached, yaw_of
from av_td3_system.carla_server.places import Place
from av_td3_system.carla_server.replies import Refusal
from av_td3_system.town.weather import WEATHERS, WeatherParameters

MOST_ACTORS = 4096
_SPECTATOR = Blueprint("spectator", ())
_LIGHT = Blueprint("traffic.traffic_light", ())


@dataclass
class Numbers:
    """What is never used twice while a server runs: actors' ids and streams' numbers."""

    actors: Iterator[int] = field(default_factory=lambda: count(1))
    streams: Iterator[int] = field(default_factory=lambda: count(layouts.WORLD_STREAM + 1))
    episodes: Iterator[int] = field(default_factory=lambda: count(1))


class Episode:
    """A world from its loading to the next.

    Args:
        place: the map. library: what may be spawned. numbers: of the server. eyes: that draw the place.
        frame: number of the last tick before.
        port: of the streams, for their tokens.
    """

    def __init__(self, place: Place, library: Library, numbers: Numbers, eyes: Eyes, frame: int, port: int) -> None:
        self.place, self.library, self.eyes = place, library, eyes
        self.number = next(numbers.episodes)
        self.frame, self.time = frame, 0.0
        self.weather: WeatherParameters = WEATHERS["ClearNoon"]
        self.bodies = Bodies(place.solids)
        self.actors: dict[int, Actor] = {}
        self.map_changed = True
        self.contacts: list[Contact] = []  # of the last tick
        self._numbers, self._port = numbers, port
        self.spectator = self._enter(Actor(next(numbers.actors), _SPECTATOR, [0, "spectator", []], Pose(z=50.0)))
        for signal in place.town.network.signals:
            if signal.signal.kind == "traffic light" and not signal.signal.reference:
                pose = Pose(signal.x, -signal.y, 0.0, 0.0, yaw_of(signal.heading), 0.0)
                description = [0, _LIGHT.identifier, []]
                light = TrafficLight(next(numbers.actors), _LIGHT, description, pose, sign=signal.signal.identifier)
                self._enter(light)

    def _enter(self, actor: Actor) -> Actor:
        self.actors[actor.identifier] = actor
        return actor

    def actor(self, identifier: Any) -> Actor:
        """The actor of that id.

        Raises:
            Refusal: there is none.
        """
        found = self.actors.get(identifier) if isinstance(identifier, int) else None
        if found is None:
            raise Refusal(f"unable to find actor {identifier!r}")
        return found

    def spawn(self, description: Any, pose: Pose, parent: int = 0) -> Actor:
        """Let an actor into the world: at a pose, or at that pose relative to its parent.

        Args:
            description: packed `carla::rpc::ActorDescription`. parent: id of an actor, 0 without.

        Raises:
            Refusal: why not, as the client is told.
        """
        try:
            uid, name, given = description
            uid = operator.index(uid)  # it is told to every client, which would stumble over anything else
            given = [(str(attribute), kind, value) for attribute, kind, value in given]
            blueprint = self.library.blueprints.get(name)
        except (TypeError, ValueError) as error:
            raise Refusal("spawn failed: this is not an actor description") from error
        if blueprint is None:
            raise Refusal(f"spawn failed: there is no blueprint {name!r}")
        if name.startswith(("walker.", "controller.")):
            raise Refusal(f"spawn failed: {name} is listed, but serve-carla has no walkers")
        if len(self.actors) >= MOST_ACTORS:
            raise Refusal(f"spawn failed: there are {MOST_ACTORS} actors already")
        if parent and parent not in self.actors:
            raise Refusal("unable to attach actor: parent actor not found")
        attributes = attributes_of(blueprint, given)
        packed = [uid, name, [[n, kind, attributes[n]] for n, kind, *_ in blueprint.attributes]]
        place = attached(self.actors[parent].pose, pose) if parent else pose
        shared: dict[str, Any] = {"parent": parent, "relative": pose if parent else Pose(), "attributes": attributes}
        if blueprint.size is not None:
            return self._spawn_body(blueprint, blueprint.size, packed, place, shared)
        sensor = Sensor(0, blueprint, packed, place, **shared)
        sensing.check(sensor)
        sensor.identifier, sensor.stream = next(self._numbers.actors), next(self._numbers.streams)
        return self._enter(sensor)

    def _spawn_body(
        self, blueprint: Blueprint, size: tuple[float, float, float], packed: list[Any], pose: Pose,
        shared: dict[str, Any],
    ) -> Actor:  # fmt: skip
        if not self.bodies.is_free(size, pose):
            raise Refusal("Spawn failed because of collision at spawn position")
        drives = blueprint.identifier.startswith("vehicle.")
        identifier = next(self._numbers.actors)
        paint = _paint_of(shared["attributes"].get("color"))
        try:
            self.bodies.add(identifier, size, pose, kind=blueprint.kind, paint=paint, drives=drives)
        except IndexError as error:
            raise Refusal(f"spawn failed: {error}") from error
        return self._enter((Vehicle if drives else Actor)(identifier, blueprint, packed, pose, **shared))

    def destroy(self, identifier: int) -> Actor:
        """Take an actor out of the world; what hangs on it stays where it is.

        Raises:
            Refusal: there is none, or it belongs to the map.
        """
        actor = self.actor(identifier)
        if actor is self.spectator or isinstance(actor, TrafficLight):
            raise Refusal(f"unable to destroy actor: {actor.kind} belongs to the map")
        del self.actors[identifier]
        if actor.blueprint.size is not None:
            self.bodies.remove(identifier)
        return actor

    def move(self, actor: Actor, pose: Pose) -> None:
        """Put an actor somewhere at once; relative to its parent if it has one."""
        if actor.parent in self.actors:
            actor.relative = pose
            pose = attached(self.actors[actor.parent].pose, pose)
        actor.pose = pose
        if actor.blueprint.size is not None:
            self.bodies.put(actor.identifier, pose)

    def tick(self, dt: float) -> None:
        """Move the world by `dt` seconds."""
        self.frame += 1
        self.time += dt
        self._hold_velocities()
        self.contacts = self.bodies.advance(dt)
        self._follow(dt)
        self._forget_commands()

    def measured(self, listened: Container[int]) -> Iterator[tuple[int, bytes]]:
        """Stream and payload of everything that the sensors of the listened streams have measured in the last tick."""
        for actor in list(self.actors.values()):
            if isinstance(actor, Sensor) and actor.stream in listened:
                for payload in sensing.measure(self, actor, self.contacts):
                    yield actor.stream, payload

    def _hold_velocities(self) -> None:
        for actor in self.actors.values():
            if isinstance(actor, Vehicle) and actor.constant_velocity is not None:
                self.set_speed(actor, actor.constant_velocity[0])

    def _forget_commands(self) -> None:
        for actor in self.actors.values():
            if isinstance(actor, Vehicle) and actor.forgets:
                self.steer(actor, NEUTRAL)

    def set_speed(self, actor: Actor, along: float) -> None:
        """Give a vehicle a speed along its own axis, m/s, backwards below zero."""
        body = self.bodies.of(actor.identifier)
        body["speed"], body["rolls_back"] = abs(along), along < 0.0

    def push(self, vehicle: Vehicle, velocity: tuple[float, float, float]) -> None:
        """Give a vehicle the part along its axis of a velocity in CARLA's axes, m/s."""
        yaw = math.radians(vehicle.pose.yaw)
        self.set_speed(vehicle, velocity[0] * math.cos(yaw) + velocity[1] * math.sin(yaw))

    def _follow(self, dt: float) -> None:
        """Where everybody is after the bodies have moved, how fast, and what hangs on them."""
        for actor in self.actors.values():
            if isinstance(actor, Vehicle):
                body = self.bodies.of(actor.identifier)
                if not body["drives"]:
                    continue
                actor.pose = self.bodies.pose_of(actor.identifier)
                velocity = (float(body["x"] - body["before_x"]) / dt, float(body["before_y"] - body["y"]) / dt, 0.0)
                actor.acceleration = tuple((n - o) / dt for n, o in zip(velocity, actor.velocity, strict=True))  # type: ignore[assignment]
                actor.velocity = velocity
                actor.angular = (0.0, 0.0, -math.degrees(float(body["yaw_rate"])))
        for actor in self.actors.values():
            parent = self.actors.get(actor.parent)
            if parent is not None:
                actor.pose = attached(parent.pose, actor.relative)

    def snapshot(self, dt: float, platform_time: float) -> bytes:
        """The state of all actors, as the world's stream carries it; `platform_time` in s of the server."""
        header = layouts.sensor_header(layouts.WORLD, self.frame, self.time, Pose())
        parts = [header, layouts.world_header(self.number, platform_time, dt, self.map_changed)]
        parts += [
            layouts.actor_state(a.identifier, a.pose, a.velocity, a.angular, a.acceleration, a.special())
            for a in self.actors.values()
        ]
        self.map_changed = False
        return b"".join(parts)

    def steer(self, vehicle: Vehicle, control: Any) -> None:
        """Give a vehicle a command, packed as `carla::rpc::VehicleControl`.

        Raises:
            Refusal: it is none.
        """
        try:
            throttle, steering, brake, hand_brake, reverse, manual, gear = control
            numbers, gear = [float(throttle), float(steering), float(brake)], min(max(int(gear), -1), 9)
        except (TypeError, ValueError, OverflowError) as error:
            raise Refusal("this is not a vehicle control") from error
        if not all(math.isfinite(number) for number in numbers):
            raise Refusal("a vehicle control must be finite")
        low = (0.0, -1.0, 0.0)
        throttle, steering, brake = (min(max(n, least), 1.0) for n, least in zip(numbers, low, strict=True))
        vehicle.control = (throttle, steering, brake, bool(hand_brake), bool(reverse), bool(manual), gear)
        body = self.bodies.of(vehicle.identifier)
        body["throttle"], body["steer_command"] = throttle, steering
        body["brake"], body["reverse"] = 1.0 if hand_brake else brake, bool(reverse) or (bool(manual) and gear < 0)

    def simulate_physics(self, actor: Actor, wanted: bool) -> None:
        """Let a vehicle drive, or stand where it is put."""
        if isinstance(actor, Vehicle):
            self.bodies.of(actor.identifier)["drives"] = wanted
            if not wanted:
                actor.velocity = actor.angular = actor.acceleration = ZERO

    def wire_of(self, identifier: int) -> list[Any]:
        """An actor as clients get it; one that has gone in this tick without a body."""
        actor = self.actors.get(identifier)
        if actor is None:
            return [identifier, 0, [0, "", []], [[0.0] * 3, [0.0] * 3, [0.0] * 3, 0], b"", b""]
        token = layouts.token_of(actor.stream, self._port) if actor.stream else b""
        return actor.to_wire(token)

    def wire_of_solid(self, row: int) -> list[Any]:
        """Something that stands in the town, as an actor without an id."""
        return [0, 0, [0, self.place.solid_names[row], []], [[0.0] * 3, [0.0] * 3, [0.0] * 3, 0], b"", b""]


def _paint_of(color: str | None) -> tuple[float, ...]:
    """Albedo 0..255 in red, green and blue of an attribute 'r,g,b'; grey where there is none."""
    return tuple(min(max(float(part), 0.0), 255.0) for part in (color or "128,128,128").split(","))
