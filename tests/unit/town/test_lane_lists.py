"""What the lists find is what a search through all vehicles finds, in worlds of any traffic."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numba import njit

from av_td3_system.config.schema import Config
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.town.claims import first_in_lane, room_beyond
from av_td3_system.town.geometry import in_rectangle
from av_td3_system.town.lane_change import EGO, _nearest
from av_td3_system.town.lane_lists import ego_lane_index, list_vehicles, lists_dtype, move_to_lane
from av_td3_system.town.leader import PARTING, SIGHT, leader
from av_td3_system.town.perception import SIDE_MARGIN, STEP, find_leader
from av_td3_system.town.perception import SIGHT as EGO_SIGHT
from av_td3_system.town.right_of_way import ego_connector, must_yield_to
from av_td3_system.town.roads import Roads
from av_td3_system.town.routes import route_pose
from av_td3_system.town.state import NONE, PATH, WorldRecord
from tests.unit.environments.batches import drive

LENGTH, WIDTH = 4.5, 1.9  # of the ego, m


@njit
def same_fork(roads: Roads, a: int, b: int) -> bool:
    if a == b or roads.lane[a].junction < 0 or roads.lane[a].junction != roads.lane[b].junction:
        return False
    return roads.predecessors[roads.lane[a].predecessor_first] == roads.predecessors[roads.lane[b].predecessor_first]


@njit
def slow_along(roads: Roads, world: WorldRecord, i: int, j: int) -> float:
    """How far vehicle `j` is ahead of `i` on or beside its path, m; infinite if it is not."""
    own, s, lane = world.lane[i], world.s[i], world.lane[j]
    along = -1.0
    if lane == own:
        along = world.s[j] - s + (1e-9 if j > i else 0.0)
    elif world.from_lane[j] == own:
        along = world.from_s[j] - s
    elif world.from_lane[i] != NONE and lane == world.from_lane[i]:
        along = world.s[j] - world.from_s[i]
    else:
        offset = roads.lane[own].length - s
        for k in range(1, PATH):
            if lane == world.path[i, k]:
                return offset + world.s[j]
            offset += roads.lane[world.path[i, k]].length
        if world.s[j] - 0.5 * world.size[j, 0] < PARTING:
            if same_fork(roads, lane, world.path[i, 1]):
                along = roads.lane[own].length - s + world.s[j]
            elif same_fork(roads, lane, own):
                along = world.s[j] - s
    return along if along > 0.0 else np.inf


@njit
def slow_leader(roads: Roads, world: WorldRecord, i: int) -> tuple[float, float]:
    best, best_speed = np.inf, 0.0
    for j in range(world.vehicles):
        gap = slow_along(roads, world, i, j) - 0.5 * world.size[i, 0] - 0.5 * world.size[j, 0] if j != i else np.inf
        if gap < best and gap < SIGHT:
            best, best_speed = gap, world.speed[j]
    return best, best_speed


@njit
def slow_nearest(world: WorldRecord, me: int, lane: int, s: float, half: float, ahead: bool) -> tuple[int, float]:
    who, best = NONE, np.inf
    for j in range(world.vehicles):
        if j == me or (world.lane[j] != lane and world.from_lane[j] != lane):
            continue
        along = (world.s[j] if world.lane[j] == lane else world.from_s[j]) - s
        gap = abs(along) - half - 0.5 * world.size[j, 0]
        if (along > 0.0) == ahead and gap < best:
            who, best = j, gap
    k = ego_lane_index(world)
    along = world.route_s - world.route_lane_start[k] - s
    gap = abs(along) - half - 0.5 * LENGTH
    if world.route_lane[k] == lane and (along > 0.0) == ahead and gap < best:
        who, best = EGO, gap
    return who, best


@njit
def slow_first(world: WorldRecord, lane: int, s: float) -> bool:
    for j in range(world.vehicles):
        if world.lane[j] == lane and world.s[j] > s and world.granted[j] == NONE:
            return False
    return True


@njit
def slow_ego_leader(world: WorldRecord) -> float:
    best = np.inf
    for j in range(world.vehicles):
        cos_h, sin_h = math.cos(world.heading[j]), math.sin(world.heading[j])
        for k in range(int(EGO_SIGHT / STEP)):
            x, y, _ = route_pose(world, world.route_s + 0.5 * LENGTH + k * STEP)
            half_width = 0.5 * (world.size[j, 1] + WIDTH) + SIDE_MARGIN
            if in_rectangle(x, y, world.x[j], world.y[j], cos_h, sin_h, 0.5 * world.size[j, 0], half_width):
                best = min(best, k * STEP)
                break
    return best


@njit
def slow_connector(roads: Roads, world: WorldRecord) -> int:
    for k in range(world.route_lanes):
        beyond = world.route_lane_start[k + 1] > world.route_s - 0.5 * LENGTH
        if beyond and roads.lane[world.route_lane[k]].junction >= 0:
            return k
    return NONE


@njit
def slow_distance(world: WorldRecord) -> float:
    """Distance, m, of the ego to the stretch of its route on which it may be."""
    best = np.inf
    for k in range(int(max(world.route_s - 6.0, 0.0) / 0.01), int((world.route_s + 8.0) / 0.01)):
        x, y, _ = route_pose(world, k * 0.01)
        best = min(best, math.hypot(x - world.ego_x, y - world.ego_y))
    return best


@njit
def follows(roads: Roads, lane: int) -> int:
    return roads.successors[roads.lane[lane].successor_first]


@njit
def compare(roads: Roads, traffic: tuple, state: np.ndarray, lists: np.ndarray) -> np.ndarray:
    """Times that each fast search was asked and found something, and times it was wrong, (7, 2)."""
    count = np.zeros((7, 2), np.int64)
    for w in range(state.shape[0]):
        world, own = state[w], lists[0]
        list_vehicles(roads, world, own)
        for i in range(world.vehicles):
            fast, slow = leader(roads, world, own, i), slow_leader(roads, world, i)
            count[0, 0] += slow[0] < np.inf
            count[0, 1] += fast[0] < slow[0] - 1e-6 or fast[0] > slow[0] + 1e-6 or fast[1] != slow[1]
            lane, s, half = world.lane[i], world.s[i], 0.5 * world.size[i, 0]
            for side in range(3):
                other = lane if side == 2 else roads.lane[lane].beside[side]
                if other == NONE:
                    continue
                for ahead in (False, True):
                    near = slow_nearest(world, i, other, s, half, ahead)
                    count[1, 0] += near[0] != NONE
                    count[1, 1] += near != _nearest(world, own, i, other, s, half, ahead, LENGTH)
            first = slow_first(world, lane, s)
            count[2, 0] += not first
            count[2, 1] += first != first_in_lane(world, own, lane, s, NONE)
            listed = np.zeros(world.vehicles, np.bool_)
            listed[own.holding[: own.holders]] = True
            wanted = world.path[i, 1]
            for j in range(world.vehicles):
                if (
                    roads.lane[wanted].junction >= 0
                    and must_yield_to(roads, world, j, world.grants + 1, wanted) != NONE
                ):
                    count[3, 0] += 1
                    count[3, 1] += not listed[j]
            room = room_beyond(roads, traffic, world, own, world.path[i, 2], 4.5, NONE, LENGTH)
            last, needed = np.inf, 4.5 + traffic.minimum_gap + 1.0
            for j in range(world.vehicles):
                if world.lane[j] == world.path[i, 2]:
                    last = min(last, world.s[j] - 0.5 * world.size[j, 0] + world.speed[j] ** 2 / 6.0)
                elif world.granted[j] != NONE and follows(roads, world.granted[j]) == world.path[i, 2]:
                    needed += world.size[j, 0] + traffic.minimum_gap
            count[4, 0] += not room
            count[4, 1] += room != (last > needed)
        find_leader(world, LENGTH, WIDTH)
        gap = slow_ego_leader(world)
        count[5, 0] += gap < np.inf
        count[5, 1] += gap != world.lead_gap
        k = slow_connector(roads, world)
        count[6, 0] += k != NONE
        count[6, 1] += k != ego_connector(roads, world, LENGTH)
        count[6, 1] += abs(slow_distance(world) - abs(world.lateral)) > 0.02
    return count


@pytest.mark.parametrize("town", ["TownA", "TownB", "TownC", "TownD"])
def test_the_lists_find_what_a_search_through_all_vehicles_finds(town: str) -> None:
    config = Config.model_validate(
        {"environment": {"town": town, "blank_image": True}, "traffic": {"vehicles": (100, 100, 100)}}
    )
    env = TownVectorEnv(config, 8, seed=4)
    env.reset()
    worlds = env.worlds
    lists = np.zeros(1, lists_dtype(worlds.state["lane"].shape[1]))
    count = np.zeros((7, 2), np.int64)
    for policy in ("privileged", "pid-pursuit", "random"):
        for _ in range(8):
            drive(env, policy, 15)
            count += compare(worlds.roads, worlds.traffic, worlds.state.copy(), lists)
    assert np.all(count[:, 0] > 10), "every search was asked for something"
    assert np.all(count[:, 1] == 0), count


def test_a_vehicle_that_changes_lanes_is_found_on_its_new_lane_and_nobody_is_lost() -> None:
    vehicles = 40
    lists = np.zeros(1, lists_dtype(vehicles))[0]
    env = TownVectorEnv(Config.model_validate({"traffic": {"vehicles": (vehicles,) * 3}}), 1, seed=2)
    env.reset()
    world, rng = env.worlds.state[0], np.random.default_rng(0)
    world["lane"][:vehicles] = rng.integers(0, 6, vehicles)
    list_vehicles(env.worlds.roads, world, lists)
    for i in rng.integers(0, vehicles, 30):
        other = int(rng.integers(0, 6))
        move_to_lane(lists, int(i), int(world["lane"][i]), other)
        world["lane"][i] = other
        for lane in range(6):
            found, j = [], int(lists["head"][lane])
            while j != NONE:
                found.append(j)
                j = int(lists["next"][j])
            assert sorted(found) == np.flatnonzero(world["lane"][:vehicles] == lane).tolist()
