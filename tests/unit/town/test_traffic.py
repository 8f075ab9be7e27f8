"""Other vehicles never overlap, never stop for ever, and drive as their manners say."""

from __future__ import annotations

import numpy as np
import pytest

from av_td3_system.town.car_following import equilibrium_gap
from av_td3_system.town.state import NONE
from benchmarks.traffic_hour import overlapping_pairs
from tests.unit.environments.batches import drive, make_batch
from tests.unit.town.crossroads import make_worlds, put_before, tick

SHORT, LONG = 30.0, 450.0  # simulated seconds in each of the worlds


def watch(vehicles: int, policy: str, worlds: int, seconds: float) -> tuple[int, float]:
    """Overlapping pairs seen every 0.3 s, and the longest time that any vehicle stood."""
    env = make_batch(worlds, vehicles=vehicles)
    found, longest = 0, 0.0
    for _ in range(int(seconds / 0.3)):
        drive(env, policy, 3)
        found += overlapping_pairs(env.worlds.state)
        longest = max(longest, float(env.worlds.state["standing"].max()))
    return found, longest


@pytest.mark.parametrize("vehicles", [20, 100])
def test_vehicles_never_overlap(vehicles: int) -> None:
    found, longest = watch(vehicles, "privileged", 4, SHORT)
    assert found == 0 and longest < 60.0


@pytest.mark.slow
@pytest.mark.parametrize("vehicles", [20, 50, 100])
@pytest.mark.parametrize("policy", ["privileged", "pid-pursuit"])
def test_vehicles_never_overlap_in_an_hour(vehicles: int, policy: str) -> None:
    found, longest = watch(vehicles, policy, 8, LONG)
    assert found == 0
    assert longest < 120.0  # no gridlock: nobody stands for ever


def test_a_parked_ego_holds_up_its_own_queue_and_not_the_town() -> None:
    env = make_batch(2, vehicles=100, environment={"stuck_time": 1000.0, "time_allowance": 1000.0})
    drive(env, "parked", 600)
    before = env.worlds.state["s"].copy(), env.worlds.state["lane"].copy()
    drive(env, "parked", 150)
    state = env.worlds.state
    moved = (state["lane"] != before[1]) | (np.abs(state["s"] - before[0]) > 1.0)
    assert overlapping_pairs(state) == 0
    assert all(moved[w, : state["vehicles"][w]].mean() > 0.5 for w in range(2))


def test_speed_stays_below_limit_and_bend_speed() -> None:
    env = make_batch(2, vehicles=20)
    for _ in range(60):
        drive(env, "parked", 5)
        for world in env.worlds.state:
            n = int(world["vehicles"])
            limit = env.worlds.roads.lane["speed_limit"][world["lane"][:n]]
            assert np.all(world["speed"][:n] <= limit + 0.3) and np.all(world["speed"][:n] >= 0.0)
            assert np.all(world["acceleration"][:n] >= -env.config.traffic.emergency_deceleration)


def test_a_follower_keeps_the_headway_of_the_model() -> None:
    worlds = make_worlds(2)
    roads, world = worlds.roads, worlds.state[0]
    lane = int(np.argmax(np.where(roads.lane["junction"] < 0, roads.lane["length"], 0.0)))
    connector = int(roads.successors[roads.lane["successor_first"][lane]])
    put_before(worlds, 0, connector, roads.lane["length"][lane] - 60.0, 4.0)
    put_before(worlds, 1, connector, roads.lane["length"][lane] - 20.0, 4.0)
    world["lane"][:2] = lane
    world["path"][:2, 0] = lane
    world["speed_factor"][0] = 0.5  # the one ahead is slow
    gaps = []
    for _ in range(2000):
        tick(worlds)
        if world["lane"][0] != lane or roads.lane["length"][lane] - world["s"][0] < 60.0:
            break
        gaps.append(world["s"][0] - world["s"][1] - 0.5 * (world["size"][0, 0] + world["size"][1, 0]))
    p = worlds.traffic
    desired = world["speed_factor"][1] * roads.lane["speed_limit"][lane]
    expected = equilibrium_gap(float(world["speed"][1]), desired, p.time_headway, p.minimum_gap)
    assert len(gaps) > 100 and gaps[-1] == pytest.approx(expected, rel=0.25)


def test_full_roads_send_drivers_another_way() -> None:
    worlds = make_worlds(2)
    roads, world = worlds.roads, worlds.state[0]
    forks = np.flatnonzero((roads.lane["junction"] < 0) & (roads.lane["successor_count"] > 1))
    lane = int(forks[0])
    connector = int(roads.successors[roads.lane["successor_first"][lane]])
    target = int(roads.successors[roads.lane["successor_first"][connector]])
    put_before(worlds, 0, connector, 3.0, 0.0)
    wants = set()
    for _ in range(1600):
        world["lane"][1] = world["path"][1, 0] = target
        world["s"][1], world["speed"][1], world["pause"][1] = 4.0, 0.0, 100.0
        tick(worlds)
        wants.add(int(world["path"][0, 1]))
        if world["lane"][0] != lane:
            break
    assert len(wants) > 1 and world["lane"][0] != lane and world["granted"][1] == NONE
