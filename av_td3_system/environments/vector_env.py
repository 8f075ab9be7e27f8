"""The batched town as a Gymnasium vector environment (the contract that agents see)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from av_td3_system.config.schema import Config
from av_td3_system.environments.curriculum import Curriculum, Drawn
from av_td3_system.environments.earning import before_decision, earned
from av_td3_system.environments.episode import OUTCOMES, EpisodeRecord
from av_td3_system.environments.frame_stacks import FrameStacks
from av_td3_system.environments.motion import motion_of
from av_td3_system.environments.observation import LIMIT, observation_scales, observe, vector_dim
from av_td3_system.environments.outcome import RUNNING, SIMULATOR_FAILURE, ends_return, is_truncation, judge
from av_td3_system.environments.seeding import episode_of, episode_seed
from av_td3_system.environments.surroundings import observe_surroundings, surroundings_dim
from av_td3_system.environments.tally import EpisodeTally
from av_td3_system.environments.view import CameraView
from av_td3_system.town.routes import SPLITS
from av_td3_system.town.town import load_town
from av_td3_system.town.world import TownWorlds


class TownVectorEnv(VectorEnv[dict[str, np.ndarray], np.ndarray, np.ndarray]):
    """N worlds driven at once; a world whose episode ends begins its next one in the same step.

    Observation: `image` uint8 (N, stack, H, W), oldest frame first; `vector` float32 (N, D), see
    `observation`. Action: float32 (N, 2) in [-1, 1]: steering (right positive, as CARLA) and pedal
    (throttle above zero, brake below).

    `step` adds to `infos`: `return_ends` (N,) bool, nothing is bootstrapped beyond; `final_obs`, an
    observation whose rows are valid where `_final_obs` (N,) holds, the true last observation of an
    episode that ended; `reward_terms` (N, 5) weighted, in the order of `rewards.TERMS`; `speed`
    (N,) m/s; `frame_ticks` (N, stack) world tick of each frame; `episodes`, a list of N
    `EpisodeRecord | None`.

    With `surroundings` the observation has a third entry of that name, float32 (N, S), see `config.layout`: what the
    simulator knows and no policy may read.

    Args:
        config: the resolved settings; None means the defaults.
        num_envs: N.
        seed: names all training episodes, with the world's index and the episode's number.
        split: "train", "validation" or "test": which routes are driven.
        surroundings: also observe what no policy may read, for a critic in training.
        copy: as of Gymnasium's `SyncVectorEnv`: observations are copies. Else images share memory with the worlds and
            are good until the next step, which saves a seventh of a step's time.
        motion: also give `motion` (N,) in `infos`, see `motion.MOTION`.
        curriculum: decides by the timestep (see `reach`) in what traffic and weather episodes begin. `config` must have
            room for its most vehicles and name its weathers; see `training.worlds.for_training`.
        first: index that the first of these worlds has among all of a run, others driving the rest.
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": []}  # noqa: RUF012 (as Gymnasium declares it)

    def __init__(
        self,
        config: Config | None = None,
        num_envs: int = 1,
        seed: int | None = None,
        split: str = "train",
        surroundings: bool = False,
        copy: bool = True,
        motion: bool = False,
        curriculum: Curriculum | None = None,
        first: int = 0,
    ) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs is {num_envs}, but there must be at least one world")
        if split not in SPLITS:
            raise ValueError(f"split is {split!r}, but must be one of {', '.join(SPLITS)}")
        self.config = config or Config()
        environment, camera = self.config.environment, self.config.camera
        self.num_envs = num_envs
        self.split = split
        self.town = load_town(environment.town)
        self.worlds, self.view = self._simulate(split)
        self.tally = EpisodeTally(num_envs)
        self.half_lane = 0.5 * float(np.median(self.town.network.lanes.width))  # m, median over lanes
        spaces: dict[str, gymnasium.Space[Any]] = {
            "image": gymnasium.spaces.Box(0, 255, (self.view.channels, camera.height, camera.width), np.uint8),
            "vector": gymnasium.spaces.Box(-LIMIT, LIMIT, (vector_dim(environment),), np.float32),
        }
        known = surroundings_dim(self.config)
        self._way_from = 0.5 * self.config.vehicle.length if self.config.network.critic_way else -1.0
        self._surroundings = np.zeros((num_envs, known), np.float32) if surroundings else None
        if surroundings:
            spaces["surroundings"] = gymnasium.spaces.Box(-np.inf, np.inf, (known,), np.float32)
        self.single_observation_space = gymnasium.spaces.Dict(spaces)
        self.single_action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.active = np.ones(num_envs, np.bool_)
        self._copy, self._motion = copy, motion
        self._scales = observation_scales(environment, self.config.vehicle)
        self._vector = np.zeros((num_envs, vector_dim(environment)), np.float32)
        self._last_action = np.zeros((num_envs, 2), np.float32)
        self._seed = self.config.run.seed if seed is None else seed
        self._drawn, self._first = np.zeros(num_envs, np.int64), first  # episodes begun by each world
        self._episode_seed = np.zeros(num_envs, np.int64)
        self._weather = np.zeros(num_envs, np.int64)
        self._assigned: list[list[int]] | None = None
        self._curriculum, self._timestep = curriculum, 0

    def _simulate(self, split: str) -> tuple[TownWorlds, FrameStacks]:
        """The worlds and what is seen of them."""
        config = self.config
        worlds = TownWorlds(self.town, config, self.num_envs, split)
        return worlds, CameraView(self.town, config.camera, config.environment, worlds, config.randomization)

    def assign_episodes(self, seeds: Sequence[Sequence[int]]) -> None:
        """Give every world its quota: world w drives exactly the episodes `seeds[w]`, then idles.

        Takes effect at the next `reset`. Idle worlds are False in `active`, earn nothing and give
        no records, so a batch is never biased towards the episodes that finish first.
        """
        if len(seeds) != self.num_envs:
            raise ValueError(f"{len(seeds)} lists of episode seeds for {self.num_envs} worlds")
        self._assigned = [list(map(int, quota)) for quota in seeds]

    @property
    def drawn(self) -> np.ndarray:
        """How many episodes each world has begun, int64 (N,); a copy."""
        return self._drawn.copy()

    def draw_from(self, drawn: np.ndarray) -> None:
        """With the next `reset` each world goes on behind its first `drawn` (N,) episodes."""
        self._drawn[...] = drawn

    def reach(self, timestep: int) -> None:
        """The run comes to this timestep with the next step: an episode that begins in it begins there."""
        self._timestep = timestep

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begin a new episode in every world; a `seed` restarts the sequence of episodes."""
        if isinstance(seed, list):
            seed = seed[0]
        if seed is not None:
            self._seed = int(seed)
            self._drawn[:] = 0
        self.active[:] = True
        self._begin(np.ones(self.num_envs, np.bool_))
        return self.observation(), {"frame_ticks": self.view.ticks}

    def step(
        self, actions: np.ndarray
    ) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One decision in every active world.

        Raises:
            gymnasium.error.ResetNeeded: no episode has begun.
            ValueError: the actions are not (N, 2) or not finite; beyond [-1, 1] they are clipped.
        """
        if not self._drawn.any():
            raise gymnasium.error.ResetNeeded("no episode has begun: call reset() before step()")
        state, environment = self.worlds.state, self.config.environment
        actions = np.clip(np.asarray(actions, np.float32), -1.0, 1.0)
        if actions.shape != (self.num_envs, 2):
            raise ValueError(f"actions of shape {actions.shape} for {self.num_envs} worlds, not ({self.num_envs}, 2)")
        if not np.isfinite(actions).all():
            raise ValueError("an action is not finite")
        active = self.active.copy()
        before = before_decision(state)
        self.worlds.advance(actions, active)
        codes = np.where(active, judge(state, environment), RUNNING)
        codes[self.worlds.failed] = SIMULATOR_FAILURE
        over = codes != RUNNING
        reward, terms = earned(before, state, self.config, self.half_lane, ends_return(codes))
        reward = np.where(active, reward, 0.0)
        self.tally.add(active, reward, terms, state["invasions"], state["lateral"])
        self._last_action[active] = actions[active]
        self.view.shift_in(self.worlds, active)
        self._look(active)
        episodes: list[EpisodeRecord | None] = [None] * self.num_envs
        for w in np.flatnonzero(over):
            episodes[w] = self._record(int(w), int(codes[w]))
        infos: dict[str, Any] = {
            "return_ends": ends_return(codes),
            "reward_terms": terms,
            "speed": state["ego_speed"].copy(),
            "episodes": episodes,
            "_final_obs": over,
        }
        if self._motion:
            infos["motion"] = motion_of(state)
        if over.any():
            infos["final_obs"] = {name: _rows(seen, over) for name, seen in self._present().items()}
            self._begin(over)
        infos["frame_ticks"] = self.view.ticks
        truncated = is_truncation(codes)
        return self.observation(), reward, over & ~truncated, truncated, infos

    @property
    def episode_seeds(self) -> np.ndarray:
        """The seed of each world's present episode, int64 (N,)."""
        return self._episode_seed

    def _record(self, w: int, code: int) -> EpisodeRecord:
        state = self.worlds.state
        return self.tally.record(
            w,
            outcome=OUTCOMES[code],
            episode_seed=int(self._episode_seed[w]),
            scenario=self.config.run.scenario,
            town=self.town.name,
            weather=self.config.environment.weathers[self._weather[w]],
            route_length=float(state["route_length"][w]),
            route_best=float(state["route_best"][w]),
            distance=float(state["travelled"][w]),
            time=float(state["time"][w]),
            vehicles=int(state["vehicles"][w]),
        )

    def _begin(self, mask: np.ndarray) -> None:
        """Begin the next episode of the masked worlds, or idle those whose quota is used up."""
        for w in np.flatnonzero(mask):
            if self._assigned is None:
                self._episode_seed[w] = episode_seed(
                    self._seed, SPLITS[self.split], self._first + int(w), int(self._drawn[w])
                )
            elif self._assigned[w]:
                self._episode_seed[w] = self._assigned[w].pop(0)
            else:
                self.active[w] = False
                continue
            self._drawn[w] += 1
            episode = episode_of(int(self._episode_seed[w]))
            drawn = self._draw(episode.stream)
            self._weather[w] = drawn.weather if episode.weather is None else episode.weather
            self.worlds.begin(int(w), episode.stream, episode.route, drawn.vehicles)
            self.view.begin(int(w), int(self._weather[w]), episode.stream)
            self.tally.clear(int(w))
            self._last_action[w] = 0.0
        begun = mask & self.active
        self._settle(begun)
        self.view.fill(self.worlds, begun)
        self._look(begun)

    def _settle(self, begun: np.ndarray) -> None:
        """Called when episodes have begun, before they are looked at."""

    def _draw(self, stream: int) -> Drawn:
        """Traffic and weather of the episode of that stream's seed."""
        if self._curriculum is None:
            return Drawn(None, stream % len(self.config.environment.weathers))
        return self._curriculum.draw(self._timestep, stream)

    def _look(self, mask: np.ndarray) -> None:
        """Bring all of the masked worlds' observations up to date but the image."""
        observe(self.worlds.state, self._scales, self._last_action, mask, self._vector)
        if self._surroundings is not None:
            observe_surroundings(self.worlds.state, self._scales, self._way_from, mask, self._surroundings)

    restores_episodes = True
    shares_worlds = False

    def observation(self) -> dict[str, np.ndarray]:
        """What is to be seen now."""
        shared = ("image",) if not self._copy else ()
        return {name: seen if name in shared else seen.copy() for name, seen in self._present().items()}

    def _present(self) -> dict[str, np.ndarray]:
        """What is to be seen now, in memory that the next step changes."""
        known = {} if self._surroundings is None else {"surroundings": self._surroundings}
        return {"image": self.view.frames, "vector": self._vector, **known}

    def state_dict(self) -> dict[str, Any]:
        """All that the worlds and their open episodes consist of; restores to the bit."""
        return {
            "worlds": self.worlds.state_dict(),
            "tally": {name: array.copy() for name, array in self.tally.arrays().items()},
            "view": self.view.state_dict(),
            "vector": self._vector.copy(),
            "surroundings": None if self._surroundings is None else self._surroundings.copy(),
            "last_action": self._last_action.copy(),
            "active": self.active.copy(),
            "drawn": self._drawn.copy(),
            "episode_seed": self._episode_seed.copy(),
            "weather": self._weather.copy(),
            "seed": self._seed,
            "assigned": None if self._assigned is None else [list(quota) for quota in self._assigned],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave; the number of worlds and the scenario must be the same."""
        self.worlds.load_state_dict(state["worlds"])
        for name, array in self.tally.arrays().items():
            array[...] = state["tally"][name]
        self.view.load_state_dict(state["view"])
        self._vector[...] = state["vector"]
        self._last_action[...] = state["last_action"]
        self.active[...] = state["active"]
        self._drawn[...] = state["drawn"]
        self._episode_seed[...] = state["episode_seed"]
        self._weather[...] = state["weather"]
        self._seed = int(state["seed"])
        self._assigned = None if state["assigned"] is None else [list(quota) for quota in state["assigned"]]
        if self._surroundings is not None:
            if state["surroundings"] is None:
                raise ValueError("the state is of worlds without surroundings")
            self._surroundings[...] = state["surroundings"]
        for w in range(self.num_envs):
            self.view.begin(w, int(self._weather[w]), episode_of(int(self._episode_seed[w])).stream)


def _rows(array: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The masked rows of an array in their places, in memory of their own; the other rows are undefined."""
    rows = np.empty(array.shape, array.dtype)
    rows[mask] = array[mask]
    return rows
