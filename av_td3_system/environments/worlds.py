"""What learning, evaluating and recording ask of environments in parallel, whatever they simulate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

Observation = dict[str, np.ndarray]


class Worlds(Protocol):
    """N environments stepped at once; one whose episode ends begins its next in the same step.

    An observation has `image` uint8 (N, C, H, W), with C = 0 where there is no camera, and `vector` float32 (N, D).
    Actions are float32 (N, A) in [-1, 1].

    Attributes:
        num_envs: N.
        active: bool (N,), False where the assigned episodes are used up.
    """

    num_envs: int
    active: np.ndarray

    def assign_episodes(self, seeds: Sequence[Sequence[int]]) -> None:
        """From the next `reset` on world w plays exactly the episodes `seeds[w]`, then idles."""

    def reset(self) -> tuple[Observation, dict[str, Any]]:
        """Begin a new episode in every world."""

    def reach(self, timestep: int) -> None:
        """The run comes to this timestep with the next step: an episode that begins in it begins there."""

    def observation(self) -> Observation:
        """What is to be seen now, as `reset` or the last `step` gave it; after `load_state_dict` what was seen then."""

    def step(self, actions: np.ndarray) -> tuple[Observation, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One decision: observation, rewards, terminated, truncated, infos.

        `infos` has `return_ends` bool (N,), nothing is bootstrapped beyond; `_final_obs` bool (N,), whose episode is
        over; `final_obs`, where any is, with the true last observation in their rows; `reward_terms` (N, K), what the
        rewards are the sums of; `episodes`, a list of N records or None.
        """

    def state_dict(self) -> dict[str, Any]:
        """Plain state."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict()`."""

    @property
    def restores_episodes(self) -> bool:
        """Whether the state holds the open episodes; else they are over when a run is resumed."""

    @property
    def shares_worlds(self) -> bool:
        """Whether an evaluation drives in the same worlds: the open episodes are lost to it."""

    def close(self) -> None:
        """Let go of what the environments hold."""
