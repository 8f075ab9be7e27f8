"""`av-td3 evaluate`: fixed held-out episodes, the measures over them, every episode on request."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from av_td3_system.config.errors import BackendLost, UserError
from av_td3_system.config.load import config_hash, with_overrides
from av_td3_system.config.schema import Config
from av_td3_system.evaluation.camera_ablation import SETTINGS, AblatedCamera, Image, image_named
from av_td3_system.evaluation.drivers import open_driver, refuse_other_numbers
from av_td3_system.evaluation.latency import ObservationSample, latency_in_words, policy_latency

SPLITS = ("validation", "test")


def run_evaluate(
    target: str | None,
    *,
    policy: str | None = None,
    scenario: int | None = None,
    seed: int | None = None,
    episodes: int | None = None,
    split: str = "test",
    num_envs: int | None = None,
    blank_image: bool = False,
    image: str = "seen",
    town: str | None = None,
    overrides: Sequence[str] = (),
    as_json: bool = False,
) -> int:
    """Evaluate and print to standard output; returns the exit code 0.

    Args:
        target: run directory, policy or checkpoint file.
        policy: name of a scripted driver instead.
        scenario: traffic, None for the run's own.
        seed: first of the fixed episode seeds, None for the config's.
        episodes: how many, None for the config's.
        split: `validation` or `test` routes.
        num_envs: worlds in parallel; changes figures by the rounding of products at most, those of a shuffled image
            more.
        blank_image: black out the camera, as `image` blank does.
        image: what the policy is shown, see `camera_ablation`.
        town: built-in town or map to drive in, None for the run's own.
        overrides: `section.setting=value`, over the run's own settings and under the flags.
        as_json: figures and every episode as one JSON object.

    Raises:
        UserError: a bad argument.
        BackendLost: the simulator could not be brought back; the episodes driven until then were printed.
    """
    if split not in SPLITS:
        raise UserError(f"--split is {split!r}, but must be one of {', '.join(SPLITS)}")
    shown = image_named(image)
    if blank_image and shown not in ("seen", "blank"):
        raise UserError(f"--blank-image and --image {image} exclude each other", "give one of them")
    first = 0 if seed is None else seed
    driver = open_driver(target, policy, first)
    settings_of_run = with_overrides(driver.config, overrides)
    config = with_flags(settings_of_run, scenario, seed, episodes, num_envs, blank_image, town)
    if config.run.env != driver.config.run.env:
        raise UserError("--set run.env: a policy is evaluated where it was trained", "give a run of that environment")
    if config.run.env is not None:
        from av_td3_system.evaluation.plain_command import refuse_town_flags, run_plain_evaluate

        refuse_town_flags(
            config, {"--scenario": scenario, "--town": town, "--blank-image": blank_image, "--image": shown != "seen"}
        )
        return run_plain_evaluate(driver, config, seed, split, overrides, as_json, _Progress())
    config = with_overrides(config, SETTINGS.get(shown, ()))
    refuse_other_numbers(driver.policy, driver.name, config, "--set")

    from av_td3_system.environments.driving import driving_worlds
    from av_td3_system.environments.seeding import fixed_seeds
    from av_td3_system.evaluation.metrics import summarise
    from av_td3_system.evaluation.protocol import evaluate_policy

    settings = config.evaluation
    seeds = fixed_seeds(settings.seed, settings.episodes)
    policy_shown: Any = driver.policy
    if shown in ("frozen", "shuffled"):
        policy_shown = AblatedCamera(driver.policy, shown, settings.seed)
    sample = ObservationSample()
    env = driving_worlds(config, min(settings.num_envs, settings.episodes), seed=config.run.seed, split=split)
    lost: BackendLost | None = None
    kept: dict[int, Any] = {}
    try:
        evaluate_policy(policy_shown, env, seeds, progress=_Progress(), observer=sample, kept=kept)
    except BackendLost as error:
        if not kept:
            raise
        print(f"warning: {len(kept)} of {len(seeds)} episodes were driven, and no more will be", file=sys.stderr)
        lost = error
    finally:
        env.close()
    seeds = [seed for seed in seeds if seed in kept]
    records = [kept[seed] for seed in seeds]
    latency = policy_latency(driver.policy, sample.kept)
    result = {
        "policy": driver.name,
        "scenario": config.run.scenario,
        "town": env.town.name,
        "split": split,
        "image": _image_of(config, shown),
        "overrides": list(overrides),
        "config_hash": config_hash(_without_worlds(config)),
        "episode_seeds": seeds,
        "summary": summarise(records),
        "inference_latency_ms": None if latency is None else latency.to_dict(),
    }
    if as_json:
        print(json.dumps({**result, "episodes": [record.to_dict() for record in records]}, indent=2))
    else:
        print(render(result))
    failures = sum(record.outcome == "simulator_failure" for record in records)
    if failures:
        print(f"warning: {failures} of {len(records)} episodes were cut by a failing simulator", file=sys.stderr)
    if lost is not None:
        raise lost
    return 0


def _image_of(config: Config, shown: Image) -> Image:
    """What the policy was shown, whether a flag or the settings said so."""
    if config.environment.blank_image:
        return "blank"
    return "leader_erased" if shown == "seen" and config.environment.erase_leader else shown


def with_flags(
    config: Config,
    scenario: int | None,
    seed: int | None,
    episodes: int | None,
    num_envs: int | None,
    blank_image: bool,
    town: str | None = None,
) -> Config:
    """The settings of a driver, changed by what the command line says; checked like any others.

    Raises:
        UserError: an impossible value.
    """
    changes: dict[str, dict[str, Any]] = {
        "run": {"scenario": scenario},
        "evaluation": {"seed": seed, "episodes": episodes, "num_envs": num_envs},
        "environment": {"blank_image": blank_image or None, "town": town},
    }
    for section, values in changes.items():
        for name, value in values.items():
            if value is not None:
                config = _changed(config, section, name, value)
    return config


def _changed(config: Config, section: str, name: str, value: Any) -> Config:
    from pydantic import ValidationError

    from av_td3_system.config.refusals import refusal

    settings = config.model_dump()
    settings[section][name] = value
    try:
        return Config.model_validate(settings)
    except ValidationError as error:
        flag = "--" + name.replace("_", "-")
        raise refusal(error, [(flag, {section: {name: value}})]) from error


def render(result: Mapping[str, Any]) -> str:
    """The measures in words, n always beside them."""
    summary = result["summary"]
    low, high = summary["success_rate_interval"]
    outcomes = ", ".join(f"{name} {count}" for name, count in summary["outcomes"].items() if count)
    image = "" if result["image"] == "seen" else f", image {result['image']}"
    changed = "".join(f", {text}" for text in result["overrides"])
    seeds = result["episode_seeds"]
    lines = [
        f"{result['policy']}: scenario {result['scenario']}, {result['town']}, {result['split']} routes"
        f"{image}{changed}, n {summary['n_episodes']} (episode seeds {seeds[0]} to {seeds[-1]})",
        f"success rate       {summary['success_rate']:.3f}  (95 % Wilson {low:.3f} to {high:.3f})",
        f"route completion   {summary['route_completion']:.3f}  (std {summary['route_completion_std']:.3f})",
        f"episode reward     {summary['episode_reward']:.1f}  (std {summary['episode_reward_std']:.1f})",
        f"collisions per km  {_figure(summary['collisions_per_km'])}  "
        f"(upper 95 % {_figure(summary['collisions_per_km_upper'])}, {summary['distance_km']:.2f} km)",
        f"lane invasions/km  {_figure(summary['lane_invasions_per_km'])}",
        f"off-road per km    {_figure(summary['off_road_per_km'])}",
        f"average speed      {_figure(summary['average_speed'])} km/h",
        f"completion time    {_figure(summary['completion_time'])} s, over successes",
        f"lateral deviation  {_figure(summary['lateral_deviation'])} m",
        f"outcomes           {outcomes}",
        *latency_in_words(result["inference_latency_ms"]),
    ]
    return "\n".join(lines)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


class _Progress:
    """A line on standard error for every tenth of the episodes."""

    def __init__(self) -> None:
        self._told = 0

    def __call__(self, done: int, total: int) -> None:
        tenth = 10 * done // total
        if tenth > self._told:
            self._told = tenth
            print(f"evaluated {done}/{total} episodes", file=sys.stderr)


def _without_worlds(config: Config) -> Config:
    """The settings that say what was evaluated: how many worlds did it side by side is not among them."""
    return config.model_copy(update={"evaluation": config.evaluation.model_copy(update={"num_envs": 1})})
