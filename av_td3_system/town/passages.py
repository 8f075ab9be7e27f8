"""The turns of a route: which way it goes at each junction, as a navigator would say it.

Codevilla et al. (2018) drive by a camera and such a command instead of the route. A passage is the run of connecting
lanes through one junction; its turn is the change of heading over it, with the threshold of CARLA's `RoadOption`. The
map's lanes decide alone, whoever else could go where: at a crossing whose lanes each lead one way a camera still sees
several. So a roundabout is a row of junctions, as in the map: right into the ring, left for every street that is
passed (the ring bends away from it), right out of it. Routes never change lanes, so there is no command for that.
From each lane of the built-in towns all ways have different names; a map whose lanes fork at small angles may have two
of one name.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from av_td3_system.town.kernel import kernel
from av_td3_system.town.lane_lists import ego_lane_index
from av_td3_system.town.roads import Roads
from av_td3_system.town.state import WorldRecord

FOLLOW, LEFT, RIGHT, STRAIGHT = 0, 1, 2, 3
TURNS = 4
LINE_REACH = 60.0  # m within which a line counts as near
TURN = math.radians(35.0)  # change of heading from which a passage is a turn, as in CARLA's global route planner


@kernel()
def label_passages(roads: Roads, world: WorldRecord) -> None:
    """Set `route_turn` of each of the route's lanes: that of its junction's passage, FOLLOW between junctions."""
    k = 0
    while k < world.route_lanes:
        junction = roads.lane[world.route_lane[k]].junction
        if junction < 0:
            world.route_turn[k] = FOLLOW
            k += 1
            continue
        begin = k
        change = 0.0
        while k < world.route_lanes and roads.lane[world.route_lane[k]].junction == junction:
            lane = world.route_lane[k]
            first = roads.lane[lane].first
            last = first + roads.lane[lane].count - 1
            change += roads.sample[last].heading - roads.sample[first].heading  # headings of a lane do not wrap
            k += 1
        turn = STRAIGHT if abs(change) < TURN else LEFT if change > 0.0 else RIGHT
        for i in range(begin, k):
            world.route_turn[i] = turn


@kernel()
def next_turn(world: WorldRecord, reach: float) -> tuple[int, float]:
    """The turn of the passage that the ego is in or comes to next, and the metres along the route to its entry.

    The metres are 0 from the entry to the exit. Where none begins within `reach` metres: FOLLOW and `reach`.
    """
    k = ego_lane_index(world)
    while k < world.route_lanes:
        distance = max(world.route_lane_start[k] - world.route_s, 0.0)
        if distance >= reach:
            break
        if world.route_turn[k] != FOLLOW:
            return int(world.route_turn[k]), distance
        k += 1
    return FOLLOW, reach


@kernel()
def line_gap(world: WorldRecord, front: float) -> float:
    """Metres from the car's front, `front` m before its centre, to the entry of the junction ahead; below 0 beyond it.

    Infinite where none is within LINE_REACH.
    """
    turn, distance = next_turn(world, LINE_REACH)
    return distance - front if turn != FOLLOW else np.inf


@njit(cache=True, parallel=True, nogil=True)
def line_gaps(state: np.ndarray, front: float) -> np.ndarray:
    """`line_gap` of N worlds, (N,)."""
    out = np.empty(len(state))
    for w in prange(len(state)):
        out[w] = line_gap(state[w], front)
    return out
