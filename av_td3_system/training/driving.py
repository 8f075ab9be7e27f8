"""Who makes the decisions that a run learns from: the learner itself, in worlds of its own process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from av_td3_system.environments.worlds import Worlds
from av_td3_system.training.explorer import Experience, Observation
from av_td3_system.training.failure import refuse_non_finite, reset_finite, step_finite
from av_td3_system.training.learner import Learner
from av_td3_system.training.stopwatch import Pace, Stopwatch


class Driving:
    """Acts in the worlds of a run, one decision of each at a time, and remembers it.

    Args:
        env: the worlds. learner: acts and remembers. watch: times it.
        changed: told the positions (N,) of the replay from which on rows have changed.

    Attributes:
        pace: of the simulator.
        before: what a decision that came to nothing has changed, as it was before: parts of the run's state by name.
        interrupted: an evaluation has driven in these very worlds since.
    """

    def __init__(self, env: Worlds, learner: Learner, watch: Stopwatch, changed: Callable[[np.ndarray], None]) -> None:
        self._env, self._learner, self._watch, self._changed = env, learner, watch, changed
        self._observation: Observation | None = None
        self.pace = Pace(watch, "simulator")
        self.before: dict[str, Any] = {}
        self.interrupted = False

    @property
    def begun(self) -> bool:
        """Whether there is anything to act on."""
        return self._observation is not None

    def begin(self, step: int) -> None:
        """Begin episodes at this timestep, the first ones or those after a `cut`.

        Raises:
            SimulatorFailed, NotFinite: there are no worlds.
        """
        self._observation = reset_finite(self._env)

    def take_up(self) -> None:
        """Go on where the worlds' stored state stands; `interrupted` where it holds no open episodes."""
        self._observation = self._env.observation()
        self.interrupted = not self._env.restores_episodes

    def cut(self) -> None:
        """End the open episodes, which are lost, where they were seen last; `begin` begins new ones."""
        self.interrupted = False
        self._changed(self._learner.cut(self._env.observation()))

    def decide(self, step: int) -> Experience:
        """One decision of every world at this timestep, remembered.

        Raises:
            NotFinite: nothing of it is remembered, and `before` gives the state before it.
            SimulatorFailed: likewise.
        """
        env, learner, observation = self._env, self._learner, self._observation
        assert observation is not None
        with self._watch.section("acting"):
            self.before = {"learner": learner.state_dict(), "environment": env.state_dict()}
            actions = learner.act(observation, exploring=step < learner.config.learning_starts)
        refuse_non_finite(action=actions)
        # Only the newest frame is remembered, and the next step may change it in its place.
        seen = {**observation, "image": learner.explorer.newest(observation)}
        with self._watch.section("simulator"):
            env.reach(step + env.num_envs)
            following, rewards, infos = step_finite(env, actions)
        self.pace.count()
        self.before = {}
        with self._watch.section("replay"):
            came = learner.remember(step, seen, actions, rewards, infos, following)
        self._observation = following
        return came
