"""Lane changes of other vehicles: MOBIL (Kesting, Treiber & Helbing 2007) decides, a smooth sideways motion follows.

MOBIL weighs the accelerations of the model that the traffic drives by. Krauss' are seen over a driver's reaction time:
within a tick the smallest difference between two safe speeds would be worth a change. What a change imposes is what the
driver would do in the next tick.

A vehicle that has decided belongs to the new lane at once and is `shift` metres beside its centre; until it
has moved over it is in the way on the lane it comes from, too (`from_lane`, at `from_s`).
"""

from __future__ import annotations

import math

import numpy as np

from av_td3_system.town.driver_model import behind, free_road
from av_td3_system.town.kernel import kernel
from av_td3_system.town.lane_lists import ListsRecord, first_on, move_to_lane
from av_td3_system.town.random_stream import any_successor
from av_td3_system.town.roads import Roads
from av_td3_system.town.state import NONE, PATH, WorldRecord
from av_td3_system.town.traffic_parameters import TrafficParameters

EGO = -2  # stands for the ego where a vehicle's index is expected
EVERY = 10  # ticks between two looks of one vehicle at its neighbouring lanes
BEFORE_JUNCTION = 40.0  # m before the end of a lane within which nobody changes
AFTER_JUNCTION = 10.0  # m from its beginning, likewise
SIDEWAYS = 1.2  # m/s
LEAST_SPEED = 2.0  # m/s below which nobody begins to change: a car does not move sideways
STEEPEST = 0.3  # m sideways a metre driven: no car can more
CLEAR = 0.8  # m from the new lane's centre at which the old lane is clear


@kernel()
def position_beside(roads: Roads, lane: int, s: float, side: int) -> float:
    """Metres along the neighbouring lane on that side at the place beside `s` (clamped) on `lane`."""
    count = roads.lane[lane].count
    place = s / roads.lane[lane].length * (count - 1)
    i = min(max(int(math.floor(place)), 0), count - 2)
    t = min(max(place - i, 0.0), 1.0)
    p = roads.lane[lane].first + i
    return roads.sample[p].position[side] + t * (roads.sample[p + 1].position[side] - roads.sample[p].position[side])


@kernel()
def mobil_advantage(own_gain: float, new_follower_gain: float, old_follower_gain: float, politeness: float) -> float:
    """What a change is worth, m/s^2: eq. 7 of the paper without its threshold.

    Each gain is the acceleration after the change less that before it.
    """
    return own_gain + politeness * (new_follower_gain + old_follower_gain)


@kernel()
def _is_nearer(gap: float, j: int, best: float, who: int) -> bool:
    """Whether vehicle `j` is nearer than the nearest so far; of two equally near ones the first counts."""
    return gap < best or (gap == best and j < who)


@kernel()
def _nearest(
    world: WorldRecord, lists: ListsRecord, me: int, lane: int, s: float, half: float, ahead: bool, ego_length: float
) -> tuple[int, float]:
    """Who is next on a lane ahead of or behind a vehicle at `s`: (index, EGO or NONE; gap in m between bumpers)."""
    who, best = NONE, np.inf
    j = first_on(lists, lane)
    while j != NONE:
        along = world.s[j] - s
        gap = abs(along) - half - 0.5 * world.size[j, 0]
        if j != me and world.lane[j] == lane and (along > 0.0) == ahead and _is_nearer(gap, j, best, who):
            who, best = j, gap
        j = lists.next[j]
    for c in range(lists.changers):
        j = lists.changing[c]
        if j == me or world.from_lane[j] != lane or world.lane[j] == lane:
            continue
        along = world.from_s[j] - s
        gap = abs(along) - half - 0.5 * world.size[j, 0]
        if (along > 0.0) == ahead and _is_nearer(gap, j, best, who):
            who, best = j, gap
    k = lists.ego_lane
    if world.route_lane[k] == lane:
        along = world.route_s - world.route_lane_start[k] - s
        if (along > 0.0) == ahead and abs(along) - half - 0.5 * ego_length < best:
            who, best = EGO, abs(along) - half - 0.5 * ego_length
    return who, best


@kernel()
def _speed_of(world: WorldRecord, j: int) -> float:
    return world.ego_speed if j == EGO else world.speed[j]


@kernel()
def _follow(
    roads: Roads, p: TrafficParameters, world: WorldRecord, j: int, lane: int, gap: float, lead: int, within: float
) -> float:
    """Acceleration of `j` on `lane` with `gap` m to `lead`; no one there is a free road.

    Seen over `within` seconds, at most its reaction time.
    """
    limit = roads.lane[lane].speed_limit
    if j == EGO:
        desired, headway, a, b = limit, p.time_headway, p.max_acceleration, p.comfortable_deceleration
    else:
        desired, headway = world.speed_factor[j] * limit, world.headway[j]
        a, b = world.max_acceleration[j], world.comfortable_deceleration[j]
    if lead == NONE:
        gap, lead_speed = np.inf, 0.0
    else:
        lead_speed = _speed_of(world, lead)
    speed, step = _speed_of(world, j), min(within, headway)
    free = free_road(p, speed, desired, a, b, step)
    return behind(p, free, speed, gap, lead_speed, headway, a, b, step)


