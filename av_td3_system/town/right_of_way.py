"""Who must let whom pass in a junction: the later granted the earlier granted.

Whoever was given the way later stops before a shared stretch until the earlier one's rear has left
it. Waiting follows one order of grants (made by `claims`), so vehicles in a junction never wait for
one another in a circle, and none of this rests on estimates of speed. The ego has its place in the
same order.
"""

from __future__ import annotations

import math

import numpy as np

from av_td3_system.town.kernel import kernel
from av_td3_system.town.lane_lists import ListsRecord, ego_lane_index, holds_in
from av_td3_system.town.roads import Roads
from av_td3_system.town.state import NONE, WorldRecord

CLEARANCE = 0.5  # m the rear must be beyond a shared stretch
DIVERGE = 2  # kind of conflict of lanes that part: there one follows the other
PASSING_ACCELERATION = 1.0  # m/s^2 and
PASSING_SPEED = 5.0  # m/s that others are expected to reach in a junction


@kernel()
def find_conflict(roads: Roads, own: int, other: int) -> int:
    """Index of the conflict of connecting lane `own` with `other`, NONE without one.

    Lanes that part from the same lane are no conflict here: vehicles on them follow one another.
    """
    if roads.lane[own].junction != roads.lane[other].junction:
        return NONE
    for c in range(roads.lane[own].conflict_first, roads.lane[own].conflict_first + roads.lane[own].conflict_count):
        if roads.conflict[c].other == other and roads.conflict[c].kind != DIVERGE:
            return c
    return NONE


@kernel()
def conflict_end(roads: Roads, own: int, other: int) -> float:
    """Arc length on connecting lane `own` at which it has left `other`; negative without a conflict."""
    c = find_conflict(roads, own, other)
    return -1.0 if c == NONE else roads.conflict[c].leave


@kernel(forceinline=True)
def distance_to_line(roads: Roads, world: WorldRecord, i: int) -> float:
    """Metres from the front bumper to the junction entry ahead; infinite on other stretches."""
    lane = world.lane[i]
    if roads.lane[lane].junction >= 0 or roads.lane[world.path[i, 1]].junction < 0:
        return np.inf
    return roads.lane[lane].length - world.s[i] - 0.5 * world.size[i, 0]


@kernel()
def ego_connector(roads: Roads, world: WorldRecord, ego_length: float) -> int:
    """Index into the route of the connecting lane that the ego is on or comes to next, NONE if none."""
    rear = world.route_s - 0.5 * ego_length
    begin = ego_lane_index(world)
    while begin > 0 and world.route_lane_start[begin] > rear:
        begin -= 1
    for k in range(begin, world.route_lanes):
        if roads.lane[world.route_lane[k]].junction >= 0 and world.route_lane_start[k + 1] > rear:
            return k
    return NONE


@kernel()
def along_lane(roads: Roads, world: WorldRecord, j: int, held: int) -> float:
    """Position (m) of vehicle `j` along connecting lane `held`, negative before it, beyond its length after it."""
    if world.lane[j] == held:
        return world.s[j]
    if world.leaving[j] == held:
        return roads.lane[held].length + world.s[j]
    return world.s[j] - roads.lane[world.lane[j]].length


@kernel()
def must_yield_to(roads: Roads, world: WorldRecord, j: int, order: int, wanted: int) -> int:
    """The lane held by vehicle `j` that conflicts with `wanted` and must be cleared first, NONE if none.

    Only grants before `order` count; a vehicle that is just leaving a junction always does.
    """
    half = 0.5 * world.size[j, 0]
    held = world.leaving[j]
    if held != NONE:
        end = conflict_end(roads, held, wanted)
        if end >= 0.0 and along_lane(roads, world, j, held) - half < end + CLEARANCE:
            return held
    held = world.granted[j]
    if held != NONE and world.order[j] < order:
        end = conflict_end(roads, held, wanted)
        if end >= 0.0 and along_lane(roads, world, j, held) - half < end + CLEARANCE:
            return held
    return NONE


@kernel()
def must_yield_to_ego(roads: Roads, world: WorldRecord, order: int, wanted: int, ego_length: float) -> bool:
    """Whether the ego was granted a lane before `order` that conflicts with `wanted` and has not cleared it."""
    k = world.ego_granted
    if k == NONE or world.ego_order >= order:
        return False
    end = conflict_end(roads, world.route_lane[k], wanted)
    rear = world.route_s - world.route_lane_start[k] - 0.5 * ego_length
    return end >= 0.0 and rear < end + CLEARANCE


@kernel()
def time_to_cover(distance: float, speed: float, acceleration: float, top: float) -> float:
    """Seconds for `distance` metres from `speed`, accelerating (m/s^2) until `top` (m/s) is reached."""
    if distance <= 0.0:
        return 0.0
    if speed >= top:
        return distance / speed
    reach = (top * top - speed * speed) / (2.0 * acceleration)
    if distance <= reach:
        return (math.sqrt(speed * speed + 2.0 * acceleration * distance) - speed) / acceleration
    return (top - speed) / acceleration + (distance - reach) / top


@kernel()
def is_free_on_arrival(
    roads: Roads,
    world: WorldRecord,
    lists: ListsRecord,
    wanted: int,
    me: int,
    line: float,
    speed: float,
    acceleration: float,
    top: float,
    ego_length: float,
) -> bool:
    """Whether all who hold conflicting lanes will have cleared them when `me` (NONE: the ego) arrives.

    `me` is `line` metres before lane `wanted` with `speed`, and can accelerate (m/s^2) up to `top` m/s.
    """
    latest = world.grants + 1
    for h in range(lists.holders):
        j = lists.holding[h]
        if j == me or not holds_in(lists, j, roads.lane[wanted].junction):
            continue
        held = must_yield_to(roads, world, j, latest, wanted)
        if held == NONE:
            continue
        rear = along_lane(roads, world, j, held) - 0.5 * world.size[j, 0]
        rest = conflict_end(roads, held, wanted) + CLEARANCE - rear
        enter = roads.conflict[find_conflict(roads, wanted, held)].enter
        cleared = time_to_cover(rest, world.speed[j], PASSING_ACCELERATION, PASSING_SPEED)
        if cleared > time_to_cover(line + enter, speed, acceleration, top):
            return False
    return me == NONE or not world.yields[me] or not must_yield_to_ego(roads, world, latest, wanted, ego_length)
