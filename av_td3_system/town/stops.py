"""What other vehicles do besides following their lanes: short stops, and another way when theirs is full.

A vehicle ahead of the ego on its route stops more often than others: a minute's episode then meets
what would otherwise take an hour of driving, and a driver that does not look where it goes cannot
get by.
"""

from __future__ import annotations

from av_td3_system.town.kernel import kernel
from av_td3_system.town.lane_lists import ListsRecord, first_on
from av_td3_system.town.random_stream import any_successor, uniform
from av_td3_system.town.roads import Roads
from av_td3_system.town.state import NONE, PATH, WorldRecord
from av_td3_system.town.traffic_parameters import TrafficParameters

EGO_NEAR = 12.0  # m ahead of the ego from which on a stop leaves it room to react
BETWEEN_STOPS = 60.0  # s, least time between two stops of one vehicle
QUEUE = 20.0  # m behind a vehicle; with somebody there it does not stop to set down
DETOUR_AFTER = 10.0  # s of waiting at a line after which, and again after as long, a driver goes another way
PAUSE_BEFORE = 20.0  # m before a junction within which nobody stops to set down
PAUSE_BEYOND = 12.0  # m beyond a junction, likewise
STANDSTILL = 0.1  # m/s


@kernel()
def _is_followed(world: WorldRecord, lists: ListsRecord, i: int) -> bool:
    j = first_on(lists, world.lane[i])
    while j != NONE:
        if world.lane[j] == world.lane[i] and 0.0 < world.s[i] - world.s[j] < QUEUE:
            return True
        j = lists.next[j]
    return False


@kernel()
def _is_ahead_of_ego(world: WorldRecord, lists: ListsRecord, i: int, reach: float) -> bool:
    """Whether vehicle `i` is on the next `reach` metres of the ego's route."""
    for k in range(lists.ego_lane, world.route_lanes):
        start = world.route_lane_start[k] - world.route_s
        if start > reach:
            return False
        if world.route_lane[k] == world.lane[i] and EGO_NEAR < start + world.s[i] < reach:
            return True
    return False


@kernel(forceinline=True)
def maybe_detour(roads: Roads, world: WorldRecord, i: int, dt: float) -> None:
    """Choose another way now and then while the one wanted is not free: full roads never lock up the town."""
    if world.granted[i] != NONE or world.ticket[i] < 0.0 or world.standing[i] < DETOUR_AFTER:
        return
    if world.standing[i] % DETOUR_AFTER >= dt:
        return
    for k in range(1, PATH):
        world.path[i, k] = any_successor(roads, world, world.path[i, k - 1])


@kernel(forceinline=True)
def maybe_pause(roads: Roads, p: TrafficParameters, world: WorldRecord, lists: ListsRecord, i: int, dt: float) -> None:
    """Begin, count down or end a short stop of vehicle `i`."""
    if world.pause[i] > 0.0:
        if world.speed[i] < STANDSTILL:
            world.pause[i] -= dt
        return
    lane = world.lane[i]
    if world.time < world.rested[i] or roads.lane[lane].junction >= 0:
        return
    if world.granted[i] != NONE or world.leaving[i] != NONE:
        return
    if world.s[i] < PAUSE_BEYOND or roads.lane[lane].length - world.s[i] < PAUSE_BEFORE:
        return
    chance = uniform(world, 0.0, 1.0)
    if chance >= max(p.hazard_rate, p.pause_rate) * dt:
        return
    hazard = world.time >= world.calm_until and _is_ahead_of_ego(world, lists, i, p.hazard_range)
    rate = p.hazard_rate if hazard else p.pause_rate
    if chance < rate * dt and not _is_followed(world, lists, i):
        world.pause[i] = uniform(world, p.pause_duration_low, p.pause_duration_high)
        world.rested[i] = world.time + BETWEEN_STOPS
        if hazard:
            world.calm_until = world.time + p.hazard_interval
