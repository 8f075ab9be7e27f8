#!/usr/bin/env python
"""How often a driver enters junctions without having the way, and how many collisions follow; JSON.

The town gives the way to whoever comes first (`town.claims`). Nobody tells a policy whether it has the way; it sees who
is nearer. The privileged drivers wait until they have it. A collision counts as following when such an entry lies at
most five seconds before it in the same episode.

    python benchmarks/bench_right_of_way.py runs/NAME/policy.safetensors --episodes 200
    python benchmarks/bench_right_of_way.py idm-mobil --config runs/NAME/config.yaml
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from av_td3_system.agents.baselines import SCRIPTED
from av_td3_system.config.load import load_config, load_resolved
from av_td3_system.environments.earning import before_decision, took_way
from av_td3_system.environments.episode import EpisodeRecord
from av_td3_system.environments.seeding import fixed_seeds
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.evaluation.drivers import open_driver
from av_td3_system.evaluation.plain_command import first_seed
from av_td3_system.evaluation.protocol import evaluate_policy
from av_td3_system.evaluation.statistics import wilson_interval
from av_td3_system.town.state import NONE

FOLLOWS = 5.0  # s within which a collision follows an entry


class Entry(NamedTuple):
    """The car's front crosses the line of a junction without the way.

    Attributes:
        episode_seed: of the episode.
        time: s since it began.
        speed: m/s.
    """

    episode_seed: int
    time: float
    speed: float


class Watch(TownVectorEnv):
    """Worlds that note each passage that the car was granted or took."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.granted, self.taken = 0, list[Entry]()

    def step(self, actions: np.ndarray) -> Any:
        """As ever; a passage that is new in the order of grants was granted where it was not taken."""
        state = self.worlds.state
        before = before_decision(state)
        advance = self.worlds.advance

        def noted(commands: np.ndarray, active: np.ndarray) -> None:
            advance(commands, active)
            took = active & took_way(before, state)
            passed = active & (state["ego_order"] > before.order) & (state["ego_granted"] != NONE)
            self.granted += int((passed & ~took).sum())
            for w in np.flatnonzero(took):
                time, speed = float(state["time"][w]), float(state["ego_speed"][w])
                self.taken.append(Entry(int(self.episode_seeds[w]), time, speed))

        self.worlds.advance = noted  # type: ignore[method-assign]
        try:
            return super().step(actions)
        finally:
            self.worlds.advance = advance  # type: ignore[method-assign]


def figures(records: list[EpisodeRecord], granted: int, taken: list[Entry]) -> dict[str, Any]:
    """What is printed."""
    collided = {record.episode_seed: record.time for record in records if record.outcome == "collision"}

    def near(entry: Entry) -> bool:
        return 0.0 <= collided.get(entry.episode_seed, -1.0) - entry.time <= FOLLOWS

    led = sum(map(near, taken))
    after = len({entry.episode_seed for entry in taken if near(entry)})
    entries = granted + len(taken)
    return {
        "episodes": len(records),
        "success_rate": sum(record.success for record in records) / len(records),
        "collisions": len(collided),
        "collisions_after_entering_without_the_way": after,
        "entries": entries,
        "entries_without_the_way": len(taken),
        "of_all_entries": list(wilson_interval(len(taken), entries)),
        "of_these_a_collision_follows": list(wilson_interval(led, len(taken))) if taken else None,
        "mean_speed_at_entry_kmh": 3.6 * float(np.mean([entry.speed for entry in taken])) if taken else None,
    }


def main() -> None:
    """One driver, JSON on stdout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("driver", help=f"a policy or checkpoint of a run, or one of {', '.join(SCRIPTED)}")
    parser.add_argument("--config", type=Path, help="config.yaml whose worlds a scripted driver drives in")
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--split", default="validation", choices=("validation", "test"))
    arguments = parser.parse_args()
    scripted = arguments.driver in SCRIPTED
    driver = open_driver(*((None, arguments.driver) if scripted else (arguments.driver, None)), seed=0)
    config = driver.config
    if scripted:
        config = load_resolved(arguments.config) if arguments.config else load_config()
        config = config.model_copy(update={"environment": config.environment.model_copy(update={"blank_image": True})})
    env = Watch(config, 16, split=arguments.split)
    records = evaluate_policy(driver.policy, env, fixed_seeds(first_seed(config, arguments.split), arguments.episodes))
    told = {"benchmark": "right_of_way", "driver": driver.name, "split": arguments.split}
    print(json.dumps({**told, **figures(records, env.granted, env.taken)}, indent=2))


if __name__ == "__main__":
    main()
