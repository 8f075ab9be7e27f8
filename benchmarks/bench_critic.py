#!/usr/bin/env python
"""What a critic knows of commands: decisions driven again with other commands, Q beside what followed; JSON.

Equal worlds drive the same episode with the policy, so that they are the same to the bit; in one decision each gets
another command, after it the policy goes on. What Q says of the difference is compared with the difference in return:
rewards of the next h decisions, and the critic's own value of where they led. Small h compares what the command did by
itself, large h includes what others made of it, which is mostly chance. `value_r` is the correlation of Q with the
return between decisions, `command_rho` of the differences between commands (Spearman), `worth` what
the command that Q likes best earned more than the policy's, `possible` what the best did.

    python benchmarks/bench_critic.py ~/screening/preset-50k-seed60 --checkpoint td3_50k.pt > critic.json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from av_td3_system.agents.td3 import TD3
from av_td3_system.config.schema import Config
from av_td3_system.environments.vector_env import TownVectorEnv
from benchmarks.stored_agent import stored_agent

OFFSETS = {
    "steering": np.array([(-0.6, 0), (-0.2, 0), (0.2, 0), (0.6, 0)], np.float32),
    "pedal": np.array([(0, -1.0), (0, -0.3), (0, 0.3), (0, 1.0)], np.float32),
}
COMMANDS = 1 + sum(map(len, OFFSETS.values()))  # the policy's own first
GROUPS = 8  # episodes at a time
EARLIEST, LATEST = 10, 200  # decision at which commands differ
FIRST_SEED = 5_000_000


class Branches(NamedTuple):
    """M decisions with every command.

    Attributes:
        q1: what the first critic says of each command, (M, COMMANDS).
        lowest: the lower of both, likewise.
        returns: what followed, by horizon, likewise.
    """

    q1: np.ndarray
    lowest: np.ndarray
    returns: dict[int, np.ndarray]


def main() -> None:
    """One run's critic, JSON on stdout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="directory of a run in the town")
    parser.add_argument("--checkpoint", default="final.pt", help="in its folder of checkpoints")
    parser.add_argument("--episodes", type=int, default=400, help="one decision each, where it lasts long enough")
    parser.add_argument("--horizons", type=int, nargs="+", default=[5, 20, 80], help="decisions")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    config, agent = stored_agent(arguments.run, arguments.checkpoint)
    branches = drive(config, agent, arguments.episodes, sorted(arguments.horizons), arguments.seed)
    report = {"benchmark": "critic", "run": arguments.run.name, "updates": agent.updates, "n": len(branches.q1)}
    print(json.dumps({**report, "horizons": judge(branches)}, indent=1))


def drive(config: Config, agent: TD3, episodes: int, horizons: list[int], seed: int) -> Branches:
    """Branch one decision of each episode that lasts until then."""
    rng, worlds = np.random.default_rng(seed), GROUPS * COMMANDS
    env = TownVectorEnv(config, worlds, split="validation", surroundings=True)
    offsets = np.concatenate([np.zeros((1, 2), np.float32), *OFFSETS.values()])
    parts: list[Branches] = []
    for first in range(0, episodes, GROUPS):
        seeds = FIRST_SEED + 100_000 * seed + first + np.arange(GROUPS)
        env.assign_episodes([[int(one)] for one in np.repeat(seeds, COMMANDS)])
        at = np.repeat(rng.integers(EARLIEST, LATEST, GROUPS), COMMANDS)
        parts.append(_one_round(env, agent, at, np.tile(offsets, (GROUPS, 1)), horizons))
        done, found = min(first + GROUPS, episodes), sum(len(part.q1) for part in parts)
        print(f"\r{done}/{episodes} episodes, {found} decisions", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    together = {h: np.concatenate([part.returns[h] for part in parts]) for h in horizons}
    return Branches(np.concatenate([p.q1 for p in parts]), np.concatenate([p.lowest for p in parts]), together)


def _one_round(env: TownVectorEnv, agent: TD3, at: np.ndarray, offsets: np.ndarray, horizons: list[int]) -> Branches:
    """Every world's episode until `horizons` have passed since its decision `at` (N,)."""
    gamma, count = env.config.agent.gamma, env.num_envs
    q1, lowest = np.full(count, np.nan), np.full(count, np.nan)
    earned, returns = np.zeros(count), {h: np.full(count, np.nan) for h in horizons}
    observation, _ = env.reset()
    for decision in range(LATEST + max(horizons)):
        if not env.active.any():
            break
        actions = agent.act_averaged(observation)
        since = decision - at
        now = env.active & (since == 0)
        actions[now] = np.clip(actions[now] + offsets[now], -1, 1)
        if now.any():
            both = agent.q_values(observation, actions)
            q1[now], lowest[now] = both[0][now], np.minimum(*both)[now]
        began = env.active & (since >= 0)
        observation, rewards, terminated, truncated, infos = env.step(actions)
        earned[began] += gamma ** since[began] * rewards[began]
        over = terminated | truncated
        for world in np.flatnonzero(began & over):  # nothing follows, or what the critic expects of the last sight
            beyond = 0.0
            if not infos["return_ends"][world]:
                last = {name: value[world : world + 1] for name, value in infos["final_obs"].items()}
                beyond = gamma ** (since[world] + 1) * float(
                    np.minimum(*agent.q_values(last, agent.act_averaged(last)))[0]
                )
            for h in horizons:
                if since[world] < h:
                    returns[h][world] = earned[world] + beyond
        for h in horizons:
            due = env.active & ~over & (since + 1 == h)
            if due.any():
                value = np.minimum(*agent.q_values(observation, agent.act_averaged(observation)))
                returns[h][due] = earned[due] + gamma**h * value[due]
    grouped = [array.reshape(-1, COMMANDS) for array in (q1, lowest, *returns.values())]
    whole = np.isfinite(np.stack(grouped)).all(axis=(0, 2))
    kept = [array[whole] for array in grouped]
    return Branches(kept[0], kept[1], dict(zip(horizons, kept[2:], strict=True)))


def judge(branches: Branches) -> dict[str, Any]:
    """Figures by horizon, then by kind of command."""
    told: dict[str, Any] = {}
    for horizon, returns in branches.returns.items():
        figures: dict[str, Any] = {"value_r": float(np.corrcoef(branches.lowest[:, 0], returns[:, 0])[0, 1])}
        first = 1
        for name, offsets in OFFSETS.items():
            columns = [0, *range(first, first + len(offsets))]
            first += len(offsets)
            q, earned = branches.q1[:, columns], returns[:, columns]
            says, did = q[:, 1:] - q[:, :1], earned[:, 1:] - earned[:, :1]
            gain = earned[np.arange(len(q)), q.argmax(axis=1)] - earned[:, 0]
            figures[name] = {
                "command_rho": float(spearmanr(says.ravel(), did.ravel())[0]),
                "q_spread": float(says.std()),
                "return_spread": float(did.std()),
                "worth": float(gain.mean()),
                "worth_error": float(gain.std() / np.sqrt(len(gain))),
                "possible": float((earned.max(axis=1) - earned[:, 0]).mean()),
            }
        told[str(horizon)] = figures
    return told


if __name__ == "__main__":
    main()
