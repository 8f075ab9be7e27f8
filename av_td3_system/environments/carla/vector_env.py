"""The batched environment on CARLA servers: the town's contract, whoever moves the vehicles."""

from __future__ import annotations

from typing import Any

import numpy as np

from av_td3_system.config.errors import UserError
from av_td3_system.config.schema import Config, RandomizationConfig, VariationConfig
from av_td3_system.environments.carla.view import CarlaView
from av_td3_system.environments.carla.worlds import CarlaWorlds
from av_td3_system.environments.frame_stacks import FrameStacks
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.town.world import TownWorlds


class CarlaVectorEnv(TownVectorEnv):
    """N worlds, each on a server of its own, which batches of this process share: who resets, drives.

    Observation, action, reward, events and outcomes are those of `TownVectorEnv`, worked out by the same code from what
    the server tells. A server that fails ends its episode as `simulator_failure`; `infos["faults"]` says why.

    Raises:
        UserError: a setting that CARLA cannot follow.
    """

    shares_worlds = True
    restores_episodes = False

    def _simulate(self, split: str) -> tuple[TownWorlds, FrameStacks]:
        refuse_unknown_to_carla(self.config)
        camera, blank = self.config.camera, self.config.environment.blank_image
        worlds = CarlaWorlds(self.town, self.config, self.num_envs, split)
        return worlds, CarlaView(camera, self.num_envs, blank)

    def _settle(self, begun: np.ndarray) -> None:
        self.worlds.settle(self._weather)  # type: ignore[attr-defined]

    def step(
        self, actions: np.ndarray
    ) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """As of the town; `infos["faults"]` lists what servers did wrong, in words."""
        seen, rewards, terminated, truncated, infos = super().step(actions)
        infos["faults"] = [str(fault) for fault in self.worlds.take_faults()]  # type: ignore[attr-defined]
        return seen, rewards, terminated, truncated, infos

    def state_dict(self) -> dict[str, Any]:
        """Which episodes have begun and what was seen last; where the open ones are is the servers' own."""
        return {
            "view": self.view.state_dict(),
            "vector": self._vector.copy(),
            "surroundings": None if self._surroundings is None else self._surroundings.copy(),
            "drawn": self._drawn.copy(),
            "seed": self._seed,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See what was seen last; with a `reset` go on with the next episodes."""
        self.view.load_state_dict(state["view"])
        self._vector[...] = state["vector"]
        if self._surroundings is not None and state["surroundings"] is not None:
            self._surroundings[...] = state["surroundings"]
        self._drawn[...] = state["drawn"]
        self._seed = int(state["seed"])


def refuse_unknown_to_carla(config: Config) -> None:
    """Refuse what the town does to its worlds and nobody can ask of a server.

    Raises:
        UserError: names the setting.
    """
    unknown = {
        "randomization": config.randomization != RandomizationConfig(seed=config.randomization.seed),
        "variation": config.variation != VariationConfig(),
        "environment.action_delay": config.environment.action_delay > 0,
        "environment.erase_leader": config.environment.erase_leader,
    }
    named = [name for name, asked in unknown.items() if asked]
    if named:
        raise UserError(f"--backend carla: a CARLA server does not know {', '.join(named)}", "leave them as they are")
