"""Who may pass a junction: first come, first served, never two on paths that cross or merge.

A vehicle asks for its connecting lane when it is near enough to have to decide, and holds it until
its rear has left the stretch it shares with others. The ego is one more vehicle that asks: a driver
who arrives first has the way, one who arrives later is expected to wait. Nobody enters who cannot
leave on the other side, so a junction never locks up; a claim that its owner does not use lapses.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from av_td3_system.town.traffic_parameters import TrafficParameters
from av_td3_system.town.roads import Roads
from av_td3_system.town.state import NONE, WorldRecord

CLEARANCE = 0.5  # m the rear must be beyond a shared stretch
SENIOR_AFTER = 3.0  # s of waiting after which an earlier claim blocks later ones that conflict
BLOCKED_AFTER = 8.0  # s at a standstill before the line after which a vehicle's claim lapses
MOVING = 0.5  # m/s, above it an ego may renew a lapsed claim
EGO_REACH = 12.0  # m before the line within which a standing ego may ask


@njit(cache=True)
def conflict_end(roads: Roads, own: int, other: int) -> float:
    """Arc length on connecting lane `own` at which it has left `other`; negative without a conflict.

    Lanes that part from the same lane are no conflict here: vehicles on them follow one another.
    """
    for c in range(roads.lane[own].conflict_first, roads.lane[own].conflict_first + roads.lane[own].conflict_count):
        if roads.conflict[c].other == other and roads.conflict[c].kind != 2:
            return roads.conflict[c].leave
    return -1.0


@njit(cache=True)
def distance_to_line(roads: Roads, world: WorldRecord, i: int) -> float:
    """Metres from the front bumper to the junction entry ahead; infinite on other stretches."""
    lane = world.lane[i]
    if roads.lane[lane].junction >= 0 or roads.lane[world.path[i, 1]].junction < 0:
        return np.inf
    return roads.lane[lane].length - world.s[i] - 0.5 * world.size[i, 0]


@njit(cache=True)
def ego_connector(roads: Roads, world: WorldRecord, ego_length: float) -> int:
    """Index into the route of the connecting lane that the ego is on or comes to next, NONE if none."""
    rear = world.route_s - 0.5 * ego_length
    for k in range(world.route_lanes):
        if roads.lane[world.route_lane[k]].junction >= 0 and world.route_lane_start[k + 1] > rear:
            return k
    return NONE


@njit(cache=True)
def ego_lane_index(world: WorldRecord) -> int:
    """Index into the route of the lane that the ego's centre is on."""
    k = 0
    while k + 1 < world.route_lanes and world.route_lane_start[k + 1] <= world.route_s:
        k += 1
    return k


@njit(cache=True)
def held_by_others(roads: Roads, world: WorldRecord, wanted: int, me: int, ego_length: float) -> bool:
    """Whether somebody but `me` (NONE: the ego) holds a lane that conflicts with `wanted`."""
    for j in range(world.vehicles):
        if j == me:
            continue
        held = world.granted[j]
        if held >= 0:
            end = conflict_end(roads, held, wanted)
            if end >= 0.0:
                on_it = world.lane[j] == held
                if not on_it or world.s[j] - 0.5 * world.size[j, 0] < end + CLEARANCE:
                    return True
        held = world.leaving[j]
        if held >= 0:
            end = conflict_end(roads, held, wanted)
            if end >= 0.0 and roads.lane[held].length + world.s[j] - 0.5 * world.size[j, 0] < end + CLEARANCE:
                return True
    if me != NONE and world.ego_granted != NONE:
        k = world.ego_granted
        end = conflict_end(roads, world.route_lane[k], wanted)
        rear = world.route_s - world.route_lane_start[k] - 0.5 * ego_length
        if end >= 0.0 and rear < end + CLEARANCE:
            return True
    return False


@njit(cache=True)
def room_beyond(
    roads: Roads, p: TrafficParameters, world: WorldRecord, target: int, length: float, me: int, ego_length: float
) -> bool:
    """Whether a vehicle of that length will fit behind the last one on lane `target`; `me` NONE is the ego."""
    needed = length + p.minimum_gap + 1.0
    room = np.inf
    for j in range(world.vehicles):
        if j == me:
            continue
        if world.lane[j] == target:
            # a vehicle that moves will have moved on when this one arrives
            room = min(room, world.s[j] - 0.5 * world.size[j, 0] + 1.5 * world.speed[j])
        elif world.granted[j] != NONE and roads.successors[roads.lane[world.granted[j]].successor_first] == target:
            needed += world.size[j, 0] + p.minimum_gap
    if me != NONE:
        k = ego_lane_index(world)
        if world.route_lane[k] == target:
            rear = world.route_s - world.route_lane_start[k] - 0.5 * ego_length
            room = min(room, rear + 1.5 * world.ego_speed)
        elif world.ego_granted != NONE and world.route_lane[world.ego_granted + 1] == target:
            needed += ego_length + p.minimum_gap
    return room > needed


