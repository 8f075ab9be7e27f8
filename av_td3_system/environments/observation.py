"""The vector part of the observation: what a car knows of itself and of its route, nothing privileged.

All numbers are divided by constants of the config and clipped to [-LIMIT, LIMIT]; left is positive (ISO 8855). First of
all the car's own: speed, yaw rate, steering angle, last steering, last pedal. By `environment.navigation` follow
- waypoints, D = 7 + 2 * waypoints: signed lateral deviation and heading error, both to the route, then (forward, left)
  of each waypoint in the car's frame;
- command, D = 10: the turn at the junction that it is in or comes to within `command_distance` (follow the lane, left,
  right, straight on; one of them 1), and the distance to its entry, 1 where none is near, 0 until its exit. Nothing
  of where the car is in its lane (Codevilla et al. 2018).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit, prange

from av_td3_system.config.layout import LAST_ACTION
from av_td3_system.config.schema import EnvironmentConfig, VehicleConfig
from av_td3_system.town.kernel import kernel
from av_td3_system.town.passages import TURNS, next_turn
from av_td3_system.town.routes import route_pose
from av_td3_system.town.state import WorldRecord

LIMIT = 5.0
CAR_NUMBERS = 5  # of the car alone
OWN_NUMBERS = 7  # with its place on the route; where the waypoints begin
COMMAND_NUMBERS = TURNS + 1


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
    commands: bool
    command_distance: float


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
        environment.navigation == "command",
        environment.command_distance,
    )


def vector_dim(environment: EnvironmentConfig) -> int:
    """D, the length of the vector observation."""
    return CAR_NUMBERS + (COMMAND_NUMBERS if environment.navigation == "command" else route_dim(environment))


def route_dim(environment: EnvironmentConfig) -> int:
    """Numbers that `write_route` writes."""
    return OWN_NUMBERS - CAR_NUMBERS + 2 * environment.waypoints


@kernel()
def write_route(world: WorldRecord, scales: ObservationScales, row: np.ndarray, first: int) -> None:
    """Deviation, heading error and waypoints into `row` from place `first` on, within the limit."""
    row[first] = world.lateral / scales.deviation
    row[first + 1] = world.heading_error / scales.heading
    cos_h, sin_h = math.cos(world.ego_heading), math.sin(world.ego_heading)
    for k in range(scales.waypoints):
        x, y, _ = route_pose(world, world.route_s + (k + 1) * scales.spacing)
        dx, dy = x - world.ego_x, y - world.ego_y
        row[first + 2 + 2 * k] = (dx * cos_h + dy * sin_h) / scales.waypoint
        row[first + 3 + 2 * k] = (dy * cos_h - dx * sin_h) / scales.waypoint_side
    for k in range(first, first + 2 + 2 * scales.waypoints):
        row[k] = min(max(row[k], -LIMIT), LIMIT)


@kernel()
def write_command(world: WorldRecord, scales: ObservationScales, row: np.ndarray, first: int) -> None:
    """The next turn, one of TURNS numbers 1, and the distance to it into `row` from place `first` on."""
    turn, distance = next_turn(world, scales.command_distance)
    for k in range(TURNS):
        row[first + k] = 1.0 if k == turn else 0.0
    row[first + TURNS] = distance / scales.command_distance


@njit(cache=True, parallel=True, nogil=True)
def observe(
    state: np.ndarray, scales: ObservationScales, last_action: np.ndarray, active: np.ndarray, out: np.ndarray
) -> None:
    """Write the vector observation of every active world into `out`, float32 (N, D)."""
    for w in prange(out.shape[0]):
        if not active[w]:
            continue
        world = state[w]
        row = out[w]
        row[0] = world.ego_speed / scales.speed
        row[1] = world.ego_yaw_rate / scales.yaw_rate
        row[2] = world.ego_steer / scales.steer
        row[LAST_ACTION] = last_action[w, 0]
        row[LAST_ACTION + 1] = last_action[w, 1]
        for k in range(CAR_NUMBERS):
            row[k] = min(max(row[k], -LIMIT), LIMIT)
        if scales.commands:
            write_command(world, scales, row, CAR_NUMBERS)
        else:
            write_route(world, scales, row, CAR_NUMBERS)
