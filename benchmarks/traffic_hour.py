#!/usr/bin/env python
"""One simulated hour of traffic in each town at each density, with and without an ego; JSON on standard output.

With an ego, which a script drives: eight worlds share the hour, and each begins anew with every episode. Without one:
a single world runs through the whole hour, so that nothing can hide a deadlock. Counts overlaps of other vehicles among
themselves (looked for every 0.3 s), the longest standstill of one, changes of lane, and the mean speed of all and of
the last ten minutes. Vehicles that set somebody down stand on purpose and are left out; so are, where there is an ego,
those within `EGO_NEAR` metres of it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from av_td3_system.agents.baselines import make_policy
from av_td3_system.config.schema import Config
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.town.geometry import rectangles_overlap
from av_td3_system.town.state import NONE
from av_td3_system.town.town import load_town
from av_td3_system.town.world import TownWorlds

RESULTS = Path(__file__).parent / "results"
WORLDS = 8
EVERY = 3  # decisions between two looks
LOOK = 0.3  # s between two looks without an ego
EGO_NEAR = 60.0  # m
NO_LANE = -2  # equals no lane's index
TOWNS = ("TownA", "TownB", "TownC", "TownD")


def main() -> None:
    """Drive every town at every density and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--towns", nargs="+", default=TOWNS)
    parser.add_argument("--vehicles", nargs="+", type=int, default=(20, 50, 100))
    parser.add_argument("--seconds", type=float, default=3600.0, help="simulated, over all worlds of a case")
    parser.add_argument("--car-following", default="idm", choices=("idm", "krauss"), help="what the others drive by")
    arguments = parser.parse_args()
    model = arguments.car_following
    cases = []
    for town in arguments.towns:
        for vehicles in arguments.vehicles:
            for measure in (drive, run_alone):
                cases.append(measure(town, vehicles, arguments.seconds, model))
                print(cases[-1], file=sys.stderr, flush=True)
    result = {"benchmark": "traffic_hour", "car_following": model, "cases": cases}
    RESULTS.mkdir(exist_ok=True)
    name = "traffic_hour.json" if model == "idm" else f"traffic_hour_{model}.json"
    (RESULTS / name).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def drive(town: str, vehicles: int, seconds: float, model: str) -> dict[str, Any]:
    """One case: `seconds` of simulated time in one town, shared by the worlds."""
    config = _config(town, vehicles, model)
    env = TownVectorEnv(config, WORLDS, seed=1)
    observation, _ = env.reset()
    policy = make_policy("privileged")
    state = env.worlds.state
    decision = config.environment.tick * config.environment.action_repeat
    rounds = int(seconds / (WORLDS * decision * EVERY))
    overlaps = changes = 0
    speeds, longest = [], 0.0
    begun = time.perf_counter()
    for _ in range(rounds):
        for _ in range(EVERY):
            was = state["from_lane"] != NONE
            observation, *_ = env.step(policy(observation, env))
            drives = np.arange(state["lane"].shape[1]) < state["vehicles"][:, None]
            changes += int(((state["from_lane"] != NONE) & ~was & drives).sum())
        overlaps += overlapping_pairs(state)
        speeds.append(float(state["speed"][drives].mean()))
        near = np.hypot(state["x"] - state["ego_x"][:, None], state["y"] - state["ego_y"][:, None]) < EGO_NEAR
        others = drives & ~near & (state["pause"] <= 0.0)
        longest = max(longest, float(state["standing"][others].max(initial=0.0)))
    return {
        "town": town,
        "vehicles": vehicles,
        "ego": "privileged",
        "simulated_s": round(rounds * WORLDS * decision * EVERY),
        "overlaps": overlaps,
        "longest_standstill_s": round(longest, 1),
        "lane_changes": changes,
        "mean_speed_m_s": round(float(np.mean(speeds)), 2),
        "wall_s": round(time.perf_counter() - begun, 1),
    }


def _config(town: str, vehicles: int, model: str) -> Config:
    return Config.model_validate(
        {
            "environment": {"town": town, "blank_image": True},
            "camera": {"width": 32, "height": 32},
            "traffic": {"vehicles": (vehicles, vehicles, vehicles), "car_following": model},
        }
    )


def run_alone(town: str, vehicles: int, seconds: float, model: str) -> dict[str, Any]:
    """One case without an ego: one world, from its beginning to its end."""
    config = _config(town, vehicles, model)
    worlds = TownWorlds(load_town(town), config, 1, "train")
    worlds.begin(0, 1)
    state = worlds.state
    # Out of everybody's way: far off in the plan, and on no lane. Being off the road, it ends each call after one tick.
    state["ego_x"], state["ego_y"], state["route_s"], state["route_lane"] = 1e6, 1e6, -1e9, NO_LANE
    active, action = np.ones(1, np.bool_), np.zeros((1, 2), np.float32)
    ticks_a_look = round(LOOK / config.environment.tick)
    looks = int(seconds / LOOK)
    overlaps = changes = 0
    speeds, longest = [], 0.0
    drives = slice(0, int(state["vehicles"][0]))
    begun = time.perf_counter()
    for _ in range(looks):
        for _ in range(ticks_a_look):
            was = state["from_lane"][0, drives] != NONE
            worlds.advance(action, active)
            changes += int(((state["from_lane"][0, drives] != NONE) & ~was).sum())
        overlaps += overlapping_pairs(state)
        speeds.append(float(state["speed"][0, drives].mean()))
        waits = state["pause"][0, drives] <= 0.0
        longest = max(longest, float(state["standing"][0, drives][waits].max(initial=0.0)))
    return {
        "town": town,
        "vehicles": vehicles,
        "ego": None,
        "simulated_s": round(float(state["time"][0])),
        "overlaps": overlaps,
        "longest_standstill_s": round(longest, 1),
        "lane_changes": changes,
        "mean_speed_m_s": round(float(np.mean(speeds)), 2),
        "mean_speed_last_10_min_m_s": round(float(np.mean(speeds[-round(600.0 / LOOK) :])), 2),
        "wall_s": round(time.perf_counter() - begun, 1),
    }


@njit
def overlapping_pairs(state: np.ndarray) -> int:
    """Pairs of other vehicles, parked ones included, whose rectangles overlap, over all worlds."""
    found = 0
    for w in range(state.shape[0]):
        world = state[w]
        for i in range(world.vehicles + world.parked):
            for j in range(i):
                if rectangles_overlap(
                    world.x[i],
                    world.y[i],
                    world.heading[i],
                    world.size[i, 0],
                    world.size[i, 1],
                    world.x[j],
                    world.y[j],
                    world.heading[j],
                    world.size[j, 0],
                    world.size[j, 1],
                ):
                    found += 1
    return found


if __name__ == "__main__":
    main()
