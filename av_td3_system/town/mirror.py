"""A world of the town whose vehicles another simulator moves: the record is brought up to date from what is observed.

Everything that follows from a record then holds there as well: observation, reward, events, outcome. Who has the way at
junctions is worked out as in the town (`claims`), for others by the lanes on which they are found: in a junction a
vehicle holds its connecting lane, before one it is taken to want the straightest way through.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from av_td3_system.town.claims import grant_passages
from av_td3_system.town.events import detect_departures
from av_td3_system.town.kernel import kernel
from av_td3_system.town.lane_lists import ListsRecord, list_vehicles
from av_td3_system.town.roads import Roads
from av_td3_system.town.routes import locate_ego
from av_td3_system.town.state import NONE, NOWHERE, PATH, WorldRecord
from av_td3_system.town.surface import SurfaceArrays
from av_td3_system.town.traffic import STANDSTILL
from av_td3_system.town.traffic_parameters import TrafficParameters
from av_td3_system.town.vehicle import VehicleParameters

REAR_OUT = 1.0  # m beyond half its length on the next lane at which a vehicle has left a junction


class MirrorSettings(NamedTuple):
    """Numbers of `EnvironmentConfig` that the kernel needs."""

    dt: float
    off_road_margin: float
    route_deviation: float
    stuck_speed: float


class EgoState(NamedTuple):
    """The car as another simulator tells it, in the town's axes."""

    x: float  # m, middle of its box
    y: float
    heading: float  # rad
    speed: float  # m/s along its heading, 0 when it rolls back
    yaw_rate: float  # rad/s
    collided: bool  # since the last tick


@kernel()
def _straightest(roads: Roads, lane: int) -> int:
    """The successor that turns least."""
    first, best, least = roads.lane[lane].successor_first, NONE, np.inf
    for k in range(roads.lane[lane].successor_count):
        following = roads.successors[first + k]
        begin = roads.lane[following].first
        turn = abs(
            roads.sample[begin + roads.lane[following].count - 1].heading - roads.sample[begin].heading
        )  # headings of a lane do not wrap
        if turn < least:
            best, least = following, turn
    return best


@kernel()
def expect_path(roads: Roads, world: WorldRecord, i: int, lane: int) -> None:
    """The lanes that vehicle `i` on `lane` is taken to go on to."""
    world.lane[i] = lane
    world.path[i, 0] = lane
    for k in range(1, PATH):
        world.path[i, k] = _straightest(roads, world.path[i, k - 1])


@kernel()
def _move_vehicle(roads: Roads, world: WorldRecord, i: int, lane: int, s: float, speed: float, dt: float) -> None:
    """Vehicle `i` is on that lane now: what it held there, leaves and holds here."""
    before, connects = world.lane[i], roads.lane[lane].junction >= 0
    if lane != before:
        was_in = roads.lane[before].junction
        if was_in >= 0 and was_in != roads.lane[lane].junction:
            world.leaving[i] = before
            world.granted[i] = NONE
            world.ticket[i] = -1.0
        expect_path(roads, world, i, lane)
        if connects and world.granted[i] == NONE:
            world.grants += 1
            world.order[i] = world.grants
            world.granted_at[i] = world.time
        if connects:
            world.granted[i] = lane  # also another one of the same junction, when its course tells
    elif not connects and world.granted[i] != NONE and world.granted[i] != world.path[i, 1]:
        world.granted[i] = NONE
    world.s[i] = s
    world.speed[i] = speed
    if world.leaving[i] != NONE and (s > 0.5 * world.size[i, 0] + REAR_OUT or world.leaving[i] == lane):
        world.leaving[i] = NONE
    world.standing[i] = world.standing[i] + dt if speed < STANDSTILL else 0.0


@njit(cache=True, nogil=True)
def begin_mirror(roads: Roads, world: WorldRecord) -> None:
    """After the world's own beginning: nobody knows where the others go."""
    for i in range(world.vehicles):
        world.from_lane[i] = NONE
        world.shift[i] = 0.0
        expect_path(roads, world, i, world.lane[i])


@njit(cache=True, nogil=True)
def mirror_tick(
    roads: Roads,
    surface: SurfaceArrays,
    traffic: TrafficParameters,
    vehicle: VehicleParameters,
    settings: MirrorSettings,
    world: WorldRecord,
    lists: ListsRecord,
    ego: EgoState,
    others: np.ndarray,
    lane: np.ndarray,
    along: np.ndarray,
) -> bool:
    """One tick that another simulator has made; whether it ended the episode badly.

    Args:
        ego: where the car is now.
        others: (V, 4) x, y (m), heading (rad), speed (m/s) of the world's vehicles now.
        lane: (V,) on which each is. along: (V,) m.
    """
    list_vehicles(roads, world, lists)
    grant_passages(roads, traffic, world, lists, vehicle.length)
    for i in range(world.vehicles):
        world.x[i], world.y[i], world.heading[i] = others[i, 0], others[i, 1], others[i, 2]
        _move_vehicle(roads, world, i, lane[i], along[i], others[i, 3], settings.dt)
    world.travelled += math.hypot(ego.x - world.ego_x, ego.y - world.ego_y)
    world.ego_x, world.ego_y, world.ego_heading = ego.x, ego.y, ego.heading
    world.ego_speed, world.ego_yaw_rate = ego.speed, ego.yaw_rate
    world.ego_standing = world.ego_standing + settings.dt if ego.speed < settings.stuck_speed else 0.0
    world.time += settings.dt
    world.tick += 1
    locate_ego(world, 6.0, 8.0)
    world.route_best = max(world.route_best, world.route_s)
    detect_departures(roads, surface, vehicle, settings.off_road_margin, settings.route_deviation, world)
    if ego.collided:
        world.collided = 1
    return bool(world.collided or world.off_road or world.wrong_way)


def forget_vehicle(state: np.ndarray, world: int, i: int) -> None:
    """Vehicle `i` of a world of the state (N,) is gone; the last one takes its place."""
    names = state.dtype.names or ()
    last = int(state["vehicles"][world]) - 1
    for name in names[names.index("lane") : names.index("brake") + 1]:  # all that is told of vehicles
        state[name][world, i] = state[name][world, last]
    state["x"][world, last] = state["y"][world, last] = NOWHERE
    state["vehicles"][world] = last
