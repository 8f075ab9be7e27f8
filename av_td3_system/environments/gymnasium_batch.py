"""Any Gymnasium environment with a state vector and real actions, as the worlds of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from av_td3_system.config.errors import UserError
from av_td3_system.config.layout import NO_IMAGE
from av_td3_system.environments.gymnasium_make import make_environment
from av_td3_system.environments.plain_episode import PlainEpisode
from av_td3_system.environments.seeding import short_episode_seed
from av_td3_system.environments.worlds import Observation


class GymnasiumBatch:
    """N environments of one name, stepped one after the other; see `worlds.Worlds` for the contract.

    Observations are flattened to float32. Actions in [-1, 1] are mapped linearly to the environment's bounds.
    `terminated` ends the return; `truncated` ends the episode alone, and what follows is bootstrapped from the true
    last observation. Every episode is reset with a seed of its own: given for an evaluation, else made of the run's
    seed, the world and the episode's number.

    Args:
        name: of the environment.
        num_envs: N.
        seed: names all training episodes.

    Raises:
        UserError: see `gymnasium_make.make_environment`.
    """

    def __init__(self, name: str, num_envs: int = 1, seed: int = 0) -> None:
        self.name, self.num_envs = name, num_envs
        self._envs = [make_environment(name) for _ in range(num_envs)]
        box: Any = self._envs[0].action_space
        self._box = box
        self._low = box.low.astype(float).ravel()
        self._range = box.high.astype(float).ravel() - self._low
        self.vector_dim = int(np.prod(self._envs[0].observation_space.shape or ()))
        self.action_dim = self._low.size
        self.active = np.ones(num_envs, np.bool_)
        self._image = np.zeros((num_envs, *NO_IMAGE), np.uint8)
        self._vector = np.zeros((num_envs, self.vector_dim), np.float32)
        self._sum, self._length = np.zeros(num_envs), np.zeros(num_envs, np.int64)
        self._seed = seed
        self._drawn = np.zeros(num_envs, np.int64)  # episodes begun by each world
        self._episode_seed = np.zeros(num_envs, np.int64)
        self._assigned: list[list[int]] | None = None

    def assign_episodes(self, seeds: Sequence[Sequence[int]]) -> None:
        """From the next `reset` on world w plays exactly the episodes `seeds[w]`, then idles."""
        if len(seeds) != self.num_envs:
            raise ValueError(f"{len(seeds)} lists of episode seeds for {self.num_envs} worlds")
        self._assigned = [list(map(int, quota)) for quota in seeds]

    def reset(self) -> tuple[Observation, dict[str, Any]]:
        """Begin a new episode in every world."""
        self.active[:] = True
        for w in range(self.num_envs):
            self._begin(w)
        return self.observation(), {}

    def reach(self, timestep: int) -> None:
        """Its episodes are the same at every timestep."""

    def step(self, actions: np.ndarray) -> tuple[Observation, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One decision in every active world.

        Raises:
            ValueError: the actions are not (N, A); beyond [-1, 1] they are clipped.
            UserError: an assigned episode observes or earns what is not finite, so it has no result. In training that
                is for the guards to see.
        """
        # A run or an evaluation refuses what is not finite before it comes here; whoever steps by hand gets zero.
        actions = np.clip(np.nan_to_num(np.asarray(actions, float)), -1.0, 1.0)
        if actions.shape != (self.num_envs, self.action_dim):
            raise ValueError(f"actions of shape {actions.shape}, not ({self.num_envs}, {self.action_dim})")
        rewards = np.zeros(self.num_envs)
        terminated, truncated = np.zeros((2, self.num_envs), np.bool_)
        for w in np.flatnonzero(self.active):
            seen, reward, ends, cut, _ = self._envs[w].step(self._scaled(actions[w]))
            self._vector[w] = np.asarray(seen).ravel()
            rewards[w], terminated[w], truncated[w] = float(reward), ends, cut and not ends
        if self._assigned is not None and not (np.isfinite(rewards).all() and np.isfinite(self._vector).all()):
            raise UserError(
                f"{self.name} gave an observation or a reward that is not finite", "it cannot be evaluated in as it is"
            )
        self._sum += rewards
        self._length += self.active
        over = terminated | truncated
        infos: dict[str, Any] = {
            "return_ends": terminated,
            "reward_terms": rewards[:, None],
            "episodes": [self._record(w, bool(terminated[w])) if over[w] else None for w in range(self.num_envs)],
            "_final_obs": over,
        }
        if over.any():
            infos["final_obs"] = self.observation()
            for w in np.flatnonzero(over):
                self._begin(int(w))
        return self.observation(), rewards, terminated, truncated, infos

    def _scaled(self, action: np.ndarray) -> np.ndarray:
        """An action (A,) in [-1, 1] within the environment's bounds, in its shape and type."""
        box = self._box
        scaled = (self._low + (action + 1) / 2 * self._range).astype(box.dtype).reshape(box.shape)
        return np.clip(scaled, box.low, box.high)

    def _record(self, w: int, ends: bool) -> PlainEpisode:
        return PlainEpisode(
            episode_seed=int(self._episode_seed[w]),
            env=self.name,
            outcome="terminated" if ends else "truncated",
            episode_reward=float(self._sum[w]),
            length=int(self._length[w]),
        )

    def _begin(self, w: int) -> None:
        """Begin the next episode of a world, or idle it if its quota is used up."""
        if self._assigned is None:
            self._episode_seed[w] = short_episode_seed(self._seed, w, int(self._drawn[w]))
        elif self._assigned[w]:
            self._episode_seed[w] = self._assigned[w].pop(0)
        else:
            self.active[w] = False
            return
        self._drawn[w] += 1
        seen, _ = self._envs[w].reset(seed=int(self._episode_seed[w]))
        self._vector[w] = np.asarray(seen).ravel()
        self._sum[w], self._length[w] = 0.0, 0

    restores_episodes = False
    shares_worlds = False

    def observation(self) -> Observation:
        """What is to be seen now."""
        return {"image": self._image, "vector": self._vector.copy()}

    def state_dict(self) -> dict[str, Any]:
        """Which episodes have begun and what was seen last; where the open ones are is the environment's own."""
        return {"drawn": self._drawn.copy(), "seed": self._seed, "vector": self._vector.copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See what was seen last; with a `reset` go on with the next episodes."""
        self._drawn[...] = state["drawn"]
        self._seed = int(state["seed"])
        self._vector[...] = state["vector"]

    def close(self) -> None:
        """Close every environment."""
        for env in self._envs:
            env.close()
