#!/usr/bin/env python
"""What averaging the policy is worth: the averaged and the learned policy of stored agents on the same episodes; JSON.

The average changes nothing of how a run learns (`agent.policy_average`), so one run shows both, on the same seeds and
episodes.

    python benchmarks/bench_average.py ~/learning/seed_61 ~/learning/seed_62 --checkpoints td3_50k.pt td3_100k.pt
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from av_td3_system.agents.policy import act_where_active
from av_td3_system.agents.td3 import TD3
from av_td3_system.config.schema import Config
from av_td3_system.environments.seeding import fixed_seeds
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.evaluation.metrics import summarise
from av_td3_system.evaluation.protocol import evaluate_policy
from benchmarks.stored_agent import stored_agent

POLICIES: dict[str, Callable[[TD3], Callable[[Any], np.ndarray]]] = {
    "average": lambda agent: agent.act_averaged,
    "learned": lambda agent: agent.act,
}


def main() -> None:
    """Every checkpoint's two policies, JSON on stdout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", help="directories of runs in the town")
    parser.add_argument("--checkpoints", nargs="+", default=["final.pt"], help="in their folders of checkpoints")
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--split", default="validation", choices=("validation", "test"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for run in arguments.runs:
        for name in arguments.checkpoints:
            print(f"{run.name} {name}", file=sys.stderr)
            config, agent = stored_agent(run, name)
            rows.append({"run": run.name, "checkpoint": name, **compare(config, agent, arguments)})
    print(json.dumps({"benchmark": "average", "split": arguments.split, "rows": rows}, indent=1))


def compare(config: Config, agent: TD3, arguments: argparse.Namespace) -> dict[str, Any]:
    """Success, reward and collisions of both policies."""
    seeds = fixed_seeds(config.evaluation.seed, arguments.episodes)
    found: dict[str, Any] = {}
    for name, act in POLICIES.items():
        env = TownVectorEnv(config, min(config.evaluation.num_envs, len(seeds)), split=arguments.split)
        decide = act(agent)
        records = evaluate_policy(lambda seen, worlds, d=decide: act_where_active(d, seen, worlds), env, seeds)
        summary = summarise(records)
        kept = ("success_rate", "success_rate_interval", "route_completion", "episode_reward", "collisions_per_km")
        found[name] = {key: summary[key] for key in kept}
    return found


if __name__ == "__main__":
    main()
