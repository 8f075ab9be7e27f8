"""The worlds that a run learns in and is judged in: the town's or another environment's.

Those of the town that it learns in have more encounters than those it is judged in, and are cut where a car stands.
"""

from __future__ import annotations

from typing import NamedTuple

from av_td3_system.config.layout import NO_IMAGE, PLANES
from av_td3_system.config.schema import Config
from av_td3_system.environments.gymnasium_batch import GymnasiumBatch
from av_td3_system.environments.observation import vector_dim
from av_td3_system.environments.surroundings import surroundings_dim
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.environments.worlds import Worlds
from av_td3_system.town.world import TownWorlds

# Settings of exploration that stand for those of traffic of the same names in training worlds.
ENCOUNTERS = ("on_route", "hazard_rate", "hazard_interval", "crossing_share")


class Shapes(NamedTuple):
    """What an agent must know of its worlds.

    Attributes:
        image: (C, H, W) of an observation, frames stacked.
        planes: of C that belong to the newest frame.
        vector: D.
        action: A.
        surroundings: what the critic is told beside, 0 where it sees.
    """

    image: tuple[int, int, int]
    planes: int
    vector: int
    action: int
    surroundings: int


def shapes_of(config: Config, env: Worlds | None = None) -> Shapes:
    """Shapes of the town's observations and actions by the settings; of another environment by itself."""
    if isinstance(env, GymnasiumBatch):
        return Shapes(NO_IMAGE, 0, env.vector_dim, env.action_dim, 0)
    camera, planes = config.camera, PLANES[config.camera.color]
    known = surroundings_dim(config) if config.critic_reads_surroundings else 0
    image = (camera.stack * planes, camera.height, camera.width)
    return Shapes(image, planes, vector_dim(config.environment), 2, known)


def training_worlds(config: Config) -> Worlds:
    """The environment of a training run, with the surroundings where its critic reads them.

    Raises:
        UserError: the settings name no town, route or weather that there is, or no environment that will do.
    """
    run = config.run
    if run.env is not None:
        return GymnasiumBatch(run.env, run.num_envs, run.seed)
    env = batch_for_training(config, run.num_envs, run.seed)
    for split in ("train", "validation"):  # a town without such routes is refused now, not at the first episode
        TownWorlds(env.town, env.config, 1, split).begin(0, run.seed)
    return env


def validation_worlds(config: Config, num_envs: int) -> Worlds:
    """So many worlds that a run is judged in."""
    if config.run.env is not None:
        return GymnasiumBatch(config.run.env, num_envs)
    return TownVectorEnv(config, num_envs, split="validation", surroundings=config.critic_reads_surroundings)


def batch_for_training(config: Config, num_envs: int, seed: int) -> TownVectorEnv:
    """So many training worlds; the benchmarks measure these too."""
    surroundings = config.critic_reads_surroundings
    return TownVectorEnv(for_training(config), num_envs, seed, surroundings=surroundings, copy=False)


def for_training(config: Config) -> Config:
    """The training worlds' settings: more encounters, and a car that stands soon begins anew."""
    exploration = config.exploration
    idle = min(exploration.idle_limit, config.environment.stuck_time)
    denser = {name: getattr(exploration, name) for name in ENCOUNTERS}
    traffic = {name: value for name, value in denser.items() if value is not None}
    if exploration.vehicles is not None:
        traffic["vehicles"] = (exploration.vehicles,) * 3
    return config.model_copy(
        update={
            "environment": config.environment.model_copy(update={"stuck_time": idle}),
            "traffic": config.traffic.model_copy(update=traffic),
        }
    )
