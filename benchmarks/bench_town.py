#!/usr/bin/env python
"""Speed of the town: decisions of one car a second, with and without the camera; JSON on standard output.

A decision is two ticks of the world with all its traffic, the reward, the vector observation and (with the camera)
one rendered 84x84 frame pushed into the stack. The scripted driver that moves the car is counted too. Each case is
repeated and the median given; `reference_ms` is a fixed NumPy product on the same machine in the same minute, so that
figures from different machines can be set in relation.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np

RESULT = Path(__file__).parent / "results" / "town.json"


def main() -> None:
    """Measure every case and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=64)
    parser.add_argument("--decisions", type=int, default=150, help="of each world and repetition")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()

    import numba

    from av_td3_system.config.load import load_config

    cores = numba.config.NUMBA_NUM_THREADS
    cases = []
    for scenario in (0, 1, 2):
        for blank in (False, True):
            config = load_config(flags={"run.scenario": scenario, "environment.blank_image": blank})
            for threads in sorted({1, cores}):
                numba.set_num_threads(threads)
                rates = _rates(config, arguments.worlds, arguments.decisions, arguments.repeats)
                cases.append(
                    {
                        "scenario": scenario,
                        "vehicles": config.traffic.vehicles[scenario],
                        "camera": not blank,
                        "threads": threads,
                        "worlds": arguments.worlds,
                        "steps_per_s": round(statistics.median(rates)),
                        "lowest": round(min(rates)),
                        "highest": round(max(rates)),
                    }
                )
                print(cases[-1], file=sys.stderr)
    result = {
        "benchmark": "town",
        "cores": cores,
        "load": os.getloadavg()[0],
        "reference_ms": _reference(),
        "cases": cases,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def _rates(config, worlds: int, decisions: int, repeats: int) -> list[float]:  # type: ignore[no-untyped-def]
    from av_td3_system.agents.baselines import make_policy
    from av_td3_system.environments.vector_env import TownVectorEnv

    env = TownVectorEnv(config, worlds, seed=0)
    policy = make_policy("privileged")
    observation, _ = env.reset()
    for _ in range(20):  # compile, and let the traffic get going
        observation, *_ = env.step(policy(observation, env))
    rates = []
    for _ in range(repeats):
        begun = time.perf_counter()
        for _ in range(decisions):
            observation, *_ = env.step(policy(observation, env))
        rates.append(worlds * decisions / (time.perf_counter() - begun))
    return rates


def _reference() -> float:
    """Median milliseconds of a fixed matrix product."""
    matrix = np.random.default_rng(0).standard_normal((512, 512))
    times = []
    for _ in range(20):
        begun = time.perf_counter()
        matrix @ matrix
        times.append(1e3 * (time.perf_counter() - begun))
    return round(statistics.median(times), 3)


if __name__ == "__main__":
    main()
