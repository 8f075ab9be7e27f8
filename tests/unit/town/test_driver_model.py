"""Traffic that drives by Krauss' model: stops where it must, weighs lanes by it, is as reproducible as IDM's."""

from __future__ import annotations

import numpy as np
import pytest

from av_td3_system.agents.baselines import SCRIPTED, make_policy
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.town.krauss import free_acceleration, safe_acceleration
from av_td3_system.town.state import NONE
from av_td3_system.town.world import TownWorlds
from benchmarks.traffic_hour import overlapping_pairs
from tests.unit.environments.batches import drive, make_batch, same_worlds
from tests.unit.town import crossroads
from tests.unit.town.crossroads import DT, put_before, tick
from tests.unit.town.test_lane_change import LEFT, long_pair, make_worlds, put, worth

KRAUSS = {"car_following": "krauss"}


def long_lane(worlds: TownWorlds) -> int:
    """The connecting lane after the longest lane of the town."""
    roads = worlds.roads
    lane = int(np.argmax(np.where(roads.lane["junction"] < 0, roads.lane["length"], 0.0)))
    return int(roads.successors[roads.lane["successor_first"][lane]])


def test_only_krauss_drivers_dawdle_and_draw_for_it() -> None:
    def driven(**traffic: object) -> TownVectorEnv:
        env = make_batch(2, vehicles=20, **traffic)
        drive(env, "parked", 20)
        return env

    idm, krauss = driven(dawdling=0.1), driven(dawdling=0.1, **KRAUSS)
    assert same_worlds(idm.worlds.state, driven(dawdling=0.9).worlds.state)
    assert not np.array_equal(idm.worlds.state["stream"], krauss.worlds.state["stream"])
    assert not same_worlds(krauss.worlds.state, driven(dawdling=0.9, **KRAUSS).worlds.state)
    assert same_worlds(krauss.worlds.state, driven(dawdling=0.1, **KRAUSS).worlds.state), (
        "the same seeds, the same drive"
    )


def test_krauss_traffic_is_restored_to_the_bit() -> None:
    one, other = (make_batch(2, vehicles=20, seed=seed, **KRAUSS).worlds for seed in (5, 6))
    active, action = np.ones(2, np.bool_), np.zeros((2, 2))
    for k in range(60):
        if k == 30:
            other.load_state_dict(one.state_dict())
        one.advance(action, active)
        if k >= 30:
            other.advance(action, active)
    assert same_worlds(one.state, other.state)


@pytest.mark.parametrize("vehicles", [20, 100])
def test_krauss_drivers_never_overlap_and_get_on(vehicles: int) -> None:
    env = make_batch(4, vehicles=vehicles, **KRAUSS)
    longest, speeds, lowest = 0.0, [], 0.0
    for _ in range(100):
        drive(env, "privileged", 3)
        state = env.worlds.state
        assert overlapping_pairs(state) == 0
        longest = max(longest, float(state["standing"].max()))
        lowest = min(lowest, float(state["acceleration"].min()))
        speeds.append(float(state["speed"][:, :vehicles].mean()))
    assert longest < 60.0 and np.mean(speeds) > 2.0
    assert lowest >= -env.config.traffic.emergency_deceleration


def test_who_has_no_way_stops_before_the_line_and_the_next_one_behind() -> None:
    worlds = crossroads.make_worlds(2, **KRAUSS)
    world = worlds.state[0]
    connector = long_lane(worlds)
    put_before(worlds, 0, connector, 50.0, 8.0)
    put_before(worlds, 1, connector, 75.0, 8.0)
    lane, length = int(world["lane"][0]), float(worlds.roads.lane["length"][world["lane"][0]])
    for _ in range(600):
        world["granted"][0] = NONE
        crossroads.move(worlds)
    front = [length - float(world["s"][i]) - 0.5 * float(world["size"][i, 0]) for i in range(2)]
    assert world["lane"][:2].tolist() == [lane, lane] and world["speed"][:2].max() < 0.1
    assert front[0] == pytest.approx(1.0, abs=0.2), "a metre before the line"
    assert front[1] - front[0] - world["size"][0, 0] == pytest.approx(worlds.traffic.minimum_gap, abs=0.2)


def test_dawdling_slows_a_start_by_half_of_sigma_and_lights_no_brake_lamp() -> None:
    worlds = crossroads.make_worlds(1, dawdling=0.8, **KRAUSS)
    world = worlds.state[0]
    put_before(worlds, 0, long_lane(worlds), 140.0, 0.0)
    a, speeds, lamps, pulls = float(world["max_acceleration"][0]), [], [], []
    for k in range(180):
        tick(worlds)
        speeds.append(float(world["speed"][0]))
        lamps += [int(world["brake"][0])] if speeds[-1] > 1.0 else []
        pulls += [float(world["acceleration"][0])] if k > 140 else []
    assert speeds[59] == pytest.approx(a * (1.0 - 0.4) * 60 * DT, rel=0.1)
    assert min(pulls) < -0.6 and not any(lamps), "near the desired speed it only lifts its foot"
    world["pause"][0] = 5.0
    tick(worlds)
    assert world["brake"][0] == 1


def test_mobil_weighs_the_accelerations_of_krauss_over_a_reaction_time() -> None:
    worlds = make_worlds(2, **KRAUSS)
    lane, other = long_pair(worlds)
    put(worlds, 0, lane, 30.0, 7.0)
    put(worlds, 1, lane, 45.0, 1.0)
    p = worlds.traffic
    desired = 0.9 * float(worlds.roads.lane["speed_limit"][lane])
    a, b, tau = p.max_acceleration, p.comfortable_deceleration, p.time_headway
    free = free_acceleration(7.0, desired, a, b, tau)
    behind = safe_acceleration(7.0, 15.0 - 4.5, 1.0, tau, p.minimum_gap, b, tau)
    assert behind < 0.0
    assert worth(worlds, 0) == pytest.approx(free - behind), "its own gain alone: nobody follows"
    speed = desired - 0.05
    put(worlds, 0, lane, 30.0, speed)
    put(worlds, 1, lane, 30.0 + 4.5 + p.minimum_gap + speed * tau, speed)
    assert 0.0 < worth(worlds, 0) < p.change_threshold, "who drives nearly as fast as it likes stays"
    put(worlds, 1, other, 30.0 + 4.5 + 4.0, 1.0)
    assert worth(worlds, 0, LEFT) == -np.inf, "into a gap that it would have to brake hard in"


@pytest.mark.parametrize("name", SCRIPTED)
def test_the_scripted_drivers_stay_what_they_are_in_any_traffic(name: str) -> None:
    actions = []
    for model in ("idm", "krauss"):
        env = make_batch(4, vehicles=50, car_following=model)
        env.worlds.state["lead_gap"], env.worlds.state["lead_speed"], env.worlds.state["ego_speed"] = 12.0, 3.0, 6.0
        actions.append(make_policy(name)({}, env))
    assert np.array_equal(*actions)
