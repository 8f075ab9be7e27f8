"""One collector: worlds, a copy of the policy and exploration; it drives what it is asked to and learns nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from av_td3_system.agents.decision import decide
from av_td3_system.config.schema import Config
from av_td3_system.networks.actor_critic import PolicyNetwork
from av_td3_system.training.collecting.block import Block
from av_td3_system.training.explorer import STREAMS, Explorer
from av_td3_system.training.failure import refuse_non_finite, reset_finite, step_finite
from av_td3_system.training.worlds import at_servers, batch_for_training, shapes_of


@dataclass(frozen=True)
class Post:
    """Which worlds of a run a collector drives in, and from where on.

    Attributes:
        index: of the collector. worlds: how many it has. of: how many there are in the run.
        step: timestep at which it begins. drawn: int64 (worlds,), episodes that these worlds have begun before.
    """

    index: int
    worlds: int
    of: int
    step: int
    drawn: np.ndarray

    @property
    def first(self) -> int:
        """The first of its worlds."""
        return self.index * self.worlds


@dataclass(frozen=True)
class Order:
    """What a collector is to do next.

    Attributes:
        step: timestep of the first decision. decisions: of each world.
        guided: the policy drives before learning, too.
    """

    step: int
    decisions: int
    guided: bool


class Collector:
    """Drives in some of a run's worlds.

    Args:
        config: of the run. post: which worlds.

    Raises:
        UserError: there are no such worlds.
        SimulatorFailed, NotFinite: they do not begin.
    """

    def __init__(self, config: Config, post: Post) -> None:
        torch.set_num_threads(1)
        self._config, self._post = at_servers(config, post.first), post
        shapes = shapes_of(self._config)
        self._env = batch_for_training(self._config, post.worlds, config.run.seed, first=post.first)
        self._env.draw_from(post.drawn)
        self._network = PolicyNetwork.make(config.network, shapes.image, shapes.vector, shapes.action)
        seeds = np.random.SeedSequence([config.run.seed, post.index, post.step]).spawn(len(STREAMS))
        generators = {
            name: np.random.Generator(np.random.PCG64(seed)) for name, seed in zip(STREAMS, seeds, strict=True)
        }
        self._explorer = Explorer(self._config, shapes, post.worlds, generators)
        self._env.reach(post.step)
        self._observation = reset_finite(self._env)

    def collect(self, weights: Mapping[str, Tensor], order: Order) -> Block:
        """Make so many decisions with these weights.

        Raises:
            SimulatorFailed, NotFinite: this collector is of no more use.
        """
        self._network.load_state_dict(dict(weights))
        env, explorer, came = self._env, self._explorer, []
        for k in range(order.decisions):
            step = order.step + k * self._post.of
            seen = self._observation
            actions = explorer.act(seen, self._policy, step < self._config.learning_starts, order.guided)
            refuse_non_finite(action=actions)
            kept = {**seen, "image": explorer.newest(seen)}
            env.reach(step + self._post.of)
            following, rewards, infos = step_finite(env, actions)
            came.append(explorer.experience(kept, self._policy, actions, rewards, infos, following))
            explorer.begin(infos["_final_obs"], step)
            self._observation = following
        last = explorer.sight(self._observation, self._policy(self._observation))
        return Block.of(came, last, env.drawn)

    def _policy(self, observation: Mapping[str, Any]) -> np.ndarray:
        return decide(self._network, observation)
