"""Agent, replay and exploration as one thing that acts, remembers and learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from av_td3_system.agents.policy import choose_device
from av_td3_system.agents.td3 import TD3
from av_td3_system.checkpointing.random_state import generator_state, restore_generator
from av_td3_system.config.schema import Config, ReplayConfig
from av_td3_system.environments.worlds import Worlds
from av_td3_system.replay.batch import Batch
from av_td3_system.replay.choice import Sampling
from av_td3_system.replay.device_replay import DeviceReplay
from av_td3_system.replay.frame_replay import FrameReplay
from av_td3_system.replay.shape import ReplayShape
from av_td3_system.training.explorer import Experience, Explorer, Observation
from av_td3_system.training.worlds import shapes_of

GENERATORS = ("warmup", "exploration", "replay", "motion")  # in the order that the seed gives theirs


class Learner:
    """Everything that learning changes.

    Args:
        config: the run's settings; `config.run.seed` seeds weights, exploration and sampling.
        env: what is acted in; None is the town of the settings.
    """

    def __init__(self, config: Config, env: Worlds | None = None) -> None:
        self.config = config
        run, camera = config.run, config.camera
        shapes = shapes_of(config, env)
        self._recalls = config.agent.target_action == "recalled"
        self.guided = False  # its policy knows something from the start: neither warm-up nor pedal is random
        seeds = np.random.SeedSequence(run.seed).spawn(4)
        self._generators = {
            name: np.random.Generator(np.random.PCG64(seed)) for name, seed in zip(GENERATORS, seeds, strict=True)
        }
        self.agent = TD3(
            config.agent,
            config.network,
            shapes.image,
            shapes.vector,
            shapes.action,
            choose_device(run.device),
            run.seed,
            shapes.surroundings,
        )
        self.explorer = Explorer(config, shapes, run.num_envs, self._generators)
        # A transition and at most one last observation each, and a window in each world however short the run.
        stack, interval = (camera.stack, camera.frame_interval) if shapes.planes else (1, 1)
        most = 2 * (run.max_timesteps + run.num_envs * (stack * interval + config.agent.n_step))
        shape = ReplayShape(
            capacity=min(config.replay.capacity, most),
            num_envs=run.num_envs,
            image_shape=(shapes.planes, *shapes.image[1:]),
            vector_dim=shapes.vector,
            n_step=config.agent.n_step,
            gamma=config.agent.gamma,
            stack=stack,
            action_dim=shapes.action,
            frame_interval=interval,
            surroundings_dim=shapes.surroundings,
            policy_dim=shapes.action if self._recalls else 0,
            sampling=_sampling(config.replay, config.environment.tick * config.environment.action_repeat),
        )
        self.replay: FrameReplay | DeviceReplay
        if config.replay.on_device:
            self.replay = DeviceReplay(self.agent.device, shape, self._generators["replay"])
        else:
            file = None if config.replay.file is None else Path(config.replay.file).expanduser()
            self.replay = FrameReplay(shape, self._generators["replay"], file)

    def act(self, observation: Observation, exploring: bool) -> np.ndarray:
        """Actions with exploration, float32 (N, A): the policy's with noise, or the warm-up's own while `exploring`.

        Where the policy knows something from the start (`guided`), it drives then, too.
        """
        if exploring and self.agent.updates > 0:
            self.guided = False  # a remedy's warm-up: what the policy knew at first has not helped it
        return self.explorer.act(observation, self.agent.act, exploring, self.guided)

    def remember(
        self,
        step: int,
        observation: Observation,
        actions: np.ndarray,
        rewards: np.ndarray,
        infos: dict[str, Any],
        following: Observation,
    ) -> Experience:
        """Store one decision of every world, `act`'s last, taken at `step`; begin the next where an episode ended."""
        came = self.explorer.experience(observation, self.agent.act, actions, rewards, infos, following)
        self.store(came)
        self.explorer.begin(infos["_final_obs"], step)
        return came

    def store(self, came: Experience) -> None:
        """Put one decision of every world into the replay."""
        ends, over = came.infos["return_ends"], came.infos["_final_obs"]
        self.replay.add(came.seen, came.actions, came.rewards, ends, over, came.last)

    def can_learn(self) -> bool:
        """Whether there is a batch to learn from: transitions enough, and one that surely is `n_step` steps old."""
        unfinished = self.config.run.num_envs * self.config.agent.n_step  # at most: the last of each world
        return len(self.replay) >= max(self.config.agent.batch_size, unfinished + 1)

    def sample(self, updates: int = 1) -> Batch:
        """What so many updates in a row learn from, with the images that they look at."""
        size = self.config.agent.batch_size
        return self.replay.sample(size, updates, size if self.config.critic_reads_surroundings else None)

    def learned(self) -> None:
        """The agent has learned from the batch of the last `sample`: its errors are what it is drawn by from now on.

        And what its policy wants there, where an actor update has asked it, is what the replay recalls.
        """
        if self.config.replay.prioritized and isinstance(self.replay, FrameReplay):
            errors = self.agent.td_error.float().cpu().numpy()
            self.replay.prioritize(self.replay.drawn[:, : len(errors)], errors)
        if self._recalls and len(self.agent.policy_action):
            self.replay.recall(self.agent.policy_action)

    def cut(self, last: Observation) -> np.ndarray:
        """End every open episode at what was seen last, bootstrapped through; positions from which on rows changed."""
        return self.replay.cut(self.explorer.cut(last, self.agent.act))

    def state_dict(self) -> dict[str, Any]:
        """All that learning has changed but the agent and the replay, which are saved by themselves."""
        exploration = self.explorer.state_dict()
        return {
            **({"guided": True} if self.guided else {}),  # told where it holds, so that other runs' hashes stay
            **exploration,
            "generators": {name: generator_state(self._generators[name]) for name in GENERATORS},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        self.guided = bool(state.get("guided", False))
        self.explorer.load_state_dict(state)
        restore_generator(self._generators["replay"], state["generators"]["replay"])


def _sampling(replay: ReplayConfig, decision: float) -> Sampling:
    """How batches are drawn; `decision` is the time of one in seconds."""
    return Sampling(
        replay.priority_exponent if replay.prioritized else None,
        replay.before_failure_share,
        max(1, int(replay.before_failure_time / decision + 1e-9)),
    )
