"""Runs small enough for tests: two worlds without traffic or rendering, short episodes, tiny networks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from av_td3_system.agents.td3 import TD3
from av_td3_system.checkpointing.pieces import PieceStore
from av_td3_system.checkpointing.preemption import StopSignals
from av_td3_system.checkpointing.store import CheckpointStore
from av_td3_system.config.layout import SURROUNDINGS, WAY_NUMBERS
from av_td3_system.config.load import load_config
from av_td3_system.config.schema import Config, GuardRule
from av_td3_system.evaluation.metrics import summarise
from av_td3_system.evaluation.protocol import Progress as EvaluationProgress
from av_td3_system.monitoring.progress import Progress
from av_td3_system.monitoring.run_directory import RunDirectory
from av_td3_system.monitoring.run_log import RunLog
from av_td3_system.training.learner import Learner, Observation
from av_td3_system.training.loop import Ended, Training
from av_td3_system.training.recorder import Recorder
from av_td3_system.training.remedies import Remedies
from av_td3_system.training.saving import Saver
from av_td3_system.training.validation import Validator
from av_td3_system.training.worlds import training_worlds
from tests.records import evaluation_set

SIDE = 36  # pixels, the smallest image that the encoder takes
SETTINGS = (
    f"camera.width={SIDE}",
    f"camera.height={SIDE}",
    "environment.blank_image=true",
    "environment.route_length=[60,80]",
    "environment.slowest_speed=60",  # an episode is over after about 50 decisions ...
    "environment.time_allowance=1",
    "environment.stuck_time=1",  # ... or ten at a standstill
    "traffic.vehicles=[0,0,0]",
    "traffic.on_route=0",
    "network.crop_top=0",
    "network.channels=[8,8,8]",
    "network.features=16",
    "network.hidden=[16]",
    "agent.bfloat16=false",
    "agent.batch_size=4",
    "agent.n_step=1",
    "replay.capacity=1000",
    "exploration.learning_starts=12",
    "run.num_envs=3",
    "run.max_timesteps=30",
    "run.eval_freq=1000",
    "run.save_freq=1000",
    "run.log_interval=10",
    "run.device=cpu",
    "run.threads=1",
    "guards.interval=10",
    "evaluation.episodes=3",
    "evaluation.num_envs=2",
    "evaluation.video=false",
)
SHAPE = (4, SIDE, SIDE)
VECTOR = 27  # numbers beside the image


def small(*overrides: str) -> Config:
    """The settings above, under `section.setting=value`."""
    return load_config(overrides=[*SETTINGS, *overrides])


def with_rule(config: Config, metric: str, threshold: float, **rule: Any) -> Config:
    """Settings whose only rule is `metric` above `threshold`; it halts unless it says otherwise."""
    made = GuardRule(**{"metric": metric, "threshold": threshold, "unit": "", "severity": "halt", **rule})
    return config.model_copy(update={"guards": config.guards.model_copy(update={"rules": {"test_rule": made}})})


def make_directory(path: Path, config: Config) -> RunDirectory:
    return RunDirectory.create(
        path / "run", algo=config.run.algo, scenario=config.run.scenario, seed=config.run.seed, root=path
    )


@contextmanager
def training(path: Path, config: Config, **parts: Any) -> Iterator[Training]:
    """A run in `path`/run, ready to begin; `parts` replace those that it would be made of."""
    directory = make_directory(path, config)
    with StopSignals() as signals, RunLog(directory.log) as log, Recorder(directory, config, log) as recorder:
        made = {
            "env": training_worlds(config),
            "learner": Learner(config),
            "validator": Validator(directory, config),
        }
        made |= {name: part(directory, config) for name, part in parts.items()}
        store = CheckpointStore(directory.checkpoints, config.run.algo, config.checkpoint.keep_last)
        pieces, kept = PieceStore(directory.replay), config.checkpoint.keep_steps
        made["saver"] = Saver(store, pieces, made["learner"].replay, kept)
        made["remedies"] = Remedies(directory.remedies, config)
        yield Training(config=config, directory=directory, recorder=recorder, signals=signals, **made)


def run(training: Training) -> Ended:
    """Train to the end."""
    return training.run(Progress(training.config.run.max_timesteps))


class Promised(Validator):
    """Writes what a validation would have found: rewards given beforehand, one for each.

    Nothing is driven, so that a test may choose what becomes of the policy.
    """

    rewards: tuple[float, ...] = ()

    def validate(
        self,
        step: int,
        agent: TD3,
        progress: EvaluationProgress | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> dict[str, Any]:
        records = evaluation_set(self.rewards[len(self.history)], 0.5, n=5)
        summary = summarise(records)
        self._write(step, "validation", summary, [record.to_dict() for record in records], {})
        self.history.append((step, {**summary, "calibration": {}}))
        return self.history[-1][1]


def promise(*rewards: float) -> type[Promised]:
    """Validators that find these mean rewards, one after the other."""
    return type("Promised", (Promised,), {"rewards": rewards})


def seen(value: int, worlds: int = 3, dimensions: int = VECTOR) -> Observation:
    """An observation in which every number is `value`."""
    return {
        "image": np.full((worlds, *SHAPE), value, np.uint8),
        "vector": np.full((worlds, dimensions), value, np.float32),
        "surroundings": np.full((worlds, SURROUNDINGS + WAY_NUMBERS), value, np.float32),
    }


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
