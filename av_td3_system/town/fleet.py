"""Vehicles that are all driven by commands from outside, each by the ego's vehicle model, and what they run into.

One record a body, in one structured array: vehicles, and things that stand where they are put. Whoever runs into
something stays where it was before the tick; what it loses of its speed is a plastic impact along the line of centres
(against what stands fast: towards the nearest point of it). That is no crash mechanics, only enough that nothing
passes through anything and that every contact is told with an impulse of the right size.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from av_td3_system.town.bicycle import bicycle_step
from av_td3_system.town.geometry import rectangles_overlap, wrap_angle
from av_td3_system.town.kernel import kernel
from av_td3_system.town.vehicle import VehicleParameters

HIGHEST = 1.5  # m, what begins above that is no obstacle: crowns of trees

BODY = np.dtype(
    [
        ("x", np.float64),  # m, of the centre
        ("y", np.float64),
        ("heading", np.float64),  # rad, counter-clockwise
        ("speed", np.float64),  # m/s in the direction it rolls, never negative
        ("rolls_back", np.int64),  # 1: backwards
        ("steer", np.float64),  # rad, front wheels, positive to the left
        ("drive", np.float64),  # m/s^2, braking below zero
        ("yaw_rate", np.float64),  # rad/s
        ("length", np.float64),  # m
        ("width", np.float64),
        ("height", np.float64),
        ("drives", np.int64),  # 0: stays where it is put
        ("steer_command", np.float64),  # [-1, 1], positive to the right
        ("throttle", np.float64),  # [0, 1]
        ("brake", np.float64),  # [0, 1]
        ("reverse", np.int64),
        # as in VehicleParameters
        ("wheelbase", np.float64),
        ("max_steer", np.float64),
        ("max_steer_rate", np.float64),
        ("mass", np.float64),
        ("max_acceleration", np.float64),
        ("engine_power", np.float64),
        ("part_throttle_speed", np.float64),
        ("kick_down", np.float64),
        ("max_deceleration", np.float64),
        ("throttle_lag", np.float64),
        ("brake_lag", np.float64),
        ("rolling_resistance", np.float64),
        ("drag_area", np.float64),
        ("friction", np.float64),
        ("before_x", np.float64),  # pose at the beginning of the tick
        ("before_y", np.float64),
        ("before_heading", np.float64),
    ],
    align=True,
)
CONTACT = np.dtype(
    [
        ("first", np.int64),  # index of the body that moved
        ("second", np.int64),  # index of the other body, or -1 - row of `solids`
        ("impulse_x", np.float64),  # N s, on the first
        ("impulse_y", np.float64),
    ],
    align=True,
)
BodyRecord: TypeAlias = Any  # one element of an array of BODY, as the kernels see it


@kernel()
def _parameters(body: BodyRecord) -> VehicleParameters:
    return VehicleParameters(
        body.length,
        body.width,
        body.wheelbase,
        body.max_steer,
        body.max_steer_rate,
        body.mass,
        body.max_acceleration,
        body.engine_power,
        body.part_throttle_speed,
        body.kick_down,
        body.max_deceleration,
        body.throttle_lag,
        body.brake_lag,
        body.rolling_resistance,
        body.drag_area,
        body.friction,
        1.0,
        0.0,
    )


@kernel()
def drive_body(body: BodyRecord, dt: float) -> None:
    """Advance one body by `dt` seconds of its command.

    The gear is changed at a standstill: until then the throttle of the other gear brakes. Rolling backwards is the
    same arc driven from its other end.
    """
    if body.speed <= 0.0:
        body.rolls_back = body.reverse
    pedal = -body.brake if body.brake > 0.0 else body.throttle
    if body.rolls_back != body.reverse:
        pedal = -max(body.brake, body.throttle)
    ahead, aside, turned, speed, steer, drive, _ = bicycle_step(
        _parameters(body), 0.0, 0.0, 0.0, body.speed, body.steer, body.drive, body.steer_command, pedal, dt
    )
    heading = body.heading
    if body.rolls_back == 1:
        heading -= turned
        ahead, aside, turned = -ahead, -aside, -turned
    cos, sin = math.cos(heading), math.sin(heading)
    body.x += ahead * cos - aside * sin
    body.y += ahead * sin + aside * cos
    body.heading = wrap_angle(body.heading + turned)
    body.speed = speed
    body.steer = steer
    body.drive = drive
    body.yaw_rate = turned / dt


@kernel()
def _way(body: BodyRecord) -> tuple[float, float]:
    """Unit vector of the direction in which it rolls."""
    sign = -1.0 if body.rolls_back == 1 else 1.0
    return sign * math.cos(body.heading), sign * math.sin(body.heading)


@kernel()
def _put_back(body: BodyRecord, speed: float) -> None:
    body.x = body.before_x
    body.y = body.before_y
    body.heading = body.before_heading
    body.speed = max(speed, 0.0)
    body.drive = min(body.drive, 0.0)
    body.yaw_rate = 0.0


@kernel()
def _meet(a: BodyRecord, b: BodyRecord) -> tuple[float, float]:
    """Impulse (N s) on `a` of two bodies that overlap, both stopped or slowed; zero if they part anyway."""
    across_x, across_y = b.x - a.x, b.y - a.y
    apart = max(math.hypot(across_x, across_y), 1e-6)
    across_x, across_y = across_x / apart, across_y / apart
    ax, ay = _way(a)
    bx, by = _way(b)
    closing = (a.speed * ax - b.speed * bx) * across_x + (a.speed * ay - b.speed * by) * across_y
    if closing <= 0.0:
        return 0.0, 0.0
    lightness_a = 1.0 / a.mass if a.drives == 1 else 0.0
    lightness_b = 1.0 / b.mass if b.drives == 1 else 0.0
    if lightness_a + lightness_b <= 0.0:
        return 0.0, 0.0
    impulse = closing / (lightness_a + lightness_b)
    if a.drives == 1:
        _put_back(a, a.speed - impulse * lightness_a * (across_x * ax + across_y * ay))
    if b.drives == 1:
        _put_back(b, b.speed + impulse * lightness_b * (across_x * bx + across_y * by))
    return -impulse * across_x, -impulse * across_y


@kernel()
def _meet_solid(body: BodyRecord, solid: NDArray[np.float64]) -> tuple[float, float]:
    """Impulse (N s) on a body that overlaps what stands fast (x, y, yaw, half length, half width); it is stopped."""
    cos, sin = math.cos(solid[2]), math.sin(solid[2])
    dx, dy = body.x - solid[0], body.y - solid[1]
    along = min(max(dx * cos + dy * sin, -solid[3]), solid[3])
    across = min(max(dy * cos - dx * sin, -solid[4]), solid[4])
    to_x, to_y = along * cos - across * sin - dx, along * sin + across * cos - dy
    apart = math.hypot(to_x, to_y)
    if apart < 1e-6:  # the centre lies in it: towards its middle
        to_x, to_y = -dx, -dy
        apart = max(math.hypot(to_x, to_y), 1e-6)
    way_x, way_y = _way(body)
    closing = body.speed * (way_x * to_x + way_y * to_y) / apart
    if closing <= 0.0:
        return 0.0, 0.0
    _put_back(body, 0.0)
    return -body.mass * closing * to_x / apart, -body.mass * closing * to_y / apart


@njit(cache=True, nogil=True)
def drive_fleet(bodies: np.ndarray, solids: NDArray[np.float64], contacts: np.ndarray, dt: float) -> int:
    """Advance all bodies by `dt` seconds and stop those that run into something.

    Args:
        bodies: (N,) of BODY. Those that do not drive keep pose and speed.
        solids: (K, 5) x, y, yaw, half length and half width of what stands fast; m, rad.
        contacts: (C,) of CONTACT, receives who met whom; more than C are not told.
        dt: s.

    Returns:
        How many contacts there were, at most C.
    """
    count = 0
    for i in range(len(bodies)):
        body = bodies[i]
        body.before_x = body.x
        body.before_y = body.y
        body.before_heading = body.heading
        if body.drives == 1:
            drive_body(body, dt)
    for i in range(len(bodies)):
        a = bodies[i]
        for j in range(i + 1, len(bodies)):
            b = bodies[j]
            if not rectangles_overlap(a.x, a.y, a.heading, a.length, a.width, b.x, b.y, b.heading, b.length, b.width):
                continue
            x, y = _meet(a, b)
            count = _tell(contacts, count, i, j, x, y)
        if a.drives == 0 or a.speed <= 0.0:
            continue
        reach = 0.5 * (a.length + a.width)
        for k in range(solids.shape[0]):
            solid = solids[k]
            near = reach + solid[3] + solid[4]
            if abs(solid[0] - a.x) > near or abs(solid[1] - a.y) > near:
                continue
            if rectangles_overlap(
                a.x, a.y, a.heading, a.length, a.width, solid[0], solid[1], solid[2], 2.0 * solid[3], 2.0 * solid[4]
            ):
                x, y = _meet_solid(a, solid)
                count = _tell(contacts, count, i, -1 - k, x, y)
    return count


@kernel()
def _tell(contacts: np.ndarray, count: int, first: int, second: int, x: float, y: float) -> int:
    """Write a contact down unless the two part; the number of contacts then."""
    if (x == 0.0 and y == 0.0) or count >= len(contacts):
        return count
    contact = contacts[count]
    contact.first = first
    contact.second = second
    contact.impulse_x = x
    contact.impulse_y = y
    return count + 1
