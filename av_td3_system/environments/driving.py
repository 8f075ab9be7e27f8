"""The worlds that the settings ask for: the town's, or those of CARLA servers."""

from __future__ import annotations

from typing import Any

from av_td3_system.config.schema import Config
from av_td3_system.environments.vector_env import TownVectorEnv


def driving_worlds(config: Config, num_envs: int, **options: Any) -> TownVectorEnv:
    """N worlds; `options` are those of `TownVectorEnv`.

    Raises:
        UserError: there is no such town, or the backend lacks something.
    """
    if config.run.backend == "carla":
        from av_td3_system.environments.carla.vector_env import CarlaVectorEnv

        return CarlaVectorEnv(config, num_envs, **options)
    return TownVectorEnv(config, num_envs, **options)