@kernel()
def change_advantage(
    roads: Roads,
    p: TrafficParameters,
    world: WorldRecord,
    lists: ListsRecord,
    i: int,
    side: int,
    ego_length: float,
    dt: float,
) -> float:
    """What changing to the lane on that side (0 left, 1 right) is worth to vehicle `i`; -inf if it must not."""
    lane, s, half = world.lane[i], world.s[i], 0.5 * world.size[i, 0]
    other = roads.lane[lane].beside[side]
    start, end = roads.lane[lane].beside_start[side], roads.lane[lane].beside_end[side]
    if other == NONE or s < start + AFTER_JUNCTION or s > end - BEFORE_JUNCTION:
        return -np.inf
    there = position_beside(roads, lane, s, side)
    lead, gap = _nearest(world, lists, i, lane, s, half, True, ego_length)
    new_lead, new_gap = _nearest(world, lists, i, other, there, half, True, ego_length)
    follower, follower_gap = _nearest(world, lists, i, lane, s, half, False, ego_length)
    new_follower, new_follower_gap = _nearest(world, lists, i, other, there, half, False, ego_length)
    if new_gap < p.minimum_gap or new_follower_gap < p.minimum_gap:
        return -np.inf
    if _follow(roads, p, world, i, other, new_gap, new_lead, dt) < -p.safe_deceleration:
        return -np.inf
    own_gain = _follow(roads, p, world, i, other, new_gap, new_lead, np.inf) - _follow(
        roads, p, world, i, lane, gap, lead, np.inf
    )
    new_gain = old_gain = 0.0
    if new_follower != NONE:
        if _follow(roads, p, world, new_follower, other, new_follower_gap, i, dt) < -p.safe_deceleration:
            return -np.inf
        between = new_follower_gap + new_gap + 2.0 * half
        new_gain = _follow(roads, p, world, new_follower, other, new_follower_gap, i, np.inf) - _follow(
            roads, p, world, new_follower, other, between, new_lead, np.inf
        )
    if follower != NONE:
        between = follower_gap + gap + 2.0 * half
        old_gain = _follow(roads, p, world, follower, lane, between, lead, np.inf) - _follow(
            roads, p, world, follower, lane, follower_gap, i, np.inf
        )
    return mobil_advantage(own_gain, new_gain, old_gain, world.politeness[i])


@kernel(forceinline=True)
def maybe_change(
    roads: Roads, p: TrafficParameters, world: WorldRecord, lists: ListsRecord, i: int, ego_length: float, dt: float
) -> None:
    """Begin a lane change of vehicle `i` where it pays and nobody has to brake hard for it."""
    lane = world.lane[i]
    if roads.lane[lane].beside[0] == NONE and roads.lane[lane].beside[1] == NONE:
        return
    if (world.tick + i) % EVERY != 0 or world.from_lane[i] != NONE or world.shift[i] != 0.0:
        return
    if world.speed[i] < LEAST_SPEED or world.pause[i] > 0.0 or world.leaving[i] != NONE or world.granted[i] != NONE:
        return
    best, chosen = p.change_threshold, NONE
    for side in range(2):
        worth = change_advantage(roads, p, world, lists, i, side, ego_length, dt)
        if worth > best:
            best, chosen = worth, side
    if chosen != NONE:
        _begin(roads, world, lists, i, chosen)


@kernel()
def _begin(roads: Roads, world: WorldRecord, lists: ListsRecord, i: int, side: int) -> None:
    lane, s = world.lane[i], world.s[i]
    own = roads.lane[lane]
    other = own.beside[side]
    world.from_lane[i] = lane
    world.from_s[i] = s
    apart = 0.5 * (own.width + roads.lane[other].width)
    world.shift[i] = -apart if side == 0 else apart
    move_to_lane(lists, i, lane, other)
    world.lane[i] = other
    world.s[i] = position_beside(roads, lane, s, side)
    world.path[i, 0] = other
    world.ticket[i] = -1.0
    for k in range(1, PATH):
        world.path[i, k] = any_successor(roads, world, world.path[i, k - 1])


@kernel()
def drift(speed: float, shift: float) -> float:
    """Heading relative to the lane, rad, of a vehicle that drives `speed` m/s while `shift` m beside its centre."""
    angle = math.atan(min(SIDEWAYS / max(speed, 0.1), STEEPEST)) * min(abs(shift), 1.0)  # straight again at the end
    return -math.copysign(angle, shift)


@kernel(forceinline=True)
def move_sideways(roads: Roads, world: WorldRecord, i: int, travelled: float, dt: float) -> None:
    """Go on with a lane change of vehicle `i` that has driven `travelled` metres in this tick of `dt` s."""
    if world.from_lane[i] != NONE:
        world.from_s[i] = position_beside(roads, world.lane[i], world.s[i], 0 if world.shift[i] > 0.0 else 1)
    if world.shift[i] == 0.0:
        return
    most = min(SIDEWAYS * dt, STEEPEST * travelled)
    world.shift[i] = math.copysign(max(abs(world.shift[i]) - most, 0.0), world.shift[i])
    if abs(world.shift[i]) <= CLEAR:
        world.from_lane[i] = NONE
    if abs(world.shift[i]) < 1e-9:
        world.shift[i] = 0.0
