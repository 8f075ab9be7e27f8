"""What the simulator knows of the other vehicles and the car does not: for the critic, in training alone.

Any simulator can tell it: the vehicle ahead along the route and the nearest vehicles, see `config.layout`.
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
    VEHICLE_NUMBERS,
    VEHICLES,
)

NEAR, FAR = 4.0, 15.0  # m in which the leader's closeness falls to 1/e


@njit(cache=True, parallel=True, nogil=True)
def observe_surroundings(state: np.ndarray, active: np.ndarray, out: np.ndarray) -> None:
    """Write the surroundings of every active world into `out`, float32 (N, SURROUNDINGS)."""
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
