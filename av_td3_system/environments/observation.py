"""The vector part of the observation: what a car knows of itself and of its route, nothing privileged.

Layout, D = 7 + 2 * waypoints, all divided by constants of the config and clipped to [-LIMIT, LIMIT]:
speed, yaw rate, steering angle, last steering, last pedal, signed lateral deviation, signed heading
error, then (forward, left) of each waypoint in the car's frame. Left is positive (ISO 8855).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit, prange

from av_td3_system.config.schema import EnvironmentConfig, VehicleConfig
from av_td3_system.town.routes import route_pose

LIMIT = 5.0
OWN_NUMBERS = 7


class ObservationScales(NamedTuple):
    """What stands as 1 in the observation."""

    speed: float
    yaw_rate: float
    steer: float
    deviation: float
    heading: float
    waypoint: float
    waypoint_side: float
    spacing: float
    waypoints: int


def observation_scales(environment: EnvironmentConfig, vehicle: VehicleConfig) -> ObservationScales:
    """The compiled kernel's view of the settings."""
    return ObservationScales(
        environment.speed_scale,
        environment.yaw_rate_scale,
        vehicle.max_steer,
        environment.deviation_scale,
        environment.heading_scale,
        environment.waypoint_scale,
        environment.waypoint_side_scale,
        environment.waypoint_spacing,
        environment.waypoints,
    )


def vector_dim(environment: EnvironmentConfig) -> int:
    """D, the length of the vector observation."""
    return OWN_NUMBERS + 2 * environment.waypoints


@njit(cache=True, parallel=True, nogil=True)
def observe(
    state: np.ndarray, scales: ObservationScales, last_action: np.ndarray, active: np.ndarray, out: np.ndarray
) -> None:
    """Write the vector observation of every active world into `out`, float32 (N, D)."""
    for w in prange(out.shape[0]):
        if not active[w]:
            continue
        world = state[w]
        out[w, 0] = world.ego_speed / scales.speed
        out[w, 1] = world.ego_yaw_rate / scales.yaw_rate
        out[w, 2] = world.ego_steer / scales.steer
        out[w, 3] = last_action[w, 0]
        out[w, 4] = last_action[w, 1]
        out[w, 5] = world.lateral / scales.deviation
        out[w, 6] = world.heading_error / scales.heading
        cos_h, sin_h = math.cos(world.ego_heading), math.sin(world.ego_heading)
        for k in range(scales.waypoints):
            x, y, _ = route_pose(world, world.route_s + (k + 1) * scales.spacing)
            dx, dy = x - world.ego_x, y - world.ego_y
            out[w, OWN_NUMBERS + 2 * k] = (dx * cos_h + dy * sin_h) / scales.waypoint
            out[w, OWN_NUMBERS + 2 * k + 1] = (dy * cos_h - dx * sin_h) / scales.waypoint_side
        for k in range(out.shape[1]):
            out[w, k] = min(max(out[w, k], -LIMIT), LIMIT)
