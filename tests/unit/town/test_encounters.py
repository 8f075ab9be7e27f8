"""Vehicles sent to cross the way: from afar, onto a conflicting lane, in time, in nobody's way, only where asked."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from av_td3_system.agents.baselines import make_policy
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.town.encounters import APART, FARAWAY, MARK, NEAREST, SLOWEST
from av_td3_system.town.geometry import rectangles_overlap
from av_td3_system.town.right_of_way import DIVERGE, find_conflict
from av_td3_system.town.state import NONE
from tests.unit.environments.batches import make_batch, same_worlds

ONE_TICK = {"action_repeat": 1}


def sent(env: TownVectorEnv, ticks: int) -> Iterator[tuple[int, int, np.ndarray]]:
    """World, vehicle and its place before, whenever one is moved; worlds as they are right after the tick."""
    driver, state = make_policy("privileged"), env.worlds.state
    for _ in range(ticks):
        before = np.stack([state["x"], state["y"]], axis=-1)
        _, _, terminated, truncated, _ = env.step(driver({}, env))
        moved = np.hypot(state["x"] - before[..., 0], state["y"] - before[..., 1]) > 5.0
        moved[terminated | truncated] = False
        for w, i in np.argwhere(moved):
            yield int(w), int(i), before[w, i]


def test_who_is_sent_comes_from_afar_to_a_conflicting_lane_in_time_and_in_nobodys_way() -> None:
    env = make_batch(8, vehicles=20, crossing_share=1.0, environment=ONE_TICK)
    roads, length = env.worlds.roads, env.worlds.vehicle.length
    count = 0
    for w, i, before in sent(env, 1500):
        count += 1
        world = env.worlds.state[w]
        approach, connector = world["path"][i, :2]
        starts = world["route_lane_start"][: world["route_lanes"]]
        junctions = roads.lane["junction"][world["route_lane"][: world["route_lanes"]]] >= 0
        k = int(np.flatnonzero(junctions & (starts > world["route_s"]))[0])
        own, line = world["route_lane"][k], starts[k] - world["route_s"] - 0.5 * length
        assert MARK - 1.0 < line < MARK + 0.1, "drawn as the ego passes the mark"
        conflict = find_conflict(roads, own, connector)
        assert conflict != NONE and roads.conflict["kind"][conflict] != DIVERGE
        assert approach != world["route_lane"][k - 1] and world["lane"][i] == approach
        assert np.hypot(*(before - [world["ego_x"], world["ego_y"]])) > FARAWAY - 1.0
        half = 0.5 * world["size"][i, 0]
        rest = roads.lane["length"][approach] - world["s"][i] - half
        assert rest > NEAREST - 1.0
        # within a tick's motion; a late arrival may be put as near as NEAREST, which is later still
        arrival = line / max(world["ego_speed"], SLOWEST)
        assert rest / world["speed"][i] < arrival + APART + 0.5 or rest < NEAREST + 1.0
        assert rest / world["speed"][i] > arrival - APART - 0.5
        for j in range(world["vehicles"]):
            if j == i:
                continue
            first = world["lane"][j] != approach or world["s"][j] < world["s"][i]
            assert first, "nobody is ahead of it on its lane"
            boxes = [(world["x"][n], world["y"][n], world["heading"][n], *world["size"][n, :2]) for n in (i, j)]
            assert not rectangles_overlap(*boxes[0], *boxes[1])
    assert count > 8


def test_nobody_is_sent_unless_asked_for() -> None:
    assert not list(sent(make_batch(8, vehicles=20), 600))


def test_the_ego_is_refused_the_way_more_often() -> None:
    refused = []
    for share in (0.0, 1.0):
        env = make_batch(8, vehicles=20, crossing_share=share)
        driver, state = make_policy("privileged"), env.worlds.state
        waits = 0
        for _ in range(500):
            env.step(driver({}, env))
            waits += int(((state["ego_ticket"] >= 0) & (state["ego_granted"] == NONE)).sum())
        refused.append(waits)
    assert refused[1] > 1.3 * refused[0] > 0


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_restored_world_sends_the_same(share: float) -> None:
    env, twin = (make_batch(4, vehicles=20, crossing_share=share, seed=seed) for seed in (5, 6))
    driver = make_policy("privileged")
    for _ in range(20):
        env.step(driver({}, env))
    twin.load_state_dict(env.state_dict())
    for _ in range(150):
        for one in (env, twin):
            one.step(driver({}, one))
    assert same_worlds(env.worlds.state, twin.worlds.state)
