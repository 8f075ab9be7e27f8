"""How the other vehicles of one world move in one tick: following their roads, stopping where they must."""

from __future__ import annotations

import math

import numpy as np

from av_td3_system.town.driver_model import behind, dawdled, free_road, most_dawdled
from av_td3_system.town.geometry import JOINT_GAP, STRETCH, in_rectangle, lane_pose, steps_clear, wrap_angle
from av_td3_system.town.kernel import kernel
from av_td3_system.town.lane_change import drift, maybe_change, move_sideways
from av_td3_system.town.lane_lists import ListsRecord, holds_in
from av_td3_system.town.leader import SIGHT, leader
from av_td3_system.town.random_stream import any_successor
from av_td3_system.town.right_of_way import (
    along_lane,
    distance_to_line,
    find_conflict,
    must_yield_to,
    must_yield_to_ego,
)
from av_td3_system.town.roads import Roads
from av_td3_system.town.state import NONE, PATH, WorldRecord
from av_td3_system.town.stops import maybe_detour, maybe_pause
from av_td3_system.town.traffic_parameters import TrafficParameters

EGO_SIGHT = 45.0  # m around the ego within which vehicles watch for it
SIDE_MARGIN = 0.3  # m of lateral clearance to the ego that a vehicle wants
LINE_OFFSET = 1.0  # m by which the standstill gap overlaps the stop line
STANDSTILL = 0.1  # m/s
ACROSS = 0.8  # cosine between headings below which the ego crosses a path and does not follow it
EGO_STOPS = 1.0  # m/s below which the ego is taken to stand
YIELD_MARGIN = 0.5  # m before a shared stretch at which a vehicle that yields stands
IN_IT = 1.0  # m into a shared stretch from which on a vehicle no longer stops for others
MERGE = 1  # kind of conflict of lanes that join
BRAKE_LAMP = -0.6  # m/s^2


@kernel(forceinline=True)
def extend_path(roads: Roads, world: WorldRecord, i: int) -> None:
    """Forget the lane just left and choose a successor at the far end at random."""
    for k in range(PATH - 1):
        world.path[i, k] = world.path[i, k + 1]
    world.path[i, PATH - 1] = any_successor(roads, world, world.path[i, PATH - 2])


@kernel(forceinline=True)
def _relies_on_its_right(roads: Roads, world: WorldRecord, i: int, lane: int) -> bool:
    """Whether vehicle `i` holds connecting lane `lane` since before the moving ego got the way."""
    if roads.lane[lane].junction < 0 or world.granted[i] != lane or world.ego_speed < EGO_STOPS:
        return False
    return world.ego_granted == NONE or world.order[i] < world.ego_order


@kernel(forceinline=True)
def ego_in_the_way(
    roads: Roads, world: WorldRecord, i: int, reach: float, ego_length: float, ego_width: float
) -> tuple[float, float]:
    """Gap and speed (along the path) of the ego if it stands or drives on the next `reach` metres of the path.

    Who was given the way first relies on it: it does not expect a moving ego to cut across.
    """
    dx = world.ego_x - world.x[i]
    dy = world.ego_y - world.y[i]
    # beyond this the ego, wherever it heads, is out of the path's reach
    farthest = (reach + 0.5 * world.size[i, 0]) / STRETCH + JOINT_GAP + abs(world.shift[i]) + ego_length + ego_width
    if dx * dx + dy * dy > min(EGO_SIGHT, farthest + world.size[i, 1]) ** 2:
        return np.inf, 0.0
    cos_e, sin_e = math.cos(world.ego_heading), math.sin(world.ego_heading)
    half_length = 0.5 * ego_length
    half_width = 0.5 * (ego_width + world.size[i, 1]) + SIDE_MARGIN
    radius = math.hypot(half_length, half_width)
    half = 0.5 * world.size[i, 0]
    k = 0
    offset = 0.0
    lane = world.lane[i]
    d = 0.0
    while d <= reach:
        s = world.s[i] + half + d - offset
        while s > roads.lane[lane].length:
            if k == PATH - 1:
                return np.inf, 0.0
            offset += roads.lane[lane].length
            s -= roads.lane[lane].length
            k += 1
            lane = world.path[i, k]
        x, y, heading = lane_pose(roads, lane, s)
        if in_rectangle(x, y, world.ego_x, world.ego_y, cos_e, sin_e, half_length, half_width):
            if _relies_on_its_right(roads, world, i, lane) and math.cos(world.ego_heading - heading) < ACROSS:
                return np.inf, 0.0
            return d - 0.5, max(0.0, world.ego_speed * math.cos(world.ego_heading - heading))
        dx, dy = x - world.ego_x, y - world.ego_y
        d += steps_clear(dx * dx + dy * dy, radius, 1.0)
    return np.inf, 0.0


