"""What each sensor measures at a tick, as the payload of its stream."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import msgpack

from av_td3_system.carla_server import layouts
from av_td3_system.carla_server.actors import Sensor
from av_td3_system.carla_server.bodies import Contact, distance_ahead
from av_td3_system.carla_server.cameras import LARGEST_SIDE
from av_td3_system.carla_server.geodesy import place_on_earth
from av_td3_system.town.vehicle import GRAVITY

if TYPE_CHECKING:
    from av_td3_system.carla_server.episode import Episode

NO_DATA = ("sensor.other.lane_invasion",)  # the client works it out from its own map


def check(sensor: Sensor) -> None:
    """Refuse settings of a sensor that it cannot measure with.

    Raises:
        Refusal: which one, and what it may be.
    """
    sensor.number("sensor_tick", 0.0, 1e6)
    if sensor.kind.startswith("sensor.camera."):
        sensor.number("image_size_x", 1, LARGEST_SIDE)
        sensor.number("image_size_y", 1, LARGEST_SIDE)
        sensor.number("fov", 1.0, 170.0)
    if sensor.kind == "sensor.other.obstacle":
        sensor.number("distance", 0.0, 1000.0)
        sensor.number("hit_radius", 0.0, 100.0)


def measure(episode: Episode, sensor: Sensor, contacts: list[Contact]) -> Iterator[bytes]:
    """The payloads of one sensor after a tick: none, one, or one for each contact."""
    if sensor.kind in NO_DATA:
        return
    if sensor.kind == "sensor.other.collision":
        yield from _collisions(episode, sensor, contacts)
        return
    if not sensor.is_due(episode.time):
        return
    kind, picture = _MEASURES[sensor.kind]
    payload = picture(episode, sensor)
    if payload is not None:
        yield _header(episode, sensor, kind) + payload


def _header(episode: Episode, sensor: Sensor, kind: int) -> bytes:
    return layouts.sensor_header(kind, episode.frame, episode.time, sensor.pose)


def _collisions(episode: Episode, sensor: Sensor, contacts: list[Contact]) -> Iterator[bytes]:
    for contact in contacts:
        sign = 1.0
        if sensor.parent == contact.first:
            own, other = contact.first, contact.second
        elif sensor.parent == contact.second:
            own, other, sign = contact.second, contact.first, -1.0
        else:
            continue
        met = episode.wire_of_solid(contact.solid) if other is None else episode.wire_of(other)
        impulse = [sign * part for part in contact.impulse]
        data = msgpack.packb([episode.wire_of(own), met, impulse], use_bin_type=True)
        yield _header(episode, sensor, layouts.COLLISION) + data


def _color(episode: Episode, sensor: Sensor) -> bytes:
    size, fov = _view(sensor)
    picture = episode.eyes.color(
        sensor.pose, size, fov, episode.weather, episode.bodies, sensor.parent or None, episode.frame
    )
    return layouts.image(picture, fov)


def _depth(episode: Episode, sensor: Sensor) -> bytes:
    size, fov = _view(sensor)
    return layouts.image(episode.eyes.depth(sensor.pose, size, fov, episode.bodies, sensor.parent or None), fov)


def _semantic(episode: Episode, sensor: Sensor) -> bytes:
    size, fov = _view(sensor)
    return layouts.image(episode.eyes.tags(sensor.pose, size, fov, episode.bodies, sensor.parent or None), fov)


def _view(sensor: Sensor) -> tuple[tuple[int, int], float]:
    width, height = (int(sensor.number(f"image_size_{axis}", 1, LARGEST_SIDE)) for axis in "xy")
    return (width, height), sensor.number("fov", 1.0, 170.0)


def _gnss(episode: Episode, sensor: Sensor) -> bytes:
    found = place_on_earth(episode.place.origin, sensor.pose.x, sensor.pose.y, sensor.pose.z)
    packed: bytes = msgpack.packb(list(found))
    return packed


def _imu(episode: Episode, sensor: Sensor) -> bytes:
    """Specific force in the sensor's axes (m/s^2), turning rates (rad/s), and the compass (rad, 0 towards north)."""
    carrier = episode.actors.get(sensor.parent, sensor)
    cos, sin = math.cos(math.radians(sensor.pose.yaw)), math.sin(math.radians(sensor.pose.yaw))
    x, y, z = carrier.acceleration
    force = [x * cos + y * sin, y * cos - x * sin, z + GRAVITY]
    turning = [math.radians(rate) for rate in carrier.angular]
    compass = math.radians(sensor.pose.yaw + 90.0) % (2.0 * math.pi)
    packed: bytes = msgpack.packb([force, turning, compass])
    return packed


def _obstacle(episode: Episode, sensor: Sensor) -> bytes | None:
    """The nearest thing that a ball thrown ahead of the sensor meets, or nothing."""
    reach, radius = sensor.number("distance", 0.0, 1000.0), sensor.number("hit_radius", 0.0, 100.0)
    found: list[tuple[float, list[Any]]] = []
    for actor in episode.actors.values():
        if actor.blueprint.size is None or actor.identifier == sensor.parent:
            continue
        body = episode.bodies.of(actor.identifier)
        box = (body["x"], body["y"], body["heading"], body["length"] / 2, body["width"] / 2)
        far = distance_ahead(sensor.pose, radius, reach, tuple(float(number) for number in box))  # type: ignore[arg-type]
        if far is not None:
            found.append((far, episode.wire_of(actor.identifier)))
    if sensor.attributes.get("only_dynamics", "false").lower() not in ("true", "1"):
        for row, solid in enumerate(episode.place.solids):
            far = distance_ahead(sensor.pose, radius, reach, tuple(float(number) for number in solid))  # type: ignore[arg-type]
            if far is not None:
                found.append((far, episode.wire_of_solid(row)))
    if not found:
        return None
    nearest, other = min(found, key=lambda pair: pair[0])
    own = episode.wire_of(sensor.parent if sensor.parent in episode.actors else sensor.identifier)
    packed: bytes = msgpack.packb([own, other, nearest], use_bin_type=True)
    return packed


_MEASURES: dict[str, tuple[int, Callable[[Episode, Sensor], bytes | None]]] = {
    "sensor.camera.rgb": (layouts.RGB, _color),
    "sensor.camera.depth": (layouts.DEPTH, _depth),
    "sensor.camera.semantic_segmentation": (layouts.SEMANTIC, _semantic),
    "sensor.other.gnss": (layouts.GNSS, _gnss),
    "sensor.other.imu": (layouts.IMU, _imu),
    "sensor.other.obstacle": (layouts.OBSTACLE, _obstacle),
}
