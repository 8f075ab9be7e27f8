"""Vehicles sent to cross the ego's way: training worlds meet at a junction what would take hours of driving.

In a town with few vehicles the ego mostly has junctions for itself, so who must wait for whom is learned from few
examples. A vehicle from far away is put on a lane whose way through the junction conflicts with the ego's, so that
both come to it at about the same time: as often as not the other one is given the way.
"""

from __future__ import annotations

import math

from av_td3_system.town.kernel import kernel
from av_td3_system.town.random_stream import any_successor, below, uniform
from av_td3_system.town.right_of_way import DIVERGE, ego_connector
from av_td3_system.town.roads import Roads
from av_td3_system.town.state import NONE, PATH, WorldRecord
from av_td3_system.town.traffic import place_vehicle
from av_td3_system.town.traffic_parameters import TrafficParameters

MARK = 40.0  # m before the line at which it is drawn whether somebody comes; claims are made later
SLOWEST = 4.0  # m/s with which the ego is taken to arrive at least
APART = 2.5  # s by which the other one arrives earlier or later at most
FARAWAY = 70.0  # m from the ego, at least, of the vehicle that is taken
NEAREST = 12.0  # m from its line, at least, at which it is put
BEHIND = 8.0  # m left free behind it


@kernel()
def maybe_send_crossing(roads: Roads, p: TrafficParameters, world: WorldRecord, ego_length: float, dt: float) -> None:
    """Draw, as the ego passes the mark before a junction, whether somebody comes by a conflicting lane, and send them.

    Nobody is sent where no such lane has room. Each junction is drawn for once, but twice where the ego brakes hard
    at the mark.
    """
    k = ego_connector(roads, world, ego_length)
    if k == NONE:
        return
    line = world.route_lane_start[k] - world.route_s - 0.5 * ego_length
    if not MARK < line <= MARK + world.ego_speed * dt or uniform(world, 0.0, 1.0) >= p.crossing_share:
        return
    own = world.route_lane[k]
    i = _farthest(world)
    count = roads.lane[own].conflict_count
    if i == NONE or count == 0:
        return
    arrival = line / max(world.ego_speed, SLOWEST) + uniform(world, -APART, APART)
    begin = below(world, count)
    for n in range(count):
        c = roads.lane[own].conflict_first + (begin + n) % count
        other = roads.conflict[c].other
        approach = roads.predecessors[roads.lane[other].predecessor_first]
        if roads.conflict[c].kind == DIVERGE or approach == world.route_lane[k - 1]:
            continue
        if _put(roads, world, i, approach, other, arrival):
            return


@kernel()
def _farthest(world: WorldRecord) -> int:
    """Of the vehicles that have no way and change no lane, the farthest from the ego; NONE if none is far."""
    best, chosen = FARAWAY, NONE
    for i in range(world.vehicles):
        if world.granted[i] != NONE or world.leaving[i] != NONE or world.from_lane[i] != NONE or world.shift[i] != 0.0:
            continue
        distance = math.hypot(world.x[i] - world.ego_x, world.y[i] - world.ego_y)
        if distance > best:
            best, chosen = distance, i
    return chosen


@kernel()
def _put(roads: Roads, world: WorldRecord, i: int, approach: int, connector: int, arrival: float) -> bool:
    """Put vehicle `i` on lane `approach`, first of all there, `arrival` seconds before `connector`; False: no room."""
    speed = world.speed_factor[i] * roads.lane[approach].speed_limit
    half = 0.5 * world.size[i, 0]
    s = roads.lane[approach].length - max(speed * arrival, NEAREST) - half
    if s < half + 1.0:
        return False
    for j in range(world.vehicles):
        on_it = world.lane[j] == approach or world.from_lane[j] == approach
        if j != i and on_it and world.s[j] + 0.5 * world.size[j, 0] > s - half - BEHIND:
            return False
    world.path[i, 0] = approach
    world.path[i, 1] = connector
    for n in range(2, PATH):
        world.path[i, n] = any_successor(roads, world, world.path[i, n - 1])
    world.lane[i] = approach
    world.s[i] = s
    world.speed[i] = speed
    world.acceleration[i] = 0.0
    world.ticket[i] = -1.0
    world.standing[i] = 0.0
    world.pause[i] = 0.0
    world.brake[i] = 0
    place_vehicle(roads, world, i)
    return True
