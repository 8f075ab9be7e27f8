"""Routes: a random walk over roads, sampled as one curve with one arc-length coordinate.

Training, validation and test routes are disjoint: a route belongs to the split that the hash of
its lane sequence names, so a held-out sequence of lanes is never driven in training.
"""

from __future__ import annotations

import math

import numpy as np

from av_td3_system.town.geometry import lane_pose, wrap_angle
from av_td3_system.town.kernel import kernel
from av_td3_system.town.passages import label_passages
from av_td3_system.town.random_stream import any_successor, below, uniform
from av_td3_system.town.roads import Roads
from av_td3_system.town.state import ROUTE_LANES, ROUTE_STEP, WorldRecord

SPLITS = {"train": 0, "validation": 1, "test": 2}
HELD_OUT = 10  # one route hash in ten is validation, one is test
START_AFTER = 6.0  # m from the beginning of a lane
START_BEFORE = 25.0  # m before the end of a lane
ATTEMPTS = 1000
FAR = 4.01  # farther from its beginning than twice its length and twice the bound, a segment is beyond the bound

_FNV_OFFSET = np.uint64(0xCBF29CE484222325)
_FNV_PRIME = np.uint64(0x100000001B3)


@kernel()
def split_of(lane_sequence: np.ndarray, count: int) -> int:
    """0 train, 1 validation, 2 test: the FNV-1a hash of the first `count` roads, modulo `HELD_OUT`."""
    h = _FNV_OFFSET
    for k in range(count):
        h = (h ^ np.uint64(lane_sequence[k] + 1)) * _FNV_PRIME
    residue = int((h >> np.uint64(20)) % np.uint64(HELD_OUT))
    return residue + 1 if residue < 2 else 0


@kernel()
def draw_route(roads: Roads, world: WorldRecord, split: int, shortest: float, longest: float, beyond: float) -> bool:
    """Draw a route of the split for world `w` from its stream and store its curve; False if none was found.

    `route_s = 0` lies at the start, the goal at `route_length` (m); the curve goes on `beyond` metres.
    """
    total = roads.lane.shape[0]
    for _ in range(ATTEMPTS):
        lane = below(world, total)
        if roads.lane[lane].junction >= 0 or roads.lane[lane].length < START_AFTER + START_BEFORE + 1.0:
            continue
        start = uniform(world, START_AFTER, roads.lane[lane].length - START_BEFORE)
        length = uniform(world, shortest, longest)
        world.route_lane[0] = lane
        world.route_lane_start[0] = -start
        end = roads.lane[lane].length - start
        world.route_lane_start[1] = end
        count = 1
        counted = 1  # lanes up to the goal: they decide the split
        repeats = False
        while end < length + beyond and count < ROUTE_LANES:
            lane = any_successor(roads, world, lane)
            if end < length:
                for k in range(count):
                    repeats = repeats or world.route_lane[k] == lane
                counted = count + 1
            world.route_lane[count] = lane
            end += roads.lane[lane].length
            count += 1
            world.route_lane_start[count] = end
        if repeats or end < length + beyond or split_of(world.route_lane, counted) != split:
            continue
        world.route_lanes = count
        world.route_length = length
        label_passages(roads, world)
        _sample_curve(roads, world, length + beyond)
        return True
    return False


@kernel()
def _sample_curve(roads: Roads, world: WorldRecord, reach: float) -> None:
    points = min(int(reach / ROUTE_STEP) + 1, len(world.route_x))
    k = 0
    for i in range(points):
        s = i * ROUTE_STEP
        while s > world.route_lane_start[k + 1] and k + 1 < world.route_lanes:
            k += 1
        x, y, heading = lane_pose(roads, world.route_lane[k], s - world.route_lane_start[k])
        world.route_x[i] = x
        world.route_y[i] = y
        world.route_heading[i] = heading
    world.route_points = points


@kernel()
def route_pose(world: WorldRecord, s: float) -> tuple[float, float, float]:
    """x, y (m) and heading (rad) of the route at arc length `s`, clamped to its curve."""
    position = s / ROUTE_STEP
    i = min(max(int(math.floor(position)), 0), world.route_points - 2)
    t = min(max(position - i, 0.0), 1.0)
    x = world.route_x[i] + t * (world.route_x[i + 1] - world.route_x[i])
    y = world.route_y[i] + t * (world.route_y[i + 1] - world.route_y[i])
    turn = wrap_angle(world.route_heading[i + 1] - world.route_heading[i])
    return x, y, world.route_heading[i] + t * turn


@kernel()
def locate_ego(world: WorldRecord, back: float, ahead: float) -> None:
    """Project the ego on its route: `route_s`, `lateral` (left positive) and `heading_error`.

    Looks from `back` metres behind the last projection to `ahead` metres beyond it, so a route that
    crosses itself keeps one coordinate.
    """
    first = max(int((world.route_s - back) / ROUTE_STEP), 0)
    last = min(int((world.route_s + ahead) / ROUTE_STEP) + 1, world.route_points - 2)
    x, y = world.ego_x, world.ego_y
    best = np.inf
    middle = min(max(int(world.route_s / ROUTE_STEP), first), last)
    bound = (x - world.route_x[middle]) ** 2 + (y - world.route_y[middle]) ** 2  # the nearest point is no farther
    for i in range(first, last + 1):
        ax, ay = world.route_x[i], world.route_y[i]
        bx, by = world.route_x[i + 1] - ax, world.route_y[i + 1] - ay
        squared = bx * bx + by * by
        if (x - ax) ** 2 + (y - ay) ** 2 > FAR * max(bound, squared):
            continue
        t = 0.0 if squared <= 0.0 else min(max(((x - ax) * bx + (y - ay) * by) / squared, 0.0), 1.0)
        dx, dy = x - ax - t * bx, y - ay - t * by
        distance = dx * dx + dy * dy
        if distance < best:
            best = distance
            world.route_s = (i + t) * ROUTE_STEP
            side = bx * dy - by * dx
            world.lateral = math.copysign(math.sqrt(distance), side)
    _, _, heading = route_pose(world, world.route_s)
    world.heading_error = wrap_angle(world.ego_heading - heading)
