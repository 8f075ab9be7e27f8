"""CARLA's axes and the town's: y to the right, yaw clockwise in degrees; y to the left, headings in rad the other way.

A map's CARLA coordinates are its OpenDRIVE coordinates with y negated, and so both turn into each other by signs alone.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def transform(carla: Any, x: float, y: float, heading: float, z: float) -> Any:
    """A `carla.Transform` of a place in the town's axes; `carla` is the client library."""
    return carla.Transform(carla.Location(x=x, y=-y, z=z), carla.Rotation(yaw=-math.degrees(heading)))


def state_of(snapshot: Any, ahead: float = 0.0) -> NDArray[np.float64]:
    """x, y (m), heading (rad), speed (m/s, 0 backwards), yaw rate (rad/s) of an actor's snapshot, (5,).

    Args:
        snapshot: a `carla.ActorSnapshot`.
        ahead: m from the actor's origin to the middle of its box.
    """
    place, velocity = snapshot.get_transform(), snapshot.get_velocity()
    heading = -math.radians(place.rotation.yaw)
    cos, sin = math.cos(heading), math.sin(heading)
    forward = velocity.x * cos - velocity.y * sin > 0.0
    speed = math.hypot(velocity.x, velocity.y) if forward else 0.0  # in a bend it does not point along the heading
    yaw_rate = -math.radians(snapshot.get_angular_velocity().z)
    return np.array([place.location.x + ahead * cos, -place.location.y + ahead * sin, heading, speed, yaw_rate])
