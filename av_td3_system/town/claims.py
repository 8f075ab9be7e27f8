"""Who is given the way through a junction: first come, first served.

A vehicle asks for its connecting lane when it is near enough to have to decide. It is granted when
everybody who was granted a conflicting lane before will, by estimate, have cleared the shared
stretch on its arrival; should the estimate fail, `right_of_way` makes the later one wait. Nobody is
granted a lane beyond which there is no room, and a claim that is not used lapses.

The ego is one more vehicle that asks: a driver who comes first has the way, one who comes later is
expected to wait.
"""

from __future__ import annotations

import numpy as np

from av_td3_system.town.kernel import kernel
from av_td3_system.town.lane_lists import ListsRecord, add_holder, first_on
from av_td3_system.town.right_of_way import (
    conflict_end,
    distance_to_line,
    ego_connector,
    is_free_on_arrival,
)
from av_td3_system.town.roads import Roads
from av_td3_system.town.state import NONE, WorldRecord
from av_td3_system.town.traffic_parameters import TrafficParameters

SENIOR_AFTER = 3.0  # s of waiting after which an earlier claim blocks later ones that conflict
BLOCKED_AFTER = 8.0  # s at a standstill before the line after which a vehicle's claim lapses
MOVING = 0.5  # m/s, above it an ego may renew a lapsed claim
EGO_REACH = 12.0  # m before the line within which a standing ego may ask
EGO_ARRIVAL = (2.0, 8.0)  # m/s^2 and m/s that the ego may reach on its way to the shared stretch
SLOWDOWN = 6.0  # m/s^2, twice the deceleration with which the last vehicle beyond is taken to stop at worst


@kernel()
def room_beyond(
    roads: Roads,
    p: TrafficParameters,
    world: WorldRecord,
    lists: ListsRecord,
    target: int,
    length: float,
    me: int,
    ego_length: float,
) -> bool:
    """Whether a vehicle of that length will fit behind the last one on lane `target`; `me` NONE is the ego."""
    needed = length + p.minimum_gap + 1.0
    room = np.inf
    j = first_on(lists, target)
    while j != NONE:
        if j != me and world.lane[j] == target:
            # a vehicle that moves will have moved on at least so far when it stands
            speed = world.speed[j]
            room = min(room, world.s[j] - 0.5 * world.size[j, 0] + speed * speed / SLOWDOWN)
        j = lists.next[j]
    for h in range(lists.holders):
        j = lists.holding[h]
        if j == me or world.granted[j] == NONE or world.lane[j] == target:
            continue
        if roads.successors[roads.lane[world.granted[j]].successor_first] == target:
            needed += world.size[j, 0] + p.minimum_gap
    if me != NONE:
        k = lists.ego_lane
        if world.route_lane[k] == target:
            rear = world.route_s - world.route_lane_start[k] - 0.5 * ego_length
            room = min(room, rear + world.ego_speed * world.ego_speed / SLOWDOWN)
        elif world.ego_granted != NONE and world.route_lane[world.ego_granted + 1] == target:
            needed += ego_length + p.minimum_gap
    return room > needed


@kernel()
def first_in_lane(world: WorldRecord, lists: ListsRecord, lane: int, s: float, me: int) -> bool:
    """Whether nobody without a grant is ahead of position `s` on `lane`; `me` NONE is the ego."""
    j = first_on(lists, lane)
    while j != NONE:
        if j != me and world.lane[j] == lane and world.s[j] > s and world.granted[j] == NONE:
            return False
        j = lists.next[j]
    if me != NONE and world.ego_granted == NONE:
        k = lists.ego_lane
        if world.route_lane[k] == lane and world.route_s - world.route_lane_start[k] > s:
            return False
    return True


@kernel()
def _senior_waits(
    roads: Roads, world: WorldRecord, lists: ListsRecord, wanted: int, ticket: float, me: int, ego_lane: int
) -> bool:
    """Whether an earlier claim on a conflicting lane has waited long and could use its turn."""
    for a in range(lists.askers):
        j = lists.asking[a]
        if world.granted[j] != NONE or world.ticket[j] >= ticket or lists.roomless[j]:
            continue
        if world.standing[j] > SENIOR_AFTER and conflict_end(roads, world.path[j, 1], wanted) >= 0.0:
            return True
    if me == NONE or ego_lane == NONE or world.ego_ticket >= ticket or world.ego_standing < SENIOR_AFTER:
        return False
    return conflict_end(roads, ego_lane, wanted) >= 0.0


@kernel()
def _take_turn(world: WorldRecord) -> int:
    world.grants += 1
    return world.grants


