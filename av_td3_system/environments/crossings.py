"""When the car's way along its route meets that of a crossing or oncoming vehicle, if both go on as they do.

Of the reward alone (`reward.crossing`): no policy and no critic reads it. Any simulator can tell it, since it needs no
more than the route and where the others are, how they stand and how fast they are.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from av_td3_system.town.kernel import kernel
from av_td3_system.town.routes import route_pose
from av_td3_system.town.state import WorldRecord

STEP = 0.1  # s between two looks ahead
MOVING = 0.5  # m/s below which a vehicle stands, and is nobody's way to cross
ALIKE = math.cos(math.radians(30.0))  # headings nearer than this follow one another, which the gap ahead is for


@njit(cache=True, parallel=True, nogil=True)
def crossing_times(state: np.ndarray, horizon: float, length: float, width: float) -> np.ndarray:
    """Seconds until the car would meet a crossing vehicle, (N,), infinite where it meets none within the horizon.

    The car goes on along its route at its present speed, each other vehicle straight ahead at its own; they meet when
    their centres are as near as the side of the one is to the front of the other. A vehicle that comes by where the
    car is now does not count, nor does any while it stands: what counts could be averted by braking.

    Args:
        state: of the worlds.
        horizon: s.
        length: of the car, m.
        width: of the car, m.
    """
    out = np.full(len(state), np.inf)
    for w in prange(len(state)):
        if state[w].ego_speed > 0.0:
            out[w] = _crossing_time(state[w], horizon, length, width)
    return out


@kernel()
def _crossing_time(world: WorldRecord, horizon: float, length: float, width: float) -> float:
    best = np.inf
    cos_h, sin_h = math.cos(world.ego_heading), math.sin(world.ego_heading)
    for j in range(world.vehicles):
        speed = world.speed[j]
        if speed < MOVING:
            continue
        vx, vy = math.cos(world.heading[j]), math.sin(world.heading[j])
        near = 0.5 * max(length + world.size[j, 1], width + world.size[j, 0])
        dx, dy = world.x[j] - world.ego_x, world.y[j] - world.ego_y
        if vx * cos_h + vy * sin_h > ALIKE or math.hypot(dx, dy) > near + (world.ego_speed + speed) * horizon:
            continue
        along = max(-(dx * vx + dy * vy), 0.0)  # until it is nearest to where the car is now
        if math.hypot(dx + along * vx, dy + along * vy) < near:
            continue
        time = STEP
        while time <= min(horizon, best):
            x, y, _ = route_pose(world, world.route_s + world.ego_speed * time)
            if math.hypot(world.x[j] + vx * speed * time - x, world.y[j] + vy * speed * time - y) < near:
                best = time
                break
            time += STEP
    return best
