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
)
from av_td3_system.config.schema import EnvironmentConfig
from av_td3_system.environments.observation import ObservationScales, route_dim, write_route

NEAR, FAR = 4.0, 15.0  # m in which the leader's closeness falls to 1/e


def surroundings_dim(environment: EnvironmentConfig) -> int:
    """S, the length of a row: with the route where the vector does not hold it."""
    return SURROUNDINGS + (route_dim(environment) if environment.navigation == "command" else 0)


@njit(cache=True, parallel=True, nogil=True)
def observe_surroundings(state: np.ndarray, scales: ObservationScales, active: np.ndarray, out: np.ndarray) -> None:
    """Write the surroundings of every active world into `out`, float32 (N, S)."""
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
