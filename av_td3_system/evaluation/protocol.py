"""The evaluation protocol: fixed episodes, a fixed quota per world, nothing left out.

Episodes are dealt to the worlds before anything is driven. Taking the first n that finish instead
would favour short episodes, and short episodes are crashes or easy routes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from av_td3_system.environments.worlds import Worlds

W = TypeVar("W", bound=Worlds)
Progress = Callable[[int, int], None]
"""Called with (episodes done, episodes in all) whenever some have finished."""


class GivenUp(Exception):
    """An evaluation was asked to stop; it has no result."""


class StepObserver(Protocol):
    """Watches every decision of an evaluation; see `calibration.CalibrationMeter`."""

    def __call__(
        self,
        observation: dict[str, np.ndarray],
        actions: np.ndarray,
        rewards: np.ndarray,
        active: np.ndarray,
        over: np.ndarray,
        infos: dict[str, object],
    ) -> None:
        """One decision: what was seen, done and earned by each world.

        Args:
            observation: what the actions answered.
            actions: float32 (N, A).
            rewards: (N,).
            active: bool (N,), the worlds that were driving.
            over: bool (N,), the worlds whose episode ended with this decision.
            infos: of the step (`return_ends`, `final_obs`, ...).
        """
        ...


def deal(episode_seeds: Sequence[int], num_envs: int) -> list[list[int]]:
    """The quota of each world: seed k goes to world k mod N, whatever the worlds' speed."""
    return [list(episode_seeds[world::num_envs]) for world in range(num_envs)]


def evaluate_policy(
    policy: Callable[[dict[str, np.ndarray], W], np.ndarray],
    env: W,
    episode_seeds: Sequence[int],
    progress: Progress | None = None,
    observer: StepObserver | None = None,
    stop: Callable[[], bool] = lambda: False,
    kept: dict[int, Any] | None = None,
) -> list[Any]:
    """Drive exactly the given episodes to their end.

    Args:
        policy: deterministic in evaluation; a policy with state has `reset(mask)`, called before an
            episode begins.
        env: its open episodes are given up.
        episode_seeds: distinct.
        progress: told how many episodes are done.
        observer: watches every decision.
        stop: asked before each decision whether to give up.
        kept: gets the record of each seed as its episode ends, for who has a use for them where the simulator is lost.

    Returns:
        One record per seed (the town's `EpisodeRecord`, others' `PlainEpisode`), in the order of `episode_seeds`.

    Raises:
        ValueError: seeds repeat (the same deterministic episode twice is one sample, not two).
        RuntimeError: the environment returned other episodes than it was given.
        GivenUp: `stop` said so.
    """
    if len(set(episode_seeds)) != len(episode_seeds):
        raise ValueError("episode seeds repeat: the same episode twice is one sample")
    if not episode_seeds:
        return []
    env.assign_episodes(deal(episode_seeds, env.num_envs))
    observation, _ = env.reset()
    _begin_episodes(policy, np.ones(env.num_envs, np.bool_))
    records = {} if kept is None else kept
    while env.active.any():
        if stop():
            raise GivenUp
        active = env.active.copy()
        actions = policy(observation, env)
        following, rewards, terminated, truncated, infos = env.step(actions)
        over = active & (terminated | truncated)
        if observer is not None:
            observer(observation, actions, rewards, active, over, infos)
        if over.any():
            records.update({record.episode_seed: record for record in infos["episodes"] if record is not None})
            _begin_episodes(policy, over)
            if progress is not None:
                progress(len(records), len(episode_seeds))
        observation = following
    if records.keys() != set(episode_seeds):
        raise RuntimeError(f"{len(records)} episodes came back of {len(episode_seeds)} given")
    return [records[seed] for seed in episode_seeds]


def _begin_episodes(policy: object, mask: np.ndarray) -> None:
    reset = getattr(policy, "reset", None)
    if reset is not None:
        reset(mask)
