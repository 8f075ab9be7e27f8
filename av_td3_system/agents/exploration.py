"""How a policy that knows nothing yet is made to meet the road, or whatever it is to act in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from av_td3_system.config.errors import UserError
from av_td3_system.config.schema import ExplorationConfig

WIDEST = 2.0  # greatest steering amplitude of an episode, times the set spread


class WarmupExploration:
    """Temporally correlated actions (Ornstein-Uhlenbeck): forward on average, to both sides alike.

    Each episode has a steering amplitude of its own: some stay in their lane for long, some show what
    hard steering does. Independent actions at 10 Hz average out to a car that stays where it is. The process is
    discretised exactly, so its spread does not depend on the decision's length.

    Args:
        num_envs: parallel worlds N.
        config: correlation time, means and spreads.
        decision_s: simulated seconds between two actions.
        rng: saved and restored by its owner.
    """

    def __init__(self, num_envs: int, config: ExplorationConfig, decision_s: float, rng: np.random.Generator) -> None:
        self._keep = math.exp(-decision_s / config.correlation_time)
        self._mean = np.array([0.0, config.throttle_mean])  # a mean steering angle would teach one side only
        self._std = np.array([config.steer_std, config.throttle_std])
        self._rng = rng
        self._noise = rng.standard_normal((num_envs, 2))
        self._amplitude = rng.uniform(0.0, WIDEST, num_envs)

    def act(self) -> np.ndarray:
        """Next actions, float32 (N, 2) in [-1, 1]: steering, throttle or brake."""
        spread = self._std * self._noise
        spread[:, 0] *= self._amplitude
        actions = np.clip(self._mean + spread, -1, 1).astype(np.float32)
        fresh = self._rng.standard_normal(self._noise.shape)
        self._noise = self._keep * self._noise + math.sqrt(1 - self._keep**2) * fresh
        return actions

    def reset(self, mask: np.ndarray) -> None:
        """Begin anew in the worlds where `mask` (N,) is true."""
        mask = np.asarray(mask, bool)
        count = int(mask.sum())
        self._noise[mask] = self._rng.standard_normal((count, 2))
        self._amplitude[mask] = self._rng.uniform(0.0, WIDEST, count)

    def state_dict(self) -> dict[str, Any]:
        """The process where it stands."""
        return {"noise": self._noise.copy(), "amplitude": self._amplitude.copy()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a stored state.

        Raises:
            UserError: it is of another number of worlds.
        """
        noise = np.array(state["noise"], float)
        if noise.shape != self._noise.shape:
            raise UserError(
                f"the stored exploration is of {len(noise)} worlds, the settings ask for {len(self._noise)}",
                "keep run.num_envs when resuming",
            )
        self._noise = noise
        self._amplitude = np.array(state["amplitude"], float)


class UniformExploration:
    """Independent uniformly random actions, the warm-up of TD3 as published.

    Args:
        num_envs: parallel worlds N.
        action_dim: A.
        rng: saved and restored by its owner.
    """

    def __init__(self, num_envs: int, action_dim: int, rng: np.random.Generator) -> None:
        self._shape, self._rng = (num_envs, action_dim), rng

    def act(self) -> np.ndarray:
        """Next actions, float32 (N, A) in [-1, 1]."""
        return self._rng.uniform(-1.0, 1.0, self._shape).astype(np.float32)

    def reset(self, mask: np.ndarray) -> None:
        """Nothing: an action depends on no other."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing beside the generator."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing."""


class MotionExploration:
    """In a share of episodes the pedal is the warm-up's: the car moves while the policy steers.

    A policy that has learned to fear crashes before it can steer stands still, and noise around full
    brake never moves the car, so it would meet nothing new. The share halves every `half_life`
    timesteps of learning, whatever the length of the run.

    Args:
        num_envs: parallel worlds N.
        share: of episodes at the beginning of learning, in [0, 1].
        half_life: timesteps of learning.
        rng: saved and restored by its owner.
    """

    def __init__(self, num_envs: int, share: float, half_life: float, rng: np.random.Generator) -> None:
        self._share, self._half_life, self._rng = share, half_life, rng
        self._moving = np.ones(num_envs, bool)

    def mix(self, actions: np.ndarray, warmup: np.ndarray) -> np.ndarray:
        """`actions` float32 (N, 2) with the pedal of `warmup` (N, 2) in the worlds that are made to move."""
        mixed = actions.copy()
        mixed[self._moving, 1] = warmup[self._moving, 1]
        return mixed

    def reset(self, mask: np.ndarray, learned_for: int) -> None:
        """Draw anew for the episodes that begin where `mask` (N,) is true, `learned_for` timesteps into learning."""
        share = self._share * 0.5 ** (max(learned_for, 0) / self._half_life)
        count = int(np.count_nonzero(mask))
        self._moving[mask] = self._rng.random(count) < share

    def state_dict(self) -> dict[str, Any]:
        """Which worlds are made to move."""
        return {"moving": self._moving.copy()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a stored state."""
        self._moving = np.array(state["moving"], bool)


class GaussianExploration:
    """Independent Gaussian noise on a learned policy's actions, as in TD3.

    Args:
        sigma: standard deviation, of the action range [-1, 1].
        rng: saved and restored by its owner.
    """

    def __init__(self, sigma: float, rng: np.random.Generator) -> None:
        self.sigma, self._rng = sigma, rng

    def perturb(self, actions: np.ndarray) -> np.ndarray:
        """Actions with noise, float32 (N, A), clipped to [-1, 1]."""
        noise = self.sigma * self._rng.standard_normal(actions.shape)
        return np.clip(actions + noise, -1, 1).astype(np.float32)
