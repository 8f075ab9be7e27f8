"""What the town is measured with: the training configuration, and what each case changes of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from av_td3_system.agents.baselines import make_policy
from av_td3_system.agents.exploration import WarmupExploration
from av_td3_system.config.load import load_config
from av_td3_system.config.schema import Config
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.training.worlds import batch_for_training
from benchmarks import golden_frames

TRAINING = "training set"  # the weathers that the configuration trains in
WEATHERS = (TRAINING, "ClearNoon", "HardRainNoon", "ClearNight", "FoggyNoon")
SPREAD = 10  # parts of a measurement whose lowest and highest rate are told
SETTLE = 10  # decisions before the clock starts


@dataclass(frozen=True)
class Case:
    """One measurement; what is not named is as in training."""

    worlds: int = 64
    scenario: int = 0
    weather: str = TRAINING
    camera: bool = True
    driver: str = "privileged"  # or "warm-up": the random actions that a training run begins with
    threads: int = field(default=1, kw_only=True)

    def config(self) -> Config:
        """The settings of a run with those of this case; `batch_for_training` makes its worlds of them."""
        settings: dict[str, Any] = {}
        if self.scenario:
            settings["run.scenario"] = self.scenario
        if self.weather != TRAINING:
            settings["environment.weathers"] = [self.weather]
        if not self.camera:
            settings["environment.blank_image"] = True
        return load_config(flags=settings)

    def description(self) -> dict[str, Any]:
        """The case in plain values, `vehicles` beside the scenario."""
        return asdict(self) | {"vehicles": self.config().traffic.vehicles[self.scenario]}


def all_cases(cores: int) -> list[Case]:
    """Worlds at 20 vehicles, vehicles at 64 and 256 worlds, weathers and a blank camera at 64, the driver at 256."""
    cases = []
    for threads in sorted({1, cores}):
        cases += [Case(worlds, threads=threads) for worlds in (1, 16, 64, 256, 1024)]
        cases += [Case(worlds, scenario, threads=threads) for scenario in (1, 2) for worlds in (64, 256)]
        cases += [Case(scenario=scenario, camera=False, threads=threads) for scenario in (0, 1, 2)]
    cases += [Case(weather=weather, threads=cores) for weather in WEATHERS[1:]]
    cases += [Case(256, driver="warm-up", threads=cores)]
    return cases


def measure(case: Case, decisions: int) -> dict[str, Any]:
    """Drive every world so many decisions.

    A step is one decision of one car: `step` alone is timed, with all that it does (dynamics, traffic, reward, the
    observation with the surroundings that training asks for, the frame, and the next episode where one has ended); the
    time of the driver is told beside it, since it is not the town's. All worlds begin at once, so episodes end in
    the measurement as often as in training only where it lasts as long as an episode.
    """
    import numba

    numba.set_num_threads(case.threads)
    env = batch_for_training(case.config(), case.worlds, 0)
    observation, _ = env.reset()
    drive = _driver(case.driver, env)
    for _ in range(SETTLE):
        observation, *_ = env.step(drive(observation, env))
    ended, driving, parts = 0, 0.0, []
    for part in np.array_split(np.arange(decisions), min(SPREAD, decisions)):
        stepping = 0.0
        for _ in part:
            begun = time.perf_counter()
            actions = drive(observation, env)
            decided = time.perf_counter()
            observation, *_, infos = env.step(actions)
            stepping += time.perf_counter() - decided
            driving += decided - begun
            ended += int(infos["_final_obs"].sum())
        parts.append((len(part), stepping))
    total = sum(stepping for _, stepping in parts)
    rates = [case.worlds * count / stepping for count, stepping in parts]
    return case.description() | {
        "steps_per_s": round(case.worlds * decisions / total),
        "lowest": round(min(rates)),
        "highest": round(max(rates)),
        "us_per_world_step": round(1e6 * total / (case.worlds * decisions), 2),
        "driver_us_per_world_step": round(1e6 * driving / (case.worlds * decisions), 2),
        "decisions": decisions,
        "episodes_ended": ended,
    }


def golden() -> dict[str, np.ndarray]:
    """Newest frames, uint8 (worlds, H, W), of every weather after the golden pictures' number of decisions."""
    frames = {}
    for weather in WEATHERS:
        env = batch_for_training(Case(weather=weather).config(), golden_frames.WORLDS, golden_frames.SEED)
        observation, _ = env.reset()
        drive = _driver("privileged", env)
        for _ in range(golden_frames.DECISIONS):
            observation, *_ = env.step(drive(observation, env))
        frames[weather] = observation["image"][:, -1]
    return frames


def _driver(name: str, env: TownVectorEnv) -> Callable[[dict[str, np.ndarray], TownVectorEnv], np.ndarray]:
    if name != "warm-up":
        return make_policy(name)
    environment = env.config.environment
    decision = environment.tick * environment.action_repeat
    warmup = WarmupExploration(env.num_envs, env.config.exploration, decision, np.random.default_rng(0))
    return lambda observation, env: warmup.act()