@njit(cache=True)
def _first_in_lane(world: WorldRecord, lane: int, s: float, me: int) -> bool:
    """Whether nobody without a grant is ahead of position `s` on `lane`; `me` NONE is the ego."""
    for j in range(world.vehicles):
        if j != me and world.lane[j] == lane and world.s[j] > s and world.granted[j] == NONE:
            return False
    if me != NONE and world.ego_granted == NONE:
        k = ego_lane_index(world)
        if world.route_lane[k] == lane and world.route_s - world.route_lane_start[k] > s:
            return False
    return True


@njit(cache=True)
def _senior_waits(
    roads: Roads, world: WorldRecord, wanted: int, ticket: float, me: int, ego_lane: int, roomless: np.ndarray
) -> bool:
    """Whether an earlier claim on a conflicting lane has waited long and could use its turn."""
    for j in range(world.vehicles):
        if world.granted[j] != NONE or world.ticket[j] < 0.0 or world.ticket[j] >= ticket or roomless[j]:
            continue
        if world.standing[j] > SENIOR_AFTER and conflict_end(roads, world.path[j, 1], wanted) >= 0.0:
            return True
    if me == NONE or ego_lane == NONE or world.ego_ticket >= ticket or world.ego_standing < SENIOR_AFTER:
        return False
    return conflict_end(roads, ego_lane, wanted) >= 0.0


@njit(cache=True)
def _settle_ego(
    roads: Roads, p: TrafficParameters, world: WorldRecord, ego_length: float
) -> int:
    """Release, lapse or renew the ego's claim; returns the connecting lane it now asks for, or NONE."""
    k = ego_connector(roads, world, ego_length)
    if world.ego_granted != NONE and world.ego_granted != k:
        world.ego_granted = NONE
        world.ego_ticket = -1.0
    if k == NONE:
        return NONE
    distance = world.route_lane_start[k] - world.route_s - 0.5 * ego_length
    if distance <= 0.0:  # its front is past the line: it has taken the way, granted or not
        world.ego_granted = k
        return NONE
    if world.ego_granted != NONE:
        if world.ego_standing > p.patience:
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


@njit(cache=True)
def grant_passages(
    roads: Roads, p: TrafficParameters, world: WorldRecord, ego_length: float, done: np.ndarray, roomless: np.ndarray
) -> None:
    """Collect this tick's claims of world `w` and grant what can be granted, oldest claim first.

    `done` and `roomless` are uint8 scratch of at least M elements.
    """
    m = world.vehicles
    waiting = 0
    for i in range(m):
        done[i] = 1
        roomless[i] = 0
        if world.granted[i] != NONE:
            if world.standing[i] > BLOCKED_AFTER and world.lane[i] != world.granted[i]:
                world.granted[i] = NONE  # something stands in its way: let others pass
                world.ticket[i] = -1.0
            continue
        distance = distance_to_line(roads, world, i)
        speed = world.speed[i]
        near = distance < speed * speed / (2.0 * p.comfortable_deceleration) + p.claim_margin
        if not (near and _first_in_lane(world, world.lane[i], world.s[i], i)):
            world.ticket[i] = -1.0  # whoever waits behind another cannot hold up a third
        else:
            if world.ticket[i] < 0.0:
                world.ticket[i] = world.time
            done[i] = 0
            waiting += 1
            fits = room_beyond(roads, p, world, world.path[i, 2], world.size[i, 0], i, ego_length)
            roomless[i] = 0 if fits else 1
    ego_lane = _settle_ego(roads, p, world, ego_length)
    if ego_lane != NONE:
        k = ego_connector(roads, world, ego_length)
        fits = room_beyond(roads, p, world, world.route_lane[k + 1], ego_length, NONE, ego_length)
        own = ego_lane_index(world)
        first = _first_in_lane(world, world.route_lane[own], world.route_s - world.route_lane_start[own], NONE)
        if not (fits and first):
            ego_lane = NONE
    ego_done = ego_lane == NONE
    while waiting > 0 or not ego_done:
        oldest = NONE
        for i in range(m):
            if done[i] == 0 and (oldest == NONE or world.ticket[i] < world.ticket[oldest]):
                oldest = i
        if not ego_done and (oldest == NONE or world.ego_ticket <= world.ticket[oldest]):
            ego_done = True
            if not held_by_others(roads, world, ego_lane, NONE, ego_length) and not _senior_waits(
                roads, world, ego_lane, world.ego_ticket, NONE, ego_lane, roomless
            ):
                world.ego_granted = ego_connector(roads, world, ego_length)
            continue
        done[oldest] = 1
        waiting -= 1
        wanted = world.path[oldest, 1]
        if roomless[oldest] == 1:
            continue
        if held_by_others(roads, world, wanted, oldest, ego_length):
            continue
        if _senior_waits(roads, world, wanted, world.ticket[oldest], oldest, ego_lane, roomless):
            continue
        # again: an earlier grant of this tick may have taken the room
        if room_beyond(roads, p, world, world.path[oldest, 2], world.size[oldest, 0], oldest, ego_length):
            world.granted[oldest] = wanted
