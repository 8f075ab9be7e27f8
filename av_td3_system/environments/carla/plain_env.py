"""One world on a CARLA server as a plain Gymnasium environment (`AvTd3/Carla-v0`)."""

from __future__ import annotations

from av_td3_system.environments.carla.vector_env import CarlaVectorEnv
from av_td3_system.environments.town_env import TownEnv


class CarlaEnv(TownEnv):
    """As `TownEnv`, on the server at `carla.host` and `carla.port` of the settings.

    `info["faults"]` says in words what the server did wrong in a decision.
    """

    _batched = CarlaVectorEnv
