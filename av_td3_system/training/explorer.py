"""How commands are chosen while there is something to learn, and what is kept of a decision: beside the worlds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from av_td3_system.agents.exploration import (
    GaussianExploration,
    MotionExploration,
    UniformExploration,
    WarmupExploration,
)
from av_td3_system.checkpointing.random_state import generator_state, restore_generator
from av_td3_system.config.schema import Config
from av_td3_system.replay.sight import Sight
from av_td3_system.training.worlds import Shapes

Observation = dict[str, np.ndarray]
Policy = Callable[[Observation], np.ndarray]
"""Actions float32 (N, A) of the policy that learns, without noise."""

STREAMS = ("warmup", "exploration", "motion")


class Experience(NamedTuple):
    """One decision of each of N worlds, as a replay takes it and a run records it.

    Attributes:
        seen: what was acted on.
        actions: float32 (N, A).
        rewards: (N,).
        last: the true last observation where an episode is over, undefined elsewhere.
        infos: of the step, as `environments.worlds.Worlds` says.
        following: float32 (N, D), the vector seen next.
    """

    seen: Sight
    actions: np.ndarray
    rewards: np.ndarray
    last: Sight
    infos: Mapping[str, Any]
    following: np.ndarray


class Explorer:
    """Acts in N worlds for a policy that learns.

    Args:
        config: the run's settings.
        shapes: of what is observed and done.
        num_envs: N.
        generators: of `STREAMS`, by name; saved and restored here.
    """

    def __init__(
        self, config: Config, shapes: Shapes, num_envs: int, generators: Mapping[str, np.random.Generator]
    ) -> None:
        self._planes, self._starts = shapes.planes, config.learning_starts
        self._recalls = config.agent.target_action == "recalled"
        self._wanted: np.ndarray | None = None  # by the policy itself where it was last asked to act, (N, A)
        self._generators = generators
        self.noise = GaussianExploration(config.agent.exploration_noise, generators["exploration"])
        self.warmup: WarmupExploration | UniformExploration
        self.motion: MotionExploration | None = None  # for a car alone: what keeps it moving
        if config.run.env is not None:
            self.warmup = UniformExploration(num_envs, shapes.action, generators["warmup"])
            return
        exploration = config.exploration
        decision = config.environment.tick * config.environment.action_repeat
        self.warmup = WarmupExploration(num_envs, exploration, decision, generators["warmup"])
        share, half_life = exploration.motion_share, exploration.motion_half_life
        self.motion = MotionExploration(num_envs, share, half_life, generators["motion"])

    def act(self, observation: Observation, policy: Policy, exploring: bool, guided: bool = False) -> np.ndarray:
        """Actions float32 (N, A): the policy's with noise, or the warm-up's own while `exploring`.

        Args:
            observation: of N worlds.
            policy: asked where its actions are needed.
            exploring: nothing is learned yet.
            guided: the policy knows something from the start, and drives then, too.
        """
        random = exploring and not guided
        if self._recalls or not random:
            self._wanted = policy(observation)
        if random or self._wanted is None:
            return self.warmup.act()
        if self.motion is None or guided:
            return self.noise.perturb(self._wanted)
        warmup = self.warmup.act()
        return self.motion.mix(self.noise.perturb(self._wanted), warmup)

    def experience(
        self,
        observation: Observation,
        policy: Policy,
        actions: np.ndarray,
        rewards: np.ndarray,
        infos: Mapping[str, Any],
        following: Observation,
    ) -> Experience:
        """What one decision, `act`'s last, came to.

        Args:
            observation: what was acted on; of its images the newest frame at least, unchanged since.
            policy: asked what it wants on last observations, which nobody acts on.
            actions: float32 (N, A). rewards: (N,). infos: of the step.
            following: the observation that the step gave.
        """
        over = infos["_final_obs"]
        final = infos.get("final_obs", observation)
        wanted = None
        if self._recalls and self._wanted is not None:
            wanted = np.zeros_like(self._wanted)
            if over.any():
                wanted[over] = policy({name: array[over] for name, array in final.items()})
        seen, last = self.sight(observation, self._wanted), self.sight(final, wanted)
        return Experience(seen, actions, rewards, last, infos, following["vector"])

    def begin(self, over: np.ndarray, step: int) -> None:
        """New episodes begin where `over` (N,) is true, after a decision taken at `step`."""
        self.warmup.reset(over)
        if self.motion is not None:
            self.motion.reset(over, step - self._starts)

    def newest(self, observation: Observation) -> np.ndarray:
        """The newest frame of each stack, uint8 (N, planes, H, W), without pixels where there is no camera; a copy."""
        return observation["image"][:, -self._planes :].copy()

    def sight(self, observation: Observation, wanted: np.ndarray | None) -> Sight:
        """What a replay keeps of an observation."""
        newest = observation["image"][:, -self._planes :]
        return Sight(newest, observation["vector"], observation.get("surroundings"), wanted)

    def cut(self, last: Observation, policy: Policy) -> Sight:
        """Every open episode is over: what was seen last, as a replay takes it."""
        self.warmup.reset(np.ones(len(last["vector"]), bool))
        return self.sight(last, policy(last) if self._recalls else None)

    def state_dict(self) -> dict[str, Any]:
        """Where exploration stands."""
        return {
            "warmup": self.warmup.state_dict(),
            "motion": self.motion.state_dict() if self.motion is not None else {},
            "generators": {name: generator_state(self._generators[name]) for name in STREAMS},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what `state_dict` gave.

        Raises:
            UserError: it is of another number of worlds.
        """
        self.warmup.load_state_dict(state["warmup"])
        if self.motion is not None:
            self.motion.load_state_dict(state["motion"])
        for name in STREAMS:
            restore_generator(self._generators[name], state["generators"][name])
