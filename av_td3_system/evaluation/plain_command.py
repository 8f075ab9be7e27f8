"""`av-td3 evaluate` of a run outside the town: fixed episodes of its environment, and their rewards."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from av_td3_system.config.errors import UserError
from av_td3_system.config.load import config_hash
from av_td3_system.config.schema import Config
from av_td3_system.environments.gymnasium_batch import GymnasiumBatch
from av_td3_system.environments.plain_episode import summarise_plain
from av_td3_system.environments.seeding import fixed_seeds
from av_td3_system.evaluation.drivers import Driver
from av_td3_system.evaluation.latency import ObservationSample, latency_in_words, policy_latency
from av_td3_system.evaluation.protocol import evaluate_policy

TEST_SEEDS = 1 << 20  # how far the episodes of the split `test` lie beyond those that the best policy was chosen on


def refuse_town_flags(config: Config, given: Mapping[str, Any]) -> None:
    """Refuse flags that mean nothing outside the town.

    Args:
        config: of the run.
        given: flag -> value, empty or None where it was not given.

    Raises:
        UserError: names the flag.
    """
    for flag, value in given.items():
        if value is not None and value is not False:
            raise UserError(f"{flag} is of the town and means nothing to {config.run.env}", "leave it out")


def first_seed(config: Config, split: str) -> int:
    """The first of the fixed episode seeds: those of `test` were played by no evaluation in training."""
    return config.evaluation.seed + (TEST_SEEDS if split == "test" else 0)


def run_plain_evaluate(
    driver: Driver,
    config: Config,
    seed: int | None,
    split: str,
    overrides: Sequence[str],
    as_json: bool,
    progress: Callable[[int, int], None],
) -> int:
    """Evaluate and print to standard output; returns the exit code 0.

    Args:
        driver: a policy and where it comes from.
        config: its run's settings, as changed by the command line.
        seed: first of the episode seeds, None for that of the split.
        split: `validation` are the episodes that the run was evaluated on, `test` are others.
        overrides: `section.setting=value` texts that were given.
        as_json: figures and every episode as one JSON object.
        progress: told how many episodes are done.

    Raises:
        UserError: the environment cannot be made, or the policy is of another.
    """
    settings, env_id = config.evaluation, config.run.env
    assert env_id is not None
    seeds = fixed_seeds(first_seed(config, split) if seed is None else seed, settings.episodes)
    sample = ObservationSample()
    env = GymnasiumBatch(env_id, min(settings.num_envs, settings.episodes))
    try:
        records = evaluate_policy(driver.policy, env, seeds, progress=progress, observer=sample)  # type: ignore[arg-type]
    finally:
        env.close()
    latency = policy_latency(driver.policy, sample.kept)
    result = {
        "policy": driver.name,
        "env": env_id,
        "split": split,
        "overrides": list(overrides),
        "config_hash": config_hash(config),
        "episode_seeds": seeds,
        "summary": summarise_plain(records),
        "inference_latency_ms": None if latency is None else latency.to_dict(),
    }
    if as_json:
        print(json.dumps({**result, "episodes": [record.to_dict() for record in records]}, indent=2))
    else:
        print(render(result))
    return 0


def render(result: Mapping[str, Any]) -> str:
    """The measures in words, n beside them."""
    summary, seeds = result["summary"], result["episode_seeds"]
    changed = "".join(f", {text}" for text in result["overrides"])
    return "\n".join(
        [
            f"{result['policy']}: {result['env']}{changed}, n {summary['n_episodes']} "
            f"(episode seeds {seeds[0]} to {seeds[-1]})",
            f"episode reward     {summary['episode_reward']:.1f}  (std {summary['episode_reward_std']:.1f}, "
            f"min {summary['episode_reward_min']:.1f}, max {summary['episode_reward_max']:.1f})",
            f"episode length     {summary['episode_length']:.1f}  ({summary['terminated']} terminated, "
            f"{summary['n_episodes'] - summary['terminated']} truncated)",
            *latency_in_words(result["inference_latency_ms"]),
        ]
    )