@kernel()
def _settle_ego(roads: Roads, p: TrafficParameters, world: WorldRecord, ego_length: float) -> int:
    """Release, lapse or renew the ego's claim; returns the connecting lane it now asks for, or NONE."""
    k = ego_connector(roads, world, ego_length)
    if world.ego_granted != NONE and world.ego_granted != k:
        world.ego_granted = NONE
        world.ego_ticket = -1.0
    if k == NONE:
        return NONE
    distance = world.route_lane_start[k] - world.route_s - 0.5 * ego_length
    if distance <= 0.0:  # its front is past the line: it has taken the way, granted or not
        if world.ego_granted == NONE:
            world.ego_granted = k
            world.ego_order = _take_turn(world)
        return NONE
    if world.ego_granted != NONE:
        if min(world.ego_standing, world.time - world.ego_granted_at) > p.patience:
            world.ego_granted = NONE
            world.ego_ticket = -1.0
            world.ego_barred = world.time + p.patience
        return NONE
    speed = world.ego_speed
    near = distance < speed * speed / (2.0 * p.comfortable_deceleration) + p.claim_margin
    allowed = speed > MOVING or (distance < EGO_REACH and world.time >= world.ego_barred)
    if not (near and allowed):
        if not near:
            world.ego_ticket = -1.0
        return NONE
    if world.ego_ticket < 0.0:
        world.ego_ticket = world.time
    return world.route_lane[k]


@kernel(forceinline=True)
def _collect_claims(
    roads: Roads, p: TrafficParameters, world: WorldRecord, lists: ListsRecord, ego_length: float
) -> None:
    """Let unused grants lapse and list who asks, and for whom the lane beyond is full."""
    lists.askers = 0
    for i in range(world.vehicles):
        if world.granted[i] != NONE:
            waited = min(world.standing[i], world.time - world.granted_at[i])
            if waited > BLOCKED_AFTER and world.lane[i] != world.granted[i]:
                world.granted[i] = NONE  # something stands in its way: let others pass
                world.ticket[i] = -1.0
            continue
        distance = distance_to_line(roads, world, i)
        speed = world.speed[i]
        near = distance < speed * speed / (2.0 * world.comfortable_deceleration[i]) + p.claim_margin
        if not (near and first_in_lane(world, lists, world.lane[i], world.s[i], i)):
            world.ticket[i] = -1.0  # whoever waits behind another cannot hold up a third
            continue
        if world.ticket[i] < 0.0:
            world.ticket[i] = world.time if world.yields[i] else 0.0  # as if it had come first of all
        lists.asking[lists.askers] = i
        lists.askers += 1
        fits = room_beyond(roads, p, world, lists, world.path[i, 2], world.size[i, 0], i, ego_length)
        lists.roomless[i] = 0 if fits else 1
        lists.answered[i] = 0


@kernel()
def _try_vehicle(
    roads: Roads,
    p: TrafficParameters,
    world: WorldRecord,
    lists: ListsRecord,
    i: int,
    ego_lane: int,
    ego_length: float,
) -> None:
    wanted = world.path[i, 1]
    if lists.roomless[i] == 1:
        return
    if world.yields[i] and _senior_waits(roads, world, lists, wanted, world.ticket[i], i, ego_lane):
        return
    speed = world.speed[i]
    line = distance_to_line(roads, world, i)
    top = max(roads.lane[wanted].entry_speed, 3.0)
    if not is_free_on_arrival(roads, world, lists, wanted, i, line, speed, world.max_acceleration[i], top, ego_length):
        return
    # again: an earlier grant of this tick may have taken the room
    if room_beyond(roads, p, world, lists, world.path[i, 2], world.size[i, 0], i, ego_length):
        world.granted[i] = wanted
        add_holder(lists, i, roads.lane[wanted].junction)
        world.granted_at[i] = world.time
        world.order[i] = _take_turn(world)


@kernel(forceinline=True)
def grant_passages(
    roads: Roads, p: TrafficParameters, world: WorldRecord, lists: ListsRecord, ego_length: float
) -> None:
    """Collect this tick's claims of one world and grant what can be granted, oldest claim first."""
    _collect_claims(roads, p, world, lists, ego_length)
    ego_lane = _settle_ego(roads, p, world, ego_length)
    k = ego_connector(roads, world, ego_length)
    if ego_lane != NONE:
        fits = room_beyond(roads, p, world, lists, world.route_lane[k + 1], ego_length, NONE, ego_length)
        own = lists.ego_lane
        first = first_in_lane(world, lists, world.route_lane[own], world.route_s - world.route_lane_start[own], NONE)
        if not (fits and first):
            ego_lane = NONE
    ego_done = ego_lane == NONE
    waiting = lists.askers
    while waiting > 0 or not ego_done:
        oldest = NONE
        for a in range(lists.askers):
            i = lists.asking[a]
            if lists.answered[i] == 0 and (oldest == NONE or world.ticket[i] < world.ticket[oldest]):
                oldest = i
        if not ego_done and (oldest == NONE or world.ego_ticket <= world.ticket[oldest]):
            ego_done = True
            if _senior_waits(roads, world, lists, ego_lane, world.ego_ticket, NONE, ego_lane):
                continue
            line = world.route_lane_start[k] - world.route_s - 0.5 * ego_length
            if is_free_on_arrival(
                roads, world, lists, ego_lane, NONE, line, world.ego_speed, EGO_ARRIVAL[0], EGO_ARRIVAL[1], ego_length
            ):
                world.ego_granted = k
                world.ego_granted_at = world.time
                world.ego_order = _take_turn(world)
            continue
        lists.answered[oldest] = 1
        waiting -= 1
        _try_vehicle(roads, p, world, lists, oldest, ego_lane, ego_length)
