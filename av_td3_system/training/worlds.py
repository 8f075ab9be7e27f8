"""The worlds that a run learns in: those it is judged in, with more encounters, and cut where a car stands."""

from __future__ import annotations

from av_td3_system.config.schema import Config
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.town.world import TownWorlds


def training_worlds(config: Config) -> TownVectorEnv:
    """The environment of a training run, with the surroundings where its critic reads them.

    Raises:
        UserError: the settings name no town, route or weather that there is.
    """
    run = config.run
    env = batch_for_training(config, run.num_envs, run.seed)
    for split in ("train", "validation"):  # a town without such routes is refused now, not at the first episode
        TownWorlds(env.town, env.config, 1, split).begin(0, run.seed)
    return env


def batch_for_training(config: Config, num_envs: int, seed: int) -> TownVectorEnv:
    """So many training worlds; the benchmarks measure these too."""
    surroundings = config.critic_reads_surroundings
    return TownVectorEnv(for_training(config), num_envs, seed, surroundings=surroundings, copy=False)


def for_training(config: Config) -> Config:
    """The training worlds' settings: more encounters, and a car that stands soon begins anew."""
    exploration = config.exploration
    idle = min(exploration.idle_limit, config.environment.stuck_time)
    denser = {name: getattr(exploration, name) for name in ("on_route", "hazard_rate", "hazard_interval")}
    traffic = {name: value for name, value in denser.items() if value is not None}
    return config.model_copy(
        update={
            "environment": config.environment.model_copy(update={"stuck_time": idle}),
            "traffic": config.traffic.model_copy(update=traffic),
        }
    )
