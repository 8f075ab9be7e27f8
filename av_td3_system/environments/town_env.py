"""One town world as a plain Gymnasium environment (`AvTd3/Town-v0`)."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from av_td3_system.config.schema import Config
from av_td3_system.environments.vector_env import TownVectorEnv


class TownEnv(gymnasium.Env[dict[str, np.ndarray], np.ndarray]):
    """The batched town with one world; the contract is that of `TownVectorEnv` without the first axis.

    `info` has `return_ends` (bool), `reward_terms` (5,), `speed` (m/s), `frame_ticks` and, when an
    episode ends, `episode_record` (a plain dict).
    """

    _batched: type[TownVectorEnv] = TownVectorEnv
    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012 (as Gymnasium declares it)

    def __init__(self, config: Config | None = None, split: str = "train", render_mode: str | None = None) -> None:
        self._batch = self._batched(config, num_envs=1, split=split)
        self.observation_space = self._batch.single_observation_space
        self.action_space = self._batch.single_action_space
        self.render_mode = render_mode

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begin the next episode; a `seed` restarts the sequence of episodes."""
        super().reset(seed=seed)
        observation, infos = self._batch.reset(seed=seed)
        return _first(observation), {"frame_ticks": infos["frame_ticks"][0]}

    def step(self, action: np.ndarray) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """One decision."""
        observation, reward, terminated, truncated, infos = self._batch.step(np.asarray(action)[None])
        if infos["_final_obs"][0]:
            observation = infos["final_obs"]
        record = infos["episodes"][0]
        info = {
            "return_ends": bool(infos["return_ends"][0]),
            "reward_terms": infos["reward_terms"][0],
            "speed": float(infos["speed"][0]),
            "frame_ticks": infos["frame_ticks"][0],
        }
        if record is not None:
            info["episode_record"] = record.to_dict()
        if "faults" in infos:
            info["faults"] = infos["faults"]
        return _first(observation), float(reward[0]), bool(terminated[0]), bool(truncated[0]), info

    def render(self) -> np.ndarray | None:  # type: ignore[override]
        """The newest camera frame as RGB uint8 (H, W, 3)."""
        if self.render_mode != "rgb_array":
            return None
        planes = self._batch.view.newest[0]  # 1 or 3
        return np.ascontiguousarray(np.broadcast_to(planes.transpose(1, 2, 0), (*planes.shape[1:], 3)))


def _first(observation: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: array[0] for name, array in observation.items()}