@kernel(forceinline=True)
def _stop_before(speed: float, distance: float, comfortable: float) -> float:
    """Acceleration that keeps a stop before `distance` possible; infinite while there is no need to brake yet."""
    needed = speed * speed / (2.0 * max(distance - YIELD_MARGIN, 0.1))
    return -needed if needed > 0.9 * comfortable or distance < 2.0 * YIELD_MARGIN else np.inf


@kernel(forceinline=True)
def yield_in_junction(
    roads: Roads,
    p: TrafficParameters,
    world: WorldRecord,
    lists: ListsRecord,
    i: int,
    free: float,
    ego_length: float,
    dt: float,
) -> float:
    """Greatest acceleration, m/s^2, that lets those pass first who were granted the way before vehicle `i`.

    It stops before a stretch shared with one of them until that one has cleared it; where the lanes
    join it may instead follow the one that is nearer to the end. `free` is its acceleration on a free road, m/s^2.
    """
    own = world.granted[i]
    junction = roads.lane[own].junction
    speed = world.speed[i]
    b = world.comfortable_deceleration[i]
    front = along_lane(roads, world, i, own) + 0.5 * world.size[i, 0]
    best = np.inf
    for h in range(lists.holders):
        j = lists.holding[h]
        if j == i or not holds_in(lists, j, junction):
            continue
        held = must_yield_to(roads, world, j, world.order[i], own)
        if held == NONE:
            continue
        c = find_conflict(roads, own, held)
        distance = roads.conflict[c].enter - front
        allowed = _stop_before(speed, distance, b) if distance > -IN_IT else np.inf
        if roads.conflict[c].kind == MERGE:
            rear = along_lane(roads, world, j, held) - 0.5 * world.size[j, 0]
            gap = (roads.lane[own].length - front) - (roads.lane[held].length - rear)
            if gap > 0.0 or distance <= -IN_IT:
                follow = behind(p, free, speed, gap, world.speed[j], world.headway[i], world.max_acceleration[i], b, dt)
                allowed = follow if distance <= -IN_IT else max(allowed, follow)
        best = min(best, allowed)
    for c in range(roads.lane[own].conflict_first, roads.lane[own].conflict_first + roads.lane[own].conflict_count):
        distance = roads.conflict[c].enter - front
        if (
            world.ego_granted != NONE
            and world.yields[i]
            and roads.conflict[c].other == world.route_lane[world.ego_granted]
            and distance > -IN_IT
            and must_yield_to_ego(roads, world, world.order[i], own, ego_length)
        ):
            best = min(best, _stop_before(speed, distance, b))
    return best


@kernel(forceinline=True)
def _desired_speed(roads: Roads, world: WorldRecord, i: int) -> float:
    lane = world.lane[i]
    s = world.s[i]
    spacing = roads.lane[lane].length / (roads.lane[lane].count - 1)
    sample = min(int(s / spacing + 0.5), roads.lane[lane].count - 1)
    bend = roads.sample[roads.lane[lane].first + sample].allowed_speed
    desired = min(world.speed_factor[i] * roads.lane[lane].speed_limit, bend)
    rest = max(roads.lane[lane].length - s, 0.0)
    entry = roads.lane[world.path[i, 1]].entry_speed
    return min(desired, math.sqrt(entry * entry + 2.0 * world.comfortable_deceleration[i] * rest))


