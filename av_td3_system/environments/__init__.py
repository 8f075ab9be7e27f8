"""The Gymnasium contract: observation, action, route, outcome; the town or CARLA servers as backend."""

import gymnasium

TOWN_ID = "AvTd3/Town-v0"
CARLA_ID = "AvTd3/Carla-v0"


def register_environments() -> None:
    """Make the environments known to Gymnasium by name (harmless when repeated)."""
    if TOWN_ID not in gymnasium.registry:
        gymnasium.register(
            id=TOWN_ID,
            entry_point="av_td3_system.environments.town_env:TownEnv",
            vector_entry_point="av_td3_system.environments.vector_env:TownVectorEnv",
        )
        gymnasium.register(
            id=CARLA_ID,
            entry_point="av_td3_system.environments.carla.plain_env:CarlaEnv",
            vector_entry_point="av_td3_system.environments.carla.vector_env:CarlaVectorEnv",
        )
