"""What a decision costs that enters a junction without the way: against plain geometry, once, and nobody who has it."""

from __future__ import annotations

import numpy as np
import pytest

from av_td3_system.agents.baselines import ConstantPolicy, make_policy
from av_td3_system.config.schema import Config
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.rewards import TERMS
from av_td3_system.town.state import NONE
from tests.unit.environments.batches import drive_quota, town_config

PRICE = 7.0
SAFETY = TERMS.index("safety")
WORLDS = 12


def pricing(vehicles: int = 60, **environment: int) -> Config:
    config = town_config(vehicles, environment=environment)
    return config.model_copy(update={"reward": config.reward.model_copy(update={"right_of_way": PRICE})})


def crossed_lines(env: TownVectorEnv, before: np.ndarray) -> np.ndarray:
    """Bool (N,): whether the front went over the beginning of a connecting lane since its arc length was `before`."""
    state, lanes = env.worlds.state, env.town.network.lanes
    front = state["route_s"] + 0.5 * env.config.vehicle.length
    crossed = np.zeros(len(state), bool)
    for w, world in enumerate(state):
        for k in range(world["route_lanes"]):
            line = world["route_lane_start"][k]
            crossed[w] |= lanes.junction[world["route_lane"][k]] >= 0 and before[w] < line <= front[w]
    return crossed


def test_whoever_crosses_the_line_without_the_way_pays_in_the_next_tick_and_nobody_else() -> None:
    env = TownVectorEnv(pricing(action_repeat=1), WORLDS, seed=5)
    free = TownVectorEnv(town_config(60, environment={"action_repeat": 1}), WORLDS, seed=5)
    env.reset()
    free.reset()
    driver = make_policy("pid-pursuit")  # whether it has the way is chance
    owed, paid, entered = np.zeros(WORLDS, bool), 0, 0
    front = env.worlds.state["route_s"] + 0.5 * env.config.vehicle.length
    for _ in range(900):
        actions = driver(env.observation(), env)
        _, reward, terminated, truncated, infos = env.step(actions)
        _, plain, *_, plain_infos = free.step(actions)
        cost = plain_infos["reward_terms"][:, SAFETY] - infos["reward_terms"][:, SAFETY]
        np.testing.assert_allclose(cost, PRICE * owed, atol=1e-9)
        np.testing.assert_allclose(plain - reward, PRICE * owed, atol=1e-9)
        paid += int(owed.sum())
        over = terminated | truncated
        crossed = crossed_lines(env, front) & ~over
        entered += int(crossed.sum())
        owed = crossed & (env.worlds.state["ego_granted"] == NONE)
        front = env.worlds.state["route_s"] + 0.5 * env.config.vehicle.length
    assert paid >= 3 and entered > 2 * paid


@pytest.mark.parametrize("driver", ["privileged", "parked", ConstantPolicy(1.0, 1.0)], ids=["polite", "parked", "off"])
def test_whoever_waits_for_the_way_stands_or_leaves_the_road_owes_nothing(driver: str | ConstantPolicy) -> None:
    env, free = (TownVectorEnv(config, 6, split="validation") for config in (pricing(20), town_config(20)))
    costs = [
        [record.reward_terms["safety"] for record in drive_quota(one, driver, [[300 + w] for w in range(6)])]
        for one in (env, free)
    ]
    assert costs[0] == costs[1]


def test_coming_to_a_junction_too_fast_costs_before_the_line_alone() -> None:
    config = town_config(0)
    priced = config.model_copy(update={"reward": config.reward.model_copy(update={"approach": 0.5})})
    env, free = (TownVectorEnv(one, 6, seed=5) for one in (priced, config))
    env.reset()
    free.reset()
    driver = make_policy("pid-pursuit")
    half, line_speed, paid = 0.5 * config.vehicle.length, config.reward.approach_speed / 3.6, 0
    for _ in range(400):
        actions = driver(env.observation(), env)
        cost = free.step(actions)[4]["reward_terms"] - env.step(actions)[4]["reward_terms"]
        for w, world in enumerate(free.worlds.state):
            lanes, s = world["route_lane"][: world["route_lanes"]], world["route_s"]
            inside = env.town.network.lanes.junction[lanes] >= 0
            starts, ends = world["route_lane_start"][: len(lanes)], world["route_lane_start"][1 : len(lanes) + 1]
            lines = starts[inside & (starts - half > s)]
            owed = 0.0
            if lines.size and world["time"] > 0 and not (inside & (starts <= s + half) & (s < ends)).any():
                allowed = np.sqrt(line_speed**2 + 2 * 2.5 * (lines.min() - half - s))
                owed = 0.5 * max(world["ego_speed"] - allowed, 0.0)
            if world["time"] > 0:  # else a new episode, whose state is not what was paid for
                np.testing.assert_allclose(cost[w], owed * np.eye(len(TERMS))[SAFETY], atol=1e-9)
                paid += owed > 0
    assert paid > 30
