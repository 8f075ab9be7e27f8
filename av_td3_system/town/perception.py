"""What an all-seeing observer finds ahead of the ego: the leader on its route, the state of its junction.

Used by the reward (time to collision), the metrics and the privileged baselines, by critics in training that read
the surroundings; never by a policy that sees.
"""

from __future__ import annotations

import math

import numpy as np

from av_td3_system.town.geometry import in_rectangle, steps_clear
from av_td3_system.town.kernel import kernel
from av_td3_system.town.right_of_way import conflict_end, ego_connector, find_conflict, must_yield_to
from av_td3_system.town.roads import Roads
from av_td3_system.town.routes import route_pose
from av_td3_system.town.state import NONE, WorldRecord

SIGHT = 45.0  # m
STEP = 0.5  # m
SIDE_MARGIN = 0.15  # m


@kernel()
def leader_on_route(world: WorldRecord, ego_length: float, ego_width: float) -> tuple[float, float, int]:
    """Gap, speed and index of the nearest vehicle on the ego's route; inf, 0 and NONE where none is in sight.

    The gap is in m from the ego's front along the route, below `SIGHT`; the speed in m/s along the route. What is
    parked beside the lanes does not count.
    """
    best = np.inf
    best_speed = 0.0
    who = NONE
    start = world.route_s + 0.5 * ego_length
    for j in range(world.vehicles):
        dx = world.x[j] - world.ego_x
        dy = world.y[j] - world.ego_y
        reach = min(SIGHT, best) + 0.5 * ego_length + world.size[j, 0]
        if dx * dx + dy * dy > reach * reach:
            continue
        cos_h, sin_h = math.cos(world.heading[j]), math.sin(world.heading[j])
        half_length = 0.5 * world.size[j, 0]
        half_width = 0.5 * (world.size[j, 1] + ego_width) + SIDE_MARGIN
        radius = math.hypot(half_length, half_width)
        d = 0.0
        while d < min(SIGHT, best):
            x, y, heading = route_pose(world, start + d)
            if in_rectangle(x, y, world.x[j], world.y[j], cos_h, sin_h, half_length, half_width):
                best = d
                who = j
                best_speed = max(0.0, world.speed[j] * math.cos(world.heading[j] - heading))
                break
            dx, dy = x - world.x[j], y - world.y[j]
            d += STEP * steps_clear(dx * dx + dy * dy, radius, STEP)
    return best, best_speed, who


@kernel()
def find_leader(world: WorldRecord, ego_length: float, ego_width: float) -> None:
    """Set `lead_gap` and `lead_speed` to those of `leader_on_route`."""
    gap, speed, _ = leader_on_route(world, ego_length, ego_width)
    world.lead_gap = gap
    world.lead_speed = speed


@kernel()
def line_ahead(roads: Roads, world: WorldRecord, ego_length: float) -> float:
    """Metres from the ego's front bumper to where it must wait; infinite if it need not.

    That is the line of the next junction as long as it has not been given the way there, then the
    nearest stretch that somebody who was given the way before has yet to clear.
    """
    k = ego_connector(roads, world, ego_length)
    if k == NONE:
        return np.inf
    line = world.route_lane_start[k] - world.route_s - 0.5 * ego_length
    if world.ego_granted != k:
        return line
    wanted = world.route_lane[k]
    nearest = np.inf
    for j in range(world.vehicles):
        held = must_yield_to(roads, world, j, world.ego_order, wanted)
        if held != NONE:
            distance = line + roads.conflict[find_conflict(roads, wanted, held)].enter
            if distance > 0.0:
                nearest = min(nearest, distance)
    return nearest


@kernel()
def arrival_conflict(roads: Roads, world: WorldRecord, ego_length: float, cruise: float, margin: float) -> float:
    """Metres to the next junction's line if, by extrapolated speeds, somebody will be in the ego's way there.

    The ego is taken to drive on at `cruise` m/s at least, others at their present speed along the
    path they have chosen; presence within `margin` seconds of one another counts. Infinite if free.
    """
    k = ego_connector(roads, world, ego_length)
    if k == NONE:
        return np.inf
    wanted = world.route_lane[k]
    line = world.route_lane_start[k] - world.route_s - 0.5 * ego_length
    if line <= 0.0:
        return np.inf
    speed = max(world.ego_speed, cruise)
    enter = line / speed
    leave = (line + roads.lane[wanted].length + ego_length) / speed
    for j in range(world.vehicles):
        lane = world.lane[j]
        half = 0.5 * world.size[j, 0]
        if roads.lane[lane].junction >= 0:
            end = conflict_end(roads, lane, wanted)
            if end < 0.0 or world.s[j] - half > end:
                continue
            there, gone = 0.0, (end + half - world.s[j]) / max(world.speed[j], 1.0)
        else:
            nxt = world.path[j, 1]
            end = conflict_end(roads, nxt, wanted) if roads.lane[nxt].junction >= 0 else -1.0
            if end < 0.0 or world.speed[j] < 0.5:
                continue
            distance = roads.lane[lane].length - world.s[j] - half
            there = distance / world.speed[j]
            gone = (distance + end + 2.0 * half) / world.speed[j]
        if there < leave + margin and gone > enter - margin:
            return line
    return np.inf
