"""The ego vehicle: a kinematic bicycle with actuator limits and drag (Rajamani 2012, section 2.2)."""

from __future__ import annotations

import math
from typing import NamedTuple

from numba import njit

from av_td3_system.config.schema import VehicleConfig


class VehicleParameters(NamedTuple):
    """`VehicleConfig` as plain numbers for compiled code (units there)."""

    length: float
    width: float
    wheelbase: float
    max_steer: float
    max_steer_rate: float
    max_acceleration: float
    max_deceleration: float
    rolling_drag: float
    air_drag: float
    max_speed: float


def vehicle_parameters(config: VehicleConfig) -> VehicleParameters:
    """The compiled kernels' view of the settings."""
    return VehicleParameters(**{name: float(getattr(config, name)) for name in VehicleParameters._fields})


@njit(cache=True)
def longitudinal_acceleration(p: VehicleParameters, speed: float, pedal: float) -> float:
    """Acceleration, m/s^2, for a pedal in [-1, 1]: throttle above zero, brake below.

    Drive force falls linearly to zero at the top speed; drag acts only on a moving car.
    """
    throttle = pedal * p.max_acceleration * (1.0 - speed / p.max_speed)
    drive = throttle if pedal >= 0.0 else pedal * p.max_deceleration
    drag = p.rolling_drag + p.air_drag * speed * speed if speed > 0.0 else 0.0
    return drive - drag


@njit(cache=True)
def bicycle_step(
    p: VehicleParameters,
    x: float,
    y: float,
    heading: float,
    speed: float,
    steer: float,
    steer_command: float,
    pedal: float,
    dt: float,
) -> tuple[float, float, float, float, float, float]:
    """Advance the car by `dt` seconds.

    Args:
        p: the vehicle.
        x: position of the centre, m.
        y: position of the centre, m.
        heading: rad, counter-clockwise.
        speed: m/s, never negative (there is no reverse gear).
        steer: present angle of the front wheels, rad, positive to the left.
        steer_command: in [-1, 1], positive to the RIGHT, as CARLA's `VehicleControl.steer`.
        pedal: in [-1, 1], throttle above zero, brake below.
        dt: s.

    Returns:
        x, y, heading, speed, steer and yaw rate (rad/s) after the step. The reference point is the
        middle of the wheelbase, so the velocity points `beta = atan(tan(steer) / 2)` off the heading.
    """
    target = -steer_command * p.max_steer
    limit = p.max_steer_rate * dt
    steer += min(max(target - steer, -limit), limit)
    new_speed = min(max(speed + longitudinal_acceleration(p, speed, pedal) * dt, 0.0), p.max_speed)
    mean_speed = 0.5 * (speed + new_speed)
    slip = math.atan(0.5 * math.tan(steer))
    yaw_rate = mean_speed * math.cos(slip) * math.tan(steer) / p.wheelbase
    middle = heading + slip + 0.5 * yaw_rate * dt
    x += mean_speed * math.cos(middle) * dt
    y += mean_speed * math.sin(middle) * dt
    return x, y, heading + yaw_rate * dt, new_speed, steer, yaw_rate
