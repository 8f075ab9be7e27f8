"""The beginning of an episode: a route, the ego at its start, the other vehicles on free stretches."""

from __future__ import annotations

import math

import numpy as np

from av_td3_system.town.kernel import kernel
from av_td3_system.town.parking import park_vehicles
from av_td3_system.town.random_stream import any_successor, below, next_word, uniform
from av_td3_system.town.roads import Roads
from av_td3_system.town.routes import draw_route, locate_ego, route_pose
from av_td3_system.town.state import NONE, NOWHERE, PATH, WorldRecord
from av_td3_system.town.surface import SurfaceArrays
from av_td3_system.town.traffic import place_vehicle
from av_td3_system.town.traffic_parameters import TrafficParameters, VehicleMix
from av_td3_system.town.vehicle_mix import draw_vehicle

SPACING = 5.0  # m, least gap between vehicles at the beginning
EGO_AHEAD = 12.0  # m left free before the ego
EGO_BEHIND = 8.0  # m left free behind it
ATTEMPTS = 200


@kernel()
def begin_episode(
    roads: Roads,
    p: TrafficParameters,
    mix: VehicleMix,
    surface: SurfaceArrays,
    world: WorldRecord,
    route: int,
    seed: int,
    split: int,
    vehicles: int,
    ego_length: float,
    shortest: float,
    longest: float,
    beyond: float,
) -> bool:
    """Reset world `w` to the episode of `seed` on the route of the seed `route`; False if the split has no route."""
    world.stream = np.uint64(route)
    next_word(world)
    if not draw_route(roads, world, split, shortest, longest, beyond):
        return False
    if seed != route:
        world.stream = np.uint64(seed)
        next_word(world)
    _reset_ego(world)
    world.vehicles = 0
    world.parked = 0
    for i in range(len(world.x)):
        world.x[i] = NOWHERE  # a slot without a vehicle is out of everybody's sight
        world.y[i] = NOWHERE
    for k in range(vehicles):
        if k >= p.on_route or not _add_vehicle(roads, p, mix, world, ego_length, True):
            _add_vehicle(roads, p, mix, world, ego_length, False)
    park_vehicles(roads, mix, surface, world)
    return True


@kernel()
def _reset_ego(world: WorldRecord) -> None:
    x, y, heading = route_pose(world, 0.0)
    world.ego_x = x
    world.ego_y = y
    world.ego_heading = heading
    world.time = 0.0
    world.tick = 0
    world.ego_speed = 0.0
    world.ego_steer = 0.0
    world.ego_drive = 0.0
    world.ego_command[:] = 0.0
    world.ego_acceleration = 0.0
    world.ego_yaw_rate = 0.0
    world.ego_granted = NONE
    world.ego_granted_at = 0.0
    world.ego_order = 0
    world.grants = 0
    world.ego_ticket = -1.0
    world.ego_standing = 0.0
    world.ego_barred = 0.0
    world.calm_until = 0.0
    world.route_s = 0.0
    world.route_best = 0.0
    world.lead_gap = np.inf
    world.lead_speed = 0.0
    world.collided = 0
    world.off_road = 0
    world.wrong_way = 0
    world.on_marking = 0
    world.invasions = 0
    world.travelled = 0.0
    locate_ego(world, 5.0, 5.0)


@kernel()
def _is_free(roads: Roads, world: WorldRecord, lane: int, s: float, length: float, ego_length: float) -> bool:
    for j in range(world.vehicles):
        if world.lane[j] == lane and abs(world.s[j] - s) < 0.5 * (length + world.size[j, 0]) + SPACING:
            return False
    for k in range(world.route_lanes):  # the ego's first lanes
        start = world.route_lane_start[k]
        if start > EGO_AHEAD + 10.0:
            break
        if world.route_lane[k] == lane:
            gap = start + s
            reach = 0.5 * (length + ego_length)
            if -EGO_BEHIND - reach < gap < EGO_AHEAD + reach:
                return False
    return True


@kernel()
def _add_vehicle(
    roads: Roads, p: TrafficParameters, mix: VehicleMix, world: WorldRecord, ego_length: float, leads: bool
) -> bool:
    """Put one more vehicle on a free stretch of road, if it `leads` on the ego's route; False if there is no room."""
    i = world.vehicles
    draw_vehicle(p, mix, world, i)
    length = world.size[i, 0]
    for _ in range(ATTEMPTS):
        place = NONE
        if leads:
            along = uniform(world, EGO_AHEAD, p.on_route_reach)
            place = 0
            while place + 1 < world.route_lanes and world.route_lane_start[place + 1] <= along:
                place += 1
            lane = world.route_lane[place]
            s = along - world.route_lane_start[place]
            if s < 0.5 * length + 1.0 or s > roads.lane[lane].length - 0.5 * length - 4.0:
                continue
        else:
            lane = below(world, roads.lane.shape[0])
            # long lanes get their share: accept with probability length / 120 m
            if uniform(world, 0.0, 120.0) > roads.lane[lane].length:
                continue
            s = uniform(world, 0.5 * length + 1.0, roads.lane[lane].length - 0.5 * length - 4.0)
        if roads.lane[lane].junction >= 0:
            continue
        if not _is_free(roads, world, lane, s, length, ego_length):
            continue
        world.lane[i] = lane
        world.s[i] = s
        rest = max(roads.lane[lane].length - s - 0.5 * length - 2.0, 0.0)
        stoppable = math.sqrt(world.comfortable_deceleration[i] * rest)
        world.speed[i] = min(0.6 * world.speed_factor[i] * roads.lane[lane].speed_limit, stoppable)
        world.acceleration[i] = 0.0
        world.shift[i] = 0.0
        world.from_lane[i] = NONE
        world.from_s[i] = 0.0
        world.pause[i] = 0.0
        world.rested[i] = 0.0
        world.granted[i] = NONE
        world.granted_at[i] = 0.0
        world.order[i] = 0
        world.leaving[i] = NONE
        world.ticket[i] = -1.0
        world.standing[i] = 0.0
        world.brake[i] = 0
        world.path[i, 0] = lane
        for k in range(1, PATH):
            if place != NONE and place + k < world.route_lanes:  # it goes the ego's way for a while
                world.path[i, k] = world.route_lane[place + k]
                continue
            world.path[i, k] = any_successor(roads, world, world.path[i, k - 1])
        place_vehicle(roads, world, i)
        world.vehicles = i + 1
        return True
    return False