@kernel(forceinline=True)
def decide_acceleration(
    roads: Roads,
    p: TrafficParameters,
    world: WorldRecord,
    lists: ListsRecord,
    i: int,
    ego_length: float,
    ego_width: float,
    dt: float,
) -> float:
    """What the driver of vehicle `i` does in this tick of `dt` s, m/s^2."""
    speed = world.speed[i]
    gap, lead_speed = leader(roads, world, lists, i)
    desired = _desired_speed(roads, world, i)
    a = world.max_acceleration[i]
    b = world.comfortable_deceleration[i]
    headway = world.headway[i]
    free = free_road(p, speed, desired, a, b, dt)
    best = behind(p, free, speed, gap, lead_speed, headway, a, b, dt)
    if world.granted[i] == NONE:
        line = distance_to_line(roads, world, i)
        if line < SIGHT:
            best = min(best, behind(p, free, speed, line + LINE_OFFSET, 0.0, headway, a, b, dt))
    else:
        best = min(best, yield_in_junction(roads, p, world, lists, i, free, ego_length, dt))
    reach = 8.0 + speed * speed / 3.0
    gap, lead_speed = ego_in_the_way(roads, world, i, reach, ego_length, ego_width)
    if gap < np.inf:
        best = min(best, behind(p, free, speed, gap, lead_speed, headway, a, b, dt))
    if world.pause[i] > 0.0:
        best = min(best, -0.8 * b)
    return max(dawdled(p, world, best, a), -p.emergency_deceleration)


@kernel()
def move_traffic(
    roads: Roads,
    p: TrafficParameters,
    world: WorldRecord,
    lists: ListsRecord,
    ego_length: float,
    ego_width: float,
    dt: float,
) -> None:
    """Advance all other vehicles by `dt` seconds (decisions first, then motion)."""
    for i in range(world.vehicles):
        maybe_pause(roads, p, world, lists, i, dt)
        maybe_detour(roads, world, i, dt)
        maybe_change(roads, p, world, lists, i, ego_length, dt)
        world.acceleration[i] = decide_acceleration(roads, p, world, lists, i, ego_length, ego_width, dt)
    for i in range(world.vehicles):
        before = world.speed[i]
        speed = max(before + world.acceleration[i] * dt, 0.0)
        world.speed[i] = speed
        travelled = 0.5 * (before + speed) * dt
        world.s[i] += travelled
        move_sideways(roads, world, i, travelled, dt)
        world.standing[i] = world.standing[i] + dt if speed < STANDSTILL else 0.0
        braked = BRAKE_LAMP - most_dawdled(p, world.max_acceleration[i])  # to dawdle is to lift the foot
        world.brake[i] = 1 if world.acceleration[i] < braked or speed < STANDSTILL else 0
        lane = world.lane[i]
        if world.s[i] > roads.lane[lane].length:
            world.s[i] -= roads.lane[lane].length
            if roads.lane[lane].junction >= 0:
                world.leaving[i] = lane
                world.granted[i] = NONE
                world.ticket[i] = -1.0
            extend_path(roads, world, i)
            world.lane[i] = world.path[i, 0]
            world.from_lane[i] = NONE
        if world.leaving[i] != NONE and world.s[i] > 0.5 * world.size[i, 0] + 1.0:
            world.leaving[i] = NONE
        place_vehicle(roads, world, i)


@kernel(forceinline=True)
def place_vehicle(roads: Roads, world: WorldRecord, i: int) -> None:
    """Recompute the pose of vehicle `i` from its lane coordinate and its place beside the centre."""
    x, y, heading = lane_pose(roads, world.lane[i], world.s[i])
    shift = world.shift[i]
    if shift != 0.0:
        x -= shift * math.sin(heading)
        y += shift * math.cos(heading)
        heading = wrap_angle(heading + drift(world.speed[i], shift))
    world.x[i] = x
    world.y[i] = y
    world.heading[i] = heading
