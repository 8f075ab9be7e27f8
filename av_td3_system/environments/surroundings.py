"""What the simulator knows and the policy is not told: for the critic, in training alone.

Any simulator can tell it: the vehicle ahead along the route and the nearest vehicles, see `config.layout`. A policy
that drives by commands does not know its route; its critic does, since the rewards that it foretells depend on it.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from av_td3_system.config.layout import (
    DISTANCE_SCALE,
    LEADER_NUMBERS,
    SIGHT,
    SPEED_SCALE,
    SURROUNDINGS,
    VEHICLE_NUMBERS,
    VEHICLES,
    WAY_NUMBERS,
)
from av_td3_system.config.schema import Config
from av_td3_system.environments.observation import ObservationScales, route_dim, write_route
from av_td3_system.town.kernel import kernel
from av_td3_system.town.passages import line_gap
from av_td3_system.town.state import NONE, WorldRecord

NEAR, FAR = 4.0, 15.0  # m in which the leader's closeness falls to 1/e


def surroundings_dim(config: Config) -> int:
    """S, the length of a row: with the route where the vector does not hold it, with the way where it is told."""
    route = route_dim(config.environment) if config.environment.navigation == "command" else 0
    return SURROUNDINGS + route + (WAY_NUMBERS if config.network.critic_way else 0)


@kernel()
def _write_way(world: WorldRecord, front: float, row: np.ndarray, first: int) -> None:
    """Who has taken the way unasked has not got it: what it gives up is to be seen before and behind the line."""
    line = line_gap(world, front)
    if 0.0 < line < np.inf:
        row[first] = math.exp(-line / NEAR)
        row[first + 1] = math.exp(-line / FAR)
    if world.ego_granted == NONE:
        row[first + 2] = 1.0 if world.ego_ticket >= 0.0 and line > 0.0 else 0.0
    elif world.ego_ticket >= 0.0 and world.ego_granted_at >= world.ego_ticket:
        row[first + 3] = 1.0


@njit(cache=True, parallel=True, nogil=True)
def observe_surroundings(
    state: np.ndarray, scales: ObservationScales, way_from: float, active: np.ndarray, out: np.ndarray
) -> None:
    """Write the surroundings of every active world into `out`, float32 (N, S).

    The way is told where `way_from` >= 0: metres from the car's centre to its front.
    """
    for w in prange(out.shape[0]):
        if not active[w]:
            continue
        world = state[w]
        row = out[w]
        row[:] = 0.0
        if world.lead_gap < np.inf:
            row[0] = math.exp(-world.lead_gap / NEAR)
            row[1] = math.exp(-world.lead_gap / FAR)
            row[2] = world.lead_speed / SPEED_SCALE
        distance = np.empty(world.vehicles)
        for j in range(world.vehicles):
            distance[j] = math.hypot(world.x[j] - world.ego_x, world.y[j] - world.ego_y)
        cos_h, sin_h = math.cos(world.ego_heading), math.sin(world.ego_heading)
        for k in range(min(VEHICLES, world.vehicles)):
            nearest = np.argmin(distance)
            if distance[nearest] > SIGHT:
                break
            distance[nearest] = np.inf
            dx, dy = world.x[nearest] - world.ego_x, world.y[nearest] - world.ego_y
            turned = world.heading[nearest] - world.ego_heading
            first = LEADER_NUMBERS + VEHICLE_NUMBERS * k
            row[first] = (dx * cos_h + dy * sin_h) / DISTANCE_SCALE
            row[first + 1] = (dy * cos_h - dx * sin_h) / DISTANCE_SCALE
            row[first + 2] = math.cos(turned)
            row[first + 3] = math.sin(turned)
            row[first + 4] = world.speed[nearest] / SPEED_SCALE
            row[first + 5] = 1.0
        if scales.commands:
            write_route(world, scales, row, SURROUNDINGS)
        if way_from >= 0.0:
            _write_way(world, way_from, row, len(row) - WAY_NUMBERS)
